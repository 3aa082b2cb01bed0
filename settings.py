"""The parts that an environment's settings are made of, each validated while it is built.

A wrong value raises :class:`SettingsError`, which says what was expected, what was found and what to do.
"""

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from recovery import objectives
from recovery.windows import occurrences, overlap, starts

# The longest RDS keeps automated backups, replicated ones included.
MAX_AUTOMATED_RETENTION_DAYS = 35


class SettingsError(ValueError):
    """A setting that cannot be deployed. The message says what was expected, what was found and what to do."""


def require(condition: bool, setting: str, *, expected: str, found: object, action: str) -> None:
    """Raise :class:`SettingsError` unless ``condition`` holds."""
    if not condition:
        raise SettingsError(f"{setting}: expected {expected}, found {found!r}. {action}")


def require_between(setting: str, low: int, found: int, high: int, *, unit: str, action: str) -> None:
    require(low <= found <= high, setting, expected=f"{low} to {high} {unit}", found=found, action=action)


@dataclass(frozen=True, kw_only=True)
class Database:
    """Size and calendar of the PostgreSQL instance. Windows and schedules are UTC, sizes GiB."""

    instance_class: str
    allocated_gib: int = 100
    max_allocated_gib: int = 500
    tls: Literal["verify-full", "disable"] = "verify-full"
    backup_retention_days: int = objectives.AUTOMATED_BACKUP_RETENTION_DAYS
    backup_window: str = objectives.BACKUP_WINDOW
    maintenance_window: str = objectives.MAINTENANCE_WINDOW

    def __post_init__(self) -> None:
        require(
            self.instance_class.startswith("db."),
            "database.instance_class",
            expected="an RDS class such as db.t4g.medium",
            found=self.instance_class,
            action="Give the class with its `db.` prefix.",
        )
        days = self.backup_retention_days
        spec = f"The spec asks for {objectives.AUTOMATED_BACKUP_RETENTION_DAYS}; 0 would switch automated backups off."
        require_between(
            "database.backup_retention_days", 1, days, MAX_AUTOMATED_RETENTION_DAYS, unit="days", action=spec
        )
        require(
            100 <= self.allocated_gib < self.max_allocated_gib,
            "database.allocated_gib",
            expected=f"at least 100 GiB and less than max_allocated_gib ({self.max_allocated_gib})",
            found=self.allocated_gib,
            action="Autoscaling of storage needs room above the start.",
        )
        require(
            not overlap(occurrences(self.backup_window), occurrences(self.maintenance_window)),
            "database.maintenance_window",
            expected=f"a window clear of the backup window {self.backup_window}",
            found=self.maintenance_window,
            action="RDS refuses overlapping windows: move one of them.",
        )


@dataclass(frozen=True, kw_only=True)
class Snapshots:
    """The weekly and monthly snapshots AWS Backup takes. Schedules are UTC, in AWS's cron form."""

    weekly_schedule: str = objectives.WEEKLY_SNAPSHOT_SCHEDULE
    monthly_schedule: str = objectives.MONTHLY_SNAPSHOT_SCHEDULE
    start_window: timedelta = objectives.SNAPSHOT_START_WINDOW
    completion_window: timedelta = objectives.SNAPSHOT_COMPLETION_WINDOW
    retention_days: int = objectives.SNAPSHOT_RETENTION_DAYS

    def __post_init__(self) -> None:
        low, high = objectives.VAULT_LOCK_MIN_DAYS, objectives.VAULT_LOCK_MAX_DAYS
        locked = "A locked vault fails every job outside its bounds."
        require_between("snapshots.retention_days", low, self.retention_days, high, unit="days", action=locked)
        require(
            self.start_window >= timedelta(hours=1),
            "snapshots.start_window",
            expected="at least 60 minutes",
            found=str(self.start_window),
            action="AWS Backup accepts no shorter one.",
        )
        require(
            self.completion_window > self.start_window,
            "snapshots.completion_window",
            expected=f"longer than the start window ({self.start_window})",
            found=str(self.completion_window),
            action="Completion is counted from the schedule, not from the start of the job.",
        )
        require(
            not overlap(
                starts(self.weekly_schedule, self.start_window), starts(self.monthly_schedule, self.start_window)
            ),
            "snapshots.monthly_schedule",
            expected=f"a start window clear of the weekly one at {self.weekly_schedule}",
            found=self.monthly_schedule,
            action="When the 1st falls on the weekly day, AWS Backup would keep only one of the two.",
        )


@dataclass(frozen=True, kw_only=True)
class Service:
    """The application's container and its size. ``image`` is a tag or a ``sha256:`` digest in ``repository``.

    ``schema_version`` is the newest schema of the database that the image can work with; raise it with the image whose
    deployment migrates. A rollback to a revision that declares less than the database has is refused.
    """

    image: str
    schema_version: int = 1
    repository: str = "duskspendr-api"
    min_tasks: int = 3
    max_tasks: int = 20

    def __post_init__(self) -> None:
        digest = re.fullmatch(r"sha256:[0-9a-f]{64}", self.image)
        tag = re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}", self.image)
        require(
            bool(digest or tag) and self.image != "latest",
            "service.image",
            expected="a sha256: digest or a release's tag",
            found=self.image,
            action="A tag such as latest moves, so a rollback to an old task definition would not roll anything back.",
        )
        require(
            self.schema_version >= 1,
            "service.schema_version",
            expected="the number of a migration, 1 or more",
            found=self.schema_version,
            action="A rollback counts on it: give the newest that the image can work with.",
        )
        bounds = "Autoscaling needs a minimum of at least one task that is not above max_tasks."
        require_between("service.min_tasks", 1, self.min_tasks, self.max_tasks, unit="tasks", action=bounds)


@dataclass(frozen=True, kw_only=True)
class Domain:
    """The service's public name and the Route 53 zone that answers for it."""

    name: str
    zone_id: str
    zone_name: str = "duskspendr.app"

    def __post_init__(self) -> None:
        require(
            bool(re.fullmatch(r"Z[A-Z0-9]{1,31}", self.zone_id)),
            "domain.zone_id",
            expected="the id of a Route 53 hosted zone, such as Z0123456789ABCDEFGHIJ",
            found=self.zone_id,
            action='Name it in the context "hosted_zones" of cdk.json.',
        )
        require(
            self.name == self.zone_name or self.name.endswith(f".{self.zone_name}"),
            "domain.name",
            expected=f"a name in the zone {self.zone_name}",
            found=self.name,
            action="The certificate is validated by a record in that zone.",
        )
