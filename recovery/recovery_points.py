"""What is wrong with the recovery points of a vault: decisions on what AWS Backup and RDS tell of it.

Statuses are those of AWS Backup's RecoveryPointByBackupVault, BackupJob and CopyJob; times are UTC.
https://docs.aws.amazon.com/aws-backup/latest/devguide/API_RecoveryPointByBackupVault.html
"""

from collections import Counter
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, Self, get_args

from recovery import objectives
from recovery.summary import summary

Kind = Literal["expired", "overdue", "incomplete", "warned", "stuck", "stopped", "failed", "missing", "left_over"]
KINDS: tuple[Kind, ...] = get_args(Kind)

USABLE = {"COMPLETED", "AVAILABLE"}
# What should be gone, and is paid for until somebody removes it.
COSTING: tuple[Kind, ...] = ("expired", "overdue", "stuck", "stopped", "left_over")
_FAILED = {"FAILED", "ABORTED", "EXPIRED", "PARTIAL"}
_UNFINISHED = {"CREATED", "PENDING", "RUNNING", "ABORTING"}
_WRONG_STATUSES: dict[str, tuple[Kind, str]] = {
    "EXPIRED": ("expired", "could not be deleted by AWS Backup and goes on costing: mend its role, or delete it"),
    "PARTIAL": ("incomplete", "is PARTIAL: do not restore from it, take another backup"),
    "STOPPED": ("stopped", "is STOPPED: its continuous backup was switched off, and no rule of ours has one"),
}
# From the start of a restore test to the last moment at which its instance is needed, or is still being deleted.
_TEST_INSTANCE_MAX_AGE = (
    objectives.FULL.rto
    + timedelta(hours=objectives.RESTORE_TEST_VALIDATION_WINDOW_HOURS)
    + objectives.DELETION_ALLOWANCE
)


@dataclass(frozen=True, kw_only=True)
class RecoveryPoint:
    """One recovery point of the vault. ``delete_at`` is when AWS Backup is to delete it, None for never."""

    recovery_point_arn: str
    status: str
    status_message: str | None = None
    creation_date: datetime
    initiation_date: datetime | None = None
    delete_at: datetime | None = None

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Self:
        """As AWS Backup lists it. Raises KeyError for a record that lacks what AWS always tells."""
        return cls(
            recovery_point_arn=record["RecoveryPointArn"],
            status=record["Status"],
            status_message=record.get("StatusMessage"),
            creation_date=record["CreationDate"],
            initiation_date=record.get("InitiationDate"),
            delete_at=record.get("CalculatedLifecycle", {}).get("DeleteAt"),
        )


@dataclass(frozen=True, kw_only=True)
class Job:
    """A backup into the vault, or a copy into or out of it. AWS Backup lists those of the last 30 days."""

    kind: Literal["backup", "copy"]
    job_id: str
    state: str
    status_message: str | None = None
    message_category: str | None = None
    creation_date: datetime

    @classmethod
    def of(cls, kind: Literal["backup", "copy"], record: Mapping[str, Any]) -> Self:
        """As AWS Backup lists it. Raises KeyError for a record that lacks what AWS always tells."""
        return cls(
            kind=kind,
            job_id=record["BackupJobId" if kind == "backup" else "CopyJobId"],
            state=record["State"],
            status_message=record.get("StatusMessage"),
            message_category=record.get("MessageCategory"),
            creation_date=record["CreationDate"],
        )

    @property
    def with_issues(self) -> bool:
        """What the console calls "completed with issues": of backup jobs only, and of no state of its own."""
        told = bool(self.status_message) and self.message_category != "SUCCESS"
        return self.kind == "backup" and self.state == "COMPLETED" and told


@dataclass(frozen=True, kw_only=True)
class RestoredInstance:
    """A DB instance that a restore test has made."""

    identifier: str
    created_at: datetime


