"""From what a verification found out to the evidence of it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from recovery.check_results import CheckResult
from recovery.database import without_secrets
from recovery.evidence.record import Evidence, ObjectiveResult, RanBy, judge, records
from recovery.objectives import FULL
from recovery.verification import measured_rpo
from recovery.version import VERSION

SNAPSHOT_NOTE = (
    "RPO not exercised: a snapshot is as old as its schedule, and the RPO is kept by the replica and the replicated"
    " backups"
)
# A cause can be a stack trace of 32 KB; its beginning tells what happened.
LONGEST_CAUSE = 1000


@dataclass(frozen=True, kw_only=True)
class Restore:
    """One restore, as far as the verification came to know it. Times are UTC; None is unknown."""

    restore_job_id: str | None = None
    status: str = "COMPLETED"
    is_test: bool = False
    started_at: datetime | None = None
    disaster_time: datetime | None = None
    recovery_point_arn: str | None = None
    instance: str | None = None
    engine_version: str | None = None
    manifest_key: str | None = None

    @property
    def completed(self) -> bool:
        """Whether there is a restored database at all."""
        return self.status == "COMPLETED"


@dataclass(frozen=True, kw_only=True)
class Failure:
    """What ended a verification before its checks had answered, as Step Functions names it."""

    error: str
    cause: str


@dataclass(frozen=True, kw_only=True)
class Circumstances:
    """Where, when and by whom it was judged."""

    environment: str
    region: str | None
    finished_at: datetime
    ran_by: RanBy
    optional_checks: Collection[str] = ()
    lab: bool = False


def evidence_of(
    restore: Restore, checks: Sequence[CheckResult], failure: Failure | None, circumstances: Circumstances
) -> Evidence:
    """The record of one restore. Whatever is handed over, there is a verdict: what cannot be measured is unmeasured."""
    objective, clocks = _objective(restore, checks, failure, circumstances.finished_at)
    return Evidence(
        drill="restore-test" if restore.is_test else "restore",
        environment=circumstances.environment,
        region=circumstances.region,
        lab=circumstances.lab,
        started_at=restore.started_at or circumstances.finished_at,
        finished_at=circumstances.finished_at,
        restore_job_id=restore.restore_job_id,
        instance=restore.instance,
        ran_by=circumstances.ran_by,
        objectives=(objective,),
        checks=records(checks, circumstances.optional_checks),
        versions=_versions(restore),
        notes=(*_notes(restore, failure), *clocks),
    )


def _objective(
    restore: Restore, checks: Sequence[CheckResult], failure: Failure | None, finished_at: datetime
) -> tuple[ObjectiveResult, list[str]]:
    """The tier's objectives, and a note on every duration that two clocks made negative: it is unmeasured."""
    notes: list[str] = []

    def measured(name: str, duration: timedelta | None) -> timedelta | None:
        if duration is None or duration >= timedelta():
            return duration
        notes.append(f"{name} of {duration.total_seconds():.1f} s is no duration: compare the clocks that took it")
        return None

    proven = restore.completed and failure is None
    # A snapshot cannot show the tier's RPO, so it is not held against it. A restore after a disaster is.
    exercised = FULL if restore.disaster_time else replace(FULL, rpo=None)
    result = judge(
        exercised,
        rto=measured("RTO", finished_at - restore.started_at) if restore.started_at and proven else None,
        rpo=measured("RPO", measured_rpo(checks)) if restore.disaster_time else None,
    )
    return result, notes


def _versions(restore: Restore) -> dict[str, str]:
    known = {
        "project": VERSION,
        "postgresql": restore.engine_version,
        "manifest": restore.manifest_key,
        "recovery_point": restore.recovery_point_arn,
    }
    return {name: version for name, version in known.items() if version}


def _notes(restore: Restore, failure: Failure | None) -> list[str]:
    notes: list[str] = []
    if not restore.completed:
        notes.append(f"the restore job ended as {restore.status}")
    if failure is not None:
        cause = without_secrets(failure.cause)[:LONGEST_CAUSE]
        notes.append(f"the verification ended early: {failure.error}: {cause}")
    elif restore.completed and not restore.disaster_time:
        notes.append(SNAPSHOT_NOTE)
    return notes
