"""Run the checks on a restored database and say what is proven."""

import time
from collections.abc import Callable
from datetime import datetime, timedelta

import psycopg
from pydantic import BaseModel, ConfigDict

from recovery.checks import CHECKS, CheckContext, Outcome
from recovery.checks.outcome import Measurement, Status
from recovery.database import Connection, DsnError, connect, set_statement_timeout, snapshot, without_secrets
from recovery.manifest import Manifest

# A check's own limit: below the 15 minutes that AWS allows a Lambda function, so that the check itself can still say
# what it was at.
STATEMENT_TIMEOUT_SECONDS = 600.0

ConnectionFactory = Callable[[], Connection]


class CheckResult(BaseModel):
    """One check's answer; ``detail`` is one line for a person and holds no secret."""

    model_config = ConfigDict(frozen=True)

    name: str
    status: Status
    detail: str
    duration_seconds: float | None = None
    measurements: dict[str, Measurement] = {}


class Verification(BaseModel):
    """The answers of all checks that ran."""

    model_config = ConfigDict(frozen=True)

    checks: tuple[CheckResult, ...]

    @property
    def status(self) -> Status:
        """``failed`` when a check failed, ``passed`` when every check passed, else ``not_proven``."""
        statuses = {check.status for check in self.checks}
        if "failed" in statuses:
            return "failed"
        return "passed" if statuses == {"passed"} else "not_proven"

    @property
    def measured_rpo(self) -> timedelta | None:
        """The disaster time minus the newest heartbeat restored; None where it was not measured."""
        return measured_rpo(self.checks)


def measured_rpo(checks: tuple[CheckResult, ...] | list[CheckResult]) -> timedelta | None:
    """What the heartbeat check measured, None where it did not."""
    for check in checks:
        seconds = check.measurements.get("rpo_seconds")
        if check.name == "heartbeat" and isinstance(seconds, int | float):
            return timedelta(seconds=seconds)
    return None


def verify(
    target: str | ConnectionFactory,
    manifest: Manifest,
    *,
    disaster_time: datetime | None,
    rpo: timedelta | None,
    statement_timeout_seconds: float = STATEMENT_TIMEOUT_SECONDS,
    progress: Callable[[str], None] = lambda _: None,
) -> Verification:
    """Run every check, each on a connection of its own, so that one that fails leaves the others alone.

    ``target`` is a DSN or a function that connects. Never raises for what is wrong with the database: a check that
    could not run is ``not_proven``.
    """
    context = CheckContext(manifest=manifest, disaster_time=disaster_time, rpo=rpo, progress=progress)
    results: list[CheckResult] = []
    for name in CHECKS:
        progress(name)
        results.append(run_check_at(target, name, context, statement_timeout_seconds=statement_timeout_seconds))
    return Verification(checks=tuple(results))


def run_check_at(
    target: str | ConnectionFactory,
    name: str,
    context: CheckContext,
    *,
    statement_timeout_seconds: float = STATEMENT_TIMEOUT_SECONDS,
) -> CheckResult:
    """Connect and run one check; a database that cannot be reached proves nothing."""
    started = time.monotonic()
    try:
        connection = connect(target, application_name="duskspendr-verify") if isinstance(target, str) else target()
    except (psycopg.Error, OSError, DsnError) as error:
        return _not_proven(name, error, started)
    with connection:
        return run_check(name, connection, context, statement_timeout_seconds=statement_timeout_seconds)


def run_check(
    name: str,
    connection: Connection,
    context: CheckContext,
    *,
    statement_timeout_seconds: float = STATEMENT_TIMEOUT_SECONDS,
) -> CheckResult:
    """Run one check in one snapshot of the connection. Raises KeyError for a name that is no check."""
    check = CHECKS[name]
    started = time.monotonic()
    try:
        set_statement_timeout(connection, statement_timeout_seconds)
        with snapshot(connection):
            outcome = check(connection, context)
    # Whatever went wrong, the restored copy is not proven, and the reason belongs in the evidence.
    except Exception as error:
        return _not_proven(name, error, started)
    return _result(name, outcome, started)


def not_proven(name: str, detail: str) -> CheckResult:
    """The answer of a check that did not get to run."""
    return CheckResult(name=name, status="not_proven", detail=without_secrets(detail))


def _result(name: str, outcome: Outcome, started: float) -> CheckResult:
    return CheckResult(
        name=name,
        status=outcome.status,
        detail=outcome.detail,
        duration_seconds=round(time.monotonic() - started, 3),
        measurements=outcome.measurements,
    )


def _not_proven(name: str, error: BaseException, started: float) -> CheckResult:
    detail = f"could not be checked: {without_secrets(str(error)) or type(error).__name__}"
    return _result(name, Outcome(status="not_proven", detail=detail), started)
