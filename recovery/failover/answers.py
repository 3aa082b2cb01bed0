"""What the steps of an operation answer, as the journal keeps it."""

from datetime import datetime

from pydantic import AwareDatetime, BaseModel, ConfigDict

from recovery.check_results import CheckResult
from recovery.failover.fence import DatabaseState
from recovery.failover.preflight import Direction
from recovery.failover.reconciliation import Reconciliation
from recovery.failover.site import FenceReport


class Request(BaseModel):
    """What an operation is started with. ``operation`` names it through all its executions."""

    model_config = ConfigDict(frozen=True)

    direction: Direction = "failover"
    operation: str
    disaster_time: AwareDatetime | None = None
    accept_unproven: bool = False


class Approval(BaseModel):
    """Who let it go on, and when."""

    model_config = ConfigDict(frozen=True)

    approved_by: str
    approved_at: datetime


class FenceOutcome(BaseModel):
    """How the old primary was kept from writing. ``report`` is None when its guard did not answer."""

    model_config = ConfigDict(frozen=True)

    asked_at: datetime
    report: FenceReport | None

    @property
    def holds(self) -> bool:
        """Whether the database is known to take no writes any more."""
        return self.report is not None and self.report.database is not None


class CatchUp(BaseModel):
    """Whether the copy has everything that the old primary had.

    ``released`` is a failback's decision not to switch: the old primary goes on, and the operation promotes no more.
    """

    model_config = ConfigDict(frozen=True)

    complete: bool
    released: bool = False
    ended_at: datetime


class Adopted(BaseModel):
    """The promoted database as it was when its epoch began, and where it listens."""

    model_config = ConfigDict(frozen=True)

    state: DatabaseState
    host: str
    port: int


class Proof(BaseModel):
    """What the checks of the promoted database came to. One that is not ``proven`` was accepted by a person."""

    model_config = ConfigDict(frozen=True)

    checks: tuple[CheckResult, ...]
    proven: bool


class Moment(BaseModel):
    """When something was done."""

    model_config = ConfigDict(frozen=True)

    at: datetime


class ReconciliationOutcome(BaseModel):
    """The report, or why there is none. It is not ``needed`` when the copy had everything."""

    model_config = ConfigDict(frozen=True)

    report: Reconciliation | None
    reason: str | None = None
    needed: bool = True
