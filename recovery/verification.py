"""Run the checks on a restored database, in parts, and say what is proven."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from recovery.check_results import CheckResult, Measurement, Status
from recovery.checks import CHECKS, CheckContext, Outcome, Part
from recovery.checks.outcome import PACKAGED_INVARIANTS
from recovery.database import (
    Connection,
    again_after_deadlock,
    connect,
    set_statement_timeout,
    snapshot,
    without_secrets,
)
from recovery.manifest import Manifest

# A part's own limit: below the 15 minutes that AWS allows a Lambda function, so that the part itself can still say what
# it was at.
STATEMENT_TIMEOUT_SECONDS = 600.0

# How many parts run at a time: a small instance has two vCPUs, and a third worker would only wait.
WORKERS = 2

ConnectionFactory = Callable[[], Connection]
Target = str | ConnectionFactory

# The argument of a part that stands for a check that could not be divided: why.
UNPLANNED = "could not be planned"


class PartResult(BaseModel):
    """One part's answer; ``payload`` is what the check's conclusion needs of it."""

    model_config = ConfigDict(frozen=True)

    part: Part
    status: Status
    detail: str
    duration_seconds: float | None = None
    measurements: dict[str, Measurement] = {}
    payload: dict[str, Any] | None = None

    @property
    def outcome(self) -> Outcome:
        """As the check sees it."""
        return Outcome(status=self.status, detail=self.detail, measurements=self.measurements, payload=self.payload)


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


def measured_rpo(checks: Sequence[CheckResult]) -> timedelta | None:
    """What the heartbeat check measured, None where it did not."""
    for check in checks:
        seconds = check.measurements.get("rpo_seconds")
        if check.name == "heartbeat" and isinstance(seconds, int | float):
            return timedelta(seconds=seconds)
    return None


def verify(
    target: Target,
    manifest: Manifest,
    *,
    disaster_time: datetime | None,
    rpo: timedelta | None,
    restore_started_at: datetime | None = None,
    invariants: Sequence[Path] = (),
    checks: Sequence[str] = tuple(CHECKS),
    statement_timeout_seconds: float = STATEMENT_TIMEOUT_SECONDS,
    workers: int = WORKERS,
    progress: Callable[[str], None] = lambda _: None,
) -> Verification:
    """Run the checks, ``workers`` parts at a time, each on a connection that no failing one has spoiled.

    ``target`` is a DSN or a function that connects. ``invariants`` are folders of questions besides the packaged one.
    Never raises for what is wrong with the database: a check that could not run is ``not_proven``.
    """
    context = CheckContext(
        manifest=manifest,
        disaster_time=disaster_time,
        rpo=rpo,
        restore_started_at=restore_started_at,
        invariants=(PACKAGED_INVARIANTS, *invariants),
        progress=progress,
    )
    parts = plan_checks(target, context, checks=checks, statement_timeout_seconds=statement_timeout_seconds)

    def work(number: int) -> PartResult:
        part = parts[number]
        progress(f"{part.check} {part.label}, {number + 1} of {len(parts)}")
        return run_part(target, part, context, statement_timeout_seconds=statement_timeout_seconds)

    with ThreadPoolExecutor(workers) as pool:
        results = dict(enumerate(pool.map(work, range(len(parts)))))
    return Verification(checks=conclude(context, parts, results, checks=checks))


def plan_checks(
    target: Target,
    context: CheckContext,
    *,
    checks: Sequence[str] = tuple(CHECKS),
    statement_timeout_seconds: float = STATEMENT_TIMEOUT_SECONDS,
) -> tuple[Part, ...]:
    """Divide the checks. One that cannot be divided becomes a part that will answer why.

    Raises KeyError for a name that is no check.
    """
    return tuple(part for name in checks for part in _divided(target, name, context, statement_timeout_seconds))


def _divided(target: Target, name: str, context: CheckContext, statement_timeout_seconds: float) -> Sequence[Part]:
    divide = CHECKS[name].parts
    if divide is None:
        return [Part(check=name, label="whole")]
    try:
        with _open(target) as connection:
            set_statement_timeout(connection, statement_timeout_seconds)
            with snapshot(connection):
                return divide(connection, context)
    # Whatever went wrong, the check is not proven, and the reason belongs in the evidence.
    except Exception as error:
        return [Part(check=name, label="whole", arguments={UNPLANNED: _reason(error)})]


def run_part(
    target: Target,
    part: Part,
    context: CheckContext,
    *,
    statement_timeout_seconds: float = STATEMENT_TIMEOUT_SECONDS,
) -> PartResult:
    """Run one part in one snapshot, on a connection of its own. Raises KeyError for a name that is no check.

    ``target`` is a DSN or a function that connects. A database that cannot be reached proves nothing.
    """
    run = CHECKS[part.check].run
    started = time.monotonic()
    try:
        if UNPLANNED in part.arguments:
            raise RuntimeError(str(part.arguments[UNPLANNED]))

        def answer() -> Outcome:
            with _open(target) as connection:
                set_statement_timeout(connection, statement_timeout_seconds)
                with snapshot(connection):
                    return run(connection, context, part)

        outcome = again_after_deadlock(answer)
    # Whatever went wrong, the restored copy is not proven, and the reason belongs in the evidence.
    except Exception as error:
        outcome = Outcome(status="not_proven", detail=f"could not be checked: {_reason(error)}")
    return PartResult(
        part=part,
        status=outcome.status,
        detail=outcome.detail,
        duration_seconds=round(time.monotonic() - started, 3),
        measurements=outcome.measurements,
        payload=outcome.payload,
    )


def conclude(
    context: CheckContext,
    parts: Sequence[Part],
    results: Mapping[int, PartResult],
    *,
    checks: Sequence[str] = tuple(CHECKS),
) -> tuple[CheckResult, ...]:
    """One answer to each of ``checks``. A part without a result leaves its check not proven.

    ``results`` are keyed by the part's place in ``parts``; it is asked for one at a time, in order.
    """
    return tuple(
        _concluded(name, context, {number: part for number, part in enumerate(parts) if part.check == name}, results)
        for name in checks
    )


def _concluded(
    name: str, context: CheckContext, parts: Mapping[int, Part], results: Mapping[int, PartResult]
) -> CheckResult:
    durations: list[float] = []

    def answers() -> Iterator[Outcome]:
        for number, part in parts.items():
            result = results.get(number)
            if result is None:
                yield Outcome(status="not_proven", detail=f"{part.label}: never answered", part=part)
                continue
            if result.duration_seconds is not None:
                durations.append(result.duration_seconds)
            yield replace(result.outcome, part=part)

    try:
        outcome = CHECKS[name].conclude(context, answers())
    except Exception as error:
        outcome = Outcome(status="not_proven", detail=f"could not be concluded: {_reason(error)}")
    return CheckResult(
        name=name,
        status=outcome.status,
        detail=outcome.detail,
        duration_seconds=round(sum(durations), 3) if durations else None,
        measurements=outcome.measurements,
    )


def _open(target: Target) -> Connection:
    return connect(target, application_name="duskspendr-verify") if isinstance(target, str) else target()


def _reason(error: BaseException) -> str:
    return without_secrets(str(error)) or type(error).__name__