@dataclass(frozen=True, kw_only=True)
class Inventory:
    """All that is known of one vault and of the restore tests beside it."""

    vault: str
    vault_created_at: datetime
    points: tuple[RecoveryPoint, ...] = ()
    jobs: tuple[Job, ...] = ()
    restored_instances: tuple[RestoredInstance, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Something that a person has to look at: which thing, what is wrong, and what to do."""

    kind: Kind
    subject: str
    detail: str

    @property
    def sentence(self) -> str:
        """One line for a person."""
        return f"{self.subject} {self.detail}"


@dataclass(frozen=True, kw_only=True)
class Review:
    """What was found in a vault."""

    vault: str
    points: int
    newest_age_seconds: float
    """Of the newest recovery point that can be restored; of the vault itself while it has none."""
    copies_failed: int = 0
    """Copies into or out of the vault that ended badly, and that no later one made good."""
    findings: tuple[Finding, ...]

    @property
    def costing(self) -> int:
        """How many findings are about something that should be gone."""
        return sum(finding.kind in COSTING for finding in self.findings)

    @property
    def counts(self) -> dict[Kind, int]:
        """How many findings there are of each kind, none included."""
        found = Counter(finding.kind for finding in self.findings)
        return {kind: found[kind] for kind in KINDS}

    @property
    def summary(self) -> str:
        """The first findings in one text for a person, and how many there are besides."""
        if not self.findings:
            return f"all {self.points} recovery points of {self.vault} are as they should be"
        return f"vault {self.vault}: " + summary([finding.sentence for finding in self.findings])


def review(inventory: Inventory, *, now: datetime) -> Review:
    """Everything that is wrong in a vault, the worst for a restore first."""
    findings = [
        *_newest(inventory, now),
        *(finding for point in inventory.points for finding in _point(point, now)),
        *_jobs(inventory.jobs, now),
        *(finding for instance in inventory.restored_instances for finding in _restored(instance, now)),
    ]
    return Review(
        vault=inventory.vault,
        points=len(inventory.points),
        newest_age_seconds=_newest_age(inventory, now).total_seconds(),
        copies_failed=sum(
            job.kind == "copy" and job.state in _FAILED and not _made_good(job, inventory.jobs)
            for job in inventory.jobs
        ),
        findings=tuple(findings),
    )


def _usable(inventory: Inventory) -> list[datetime]:
    return [point.creation_date for point in inventory.points if point.status in USABLE]


def _newest_age(inventory: Inventory, now: datetime) -> timedelta:
    # A vault that was made a moment ago waits for its first snapshot.
    return now - max(_usable(inventory), default=inventory.vault_created_at)


def _newest(inventory: Inventory, now: datetime) -> Generator[Finding]:
    usable = _usable(inventory)
    limit = objectives.NEWEST_RECOVERY_POINT_MAX_AGE
    if _newest_age(inventory, now) > limit:
        found = f"the newest of {max(usable).isoformat()}" if usable else "none that can be restored"
        yield Finding(
            kind="missing",
            subject=f"vault {inventory.vault}",
            detail=f"lacks a new recovery point: expected one of the last {limit.total_seconds() / 86_400:.1f} days,"
            f" found {found}; see the plan's backup and copy jobs, and start one by hand",
        )


def _point(point: RecoveryPoint, now: datetime) -> Generator[Finding]:
    deletion = point.delete_at
    late = deletion is not None and now - deletion > objectives.DELETION_ALLOWANCE
    since = point.initiation_date or point.creation_date
    found: tuple[Kind, str] | None = _WRONG_STATUSES.get(point.status)
    if point.status == "CREATING" and now - since > objectives.SNAPSHOT_COMPLETION_WINDOW:
        found = "stuck", f"is CREATING since {since.isoformat()}: stop its job and start another"
    elif point.status == "DELETING" and late:
        found = "stuck", f"is DELETING and should be gone since {deletion}: delete it by hand"
    elif point.status in USABLE and late:
        found = "overdue", f"is kept although its retention ended at {deletion}: see what holds it"
    elif point.status in USABLE and point.status_message:
        found = "warned", f"is {point.status} with a warning: restore it once to see what it is worth"
    if found is not None:
        message = f" ({point.status_message})" if point.status_message else ""
        yield Finding(kind=found[0], subject=point.recovery_point_arn, detail=found[1] + message)


def _jobs(jobs: Sequence[Job], now: datetime) -> Generator[Finding]:
    for job in jobs:
        subject, told = f"{job.kind} job {job.job_id}", f": {job.status_message}" if job.status_message else ""
        if job.state in _UNFINISHED and now - job.creation_date > objectives.SNAPSHOT_COMPLETION_WINDOW:
            detail = f"is {job.state} since {job.creation_date.isoformat()}{told}; start another"
            yield Finding(kind="stuck", subject=subject, detail=detail)
        elif _made_good(job, jobs):
            continue
        elif job.state in _FAILED:
            yield Finding(kind="failed", subject=subject, detail=f"ended {job.state}{told}; start another")
        elif job.with_issues:
            yield Finding(kind="warned", subject=subject, detail=f"completed with issues{told}")


def _made_good(job: Job, jobs: Sequence[Job]) -> bool:
    """Whether a later job of the kind did what this one did not."""
    return any(
        other.kind == job.kind
        and other.state == "COMPLETED"
        and not other.with_issues
        and other.creation_date > job.creation_date
        for other in jobs
    )


def _restored(instance: RestoredInstance, now: datetime) -> Generator[Finding]:
    if now - instance.created_at > _TEST_INSTANCE_MAX_AGE:
        yield Finding(
            kind="left_over",
            subject=f"DB instance {instance.identifier}",
            detail=f"of a restore test was made at {instance.created_at.isoformat()} and never deleted: delete it",
        )
