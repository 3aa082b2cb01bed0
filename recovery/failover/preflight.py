"""The facts before a failover, what speaks against it, and the plan that a person approves."""

from datetime import datetime, timedelta
from typing import Literal

from pydantic import BaseModel, ConfigDict

from recovery.failover.fence import DatabaseState
from recovery.objectives import FULL

Direction = Literal["failover", "failback"]
# An instance's status in which RDS refuses to promote it, until the backup is done.
# https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_PromoteReadReplica.html
BACKING_UP = "backing-up"


class InstanceFacts(BaseModel):
    """What RDS says of an instance. ``resource_id`` stays when the instance is renamed."""

    model_config = ConfigDict(frozen=True)

    identifier: str
    resource_id: str = ""
    status: str
    source: str | None
    version: str
    instance_class: str
    multi_az: bool


class SiteFacts(BaseModel):
    """One region as its guard sees it. ``problems`` are what the guard could not find out or found missing."""

    model_config = ConfigDict(frozen=True)

    region: str
    instance: InstanceFacts | None = None
    database: DatabaseState | None = None
    desired_tasks: int | None = None
    running_tasks: int | None = None
    most_tasks: int
    problems: tuple[str, ...] = ()


class Finding(BaseModel):
    """One thing that a person has to know. What is ``blocking`` stops the operation before anything is changed."""

    model_config = ConfigDict(frozen=True)

    blocking: bool
    sentence: str


class Preflight(BaseModel):
    """What is known before anything is changed. ``old`` is None when the region to leave does not answer."""

    model_config = ConfigDict(frozen=True)

    direction: Direction
    looked_at: datetime
    epoch: int
    old_region: str
    new_region: str
    old: SiteFacts | None
    new: SiteFacts | None
    disaster_time: datetime | None = None

    @property
    def last_beat(self) -> datetime | None:
        """When the newest heartbeat in the copy was written."""
        database = self.new.database if self.new else None
        return database.heartbeat.written_at if database and database.heartbeat else None

    @property
    def expected_loss(self) -> timedelta | None:
        """How much would be lost if the old primary gave nothing any more; None is unmeasured."""
        if self.last_beat is None:
            return None
        return max((self.disaster_time or self.looked_at) - self.last_beat, timedelta())

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What speaks against it, the blocking ones first."""
        found = [*_of_the_copy(self), *_of_the_loss(self), *_of_both(self)]
        return tuple(sorted(found, key=lambda finding: not finding.blocking))

    @property
    def blocked(self) -> bool:
        """Whether something has to be mended before."""
        return any(finding.blocking for finding in self.findings)


def plan(preflight: Preflight) -> tuple[str, ...]:
    """The steps in words, as the machine will do them."""
    old, new = preflight.old_region, preflight.new_region
    loss = preflight.expected_loss
    fence = (
        f"fence {old}: service to zero tasks, security group closed, database read-only, its sessions ended"
        if preflight.old
        else f"{old} does not answer: epoch {preflight.epoch + 1} makes its guard fence it when it returns"
    )
    catch_up = (
        f"let the copy in {new} replay everything that {old} wrote: no loss"
        if preflight.old
        else f"lose what was written after the newest heartbeat in {new}:"
        f" {'unmeasured' if loss is None else f'{loss.total_seconds():.0f} s'}"
    )
    return (
        fence,
        catch_up,
        f"begin epoch {preflight.epoch + 1} with {new} as primary",
        f"promote the copy in {new}, wait until it is no replica any more, keep it read-only",
        "prove it with every check of a restore, then let it take writes",
        f"scale the service in {new}, move the public name and the pulse there",
        "report the rows that only the old primary has, and record the measured RTO and RPO as evidence",
        *(
            (f"make a new replica in {old}, and keep the automated backups of {new} there",)
            if preflight.direction == "failback"
            else ()
        ),
    )


def _of_the_copy(preflight: Preflight) -> list[Finding]:
    new = preflight.new
    if new is None:
        return [
            Finding(blocking=True, sentence=f"{preflight.new_region} does not answer: nothing can be promoted there")
        ]
    found = [Finding(blocking=True, sentence=f"{new.region}: {problem}") for problem in new.problems]
    if new.instance is not None:
        if new.instance.status == BACKING_UP:
            waits = f"{new.instance.identifier} is backing up: the promotion waits until that is done"
            found.append(Finding(blocking=False, sentence=waits))
        elif new.instance.status != "available":
            found.append(
                Finding(blocking=True, sentence=f"{new.instance.identifier} is {new.instance.status}, not available")
            )
        if new.instance.source is None:
            found.append(
                Finding(blocking=True, sentence=f"{new.instance.identifier} is no replica: it was promoted already")
            )
    if new.database is not None and not new.database.in_recovery:
        found.append(Finding(blocking=True, sentence=f"the database in {new.region} is not a standby"))
    return found


def _of_the_loss(preflight: Preflight) -> list[Finding]:
    loss = preflight.expected_loss
    if loss is None:
        return [Finding(blocking=False, sentence="the loss is unmeasured: the copy has no heartbeat to date it by")]
    if FULL.rpo is not None and loss > FULL.rpo and preflight.old is None:
        return [
            Finding(
                blocking=False,
                sentence=f"the copy is {loss.total_seconds():.0f} s old, more than the RPO of {FULL.label}"
                f" ({FULL.rpo.total_seconds():.0f} s)",
            )
        ]
    return []


def _of_both(preflight: Preflight) -> list[Finding]:
    old, new = preflight.old, preflight.new
    if old is None:
        failback = preflight.direction == "failback"
        found = f"{preflight.old_region} does not answer: its version and capacity cannot be compared"
        return [Finding(blocking=failback, sentence=found + (", and no write freeze is possible" if failback else ""))]
    found = [Finding(blocking=False, sentence=f"{old.region}: {problem}") for problem in old.problems]
    if new is None or old.instance is None or new.instance is None:
        return found
    if old.instance.version.split(".")[0] != new.instance.version.split(".")[0]:
        found.append(
            Finding(
                blocking=True,
                sentence=f"engine {new.instance.version} would replace {old.instance.version}: another major",
            )
        )
    elif old.instance.version != new.instance.version:
        found.append(
            Finding(blocking=False, sentence=f"engine {new.instance.version} would replace {old.instance.version}")
        )
    if (old.instance.instance_class, old.instance.multi_az) != (new.instance.instance_class, new.instance.multi_az):
        found.append(
            Finding(
                blocking=False,
                sentence=f"capacity differs: {_capacity(new.instance)} would replace {_capacity(old.instance)}",
            )
        )
    if (old.desired_tasks or 0) > new.most_tasks:
        found.append(
            Finding(
                blocking=False,
                sentence=f"{old.desired_tasks} tasks run now, and {new.region} may start {new.most_tasks} at most",
            )
        )
    return found


def _capacity(instance: InstanceFacts) -> str:
    return f"{instance.instance_class}{' Multi-AZ' if instance.multi_az else ''}"
