"""Frozen, validated settings of every environment; the only module that knows environment names.

A wrong value raises :class:`SettingsError` while the settings are built, which is before anything is synthesized. What
belongs to one deployer rather than to the design (account numbers, hosted zones, image versions) comes from the
context of cdk.json and is validated here too.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Literal, cast

from recovery import objectives
from recovery.windows import occurrences, overlap, starts

# AWS Backup fails a snapshot that starts in an RDS window or up to this long before one.
MINUTES_CLEAR_OF_WINDOW = 60
# The longest RDS keeps automated backups, replicated ones included.
MAX_AUTOMATED_RETENTION_DAYS = 35

# PagerDuty takes alarms by e-mail, which needs no secret in the settings.
ON_CALL = "oncall@duskspendr.app"

LogRetentionDays = Literal[1, 7, 30, 90, 365]


class SettingsError(ValueError):
    """A setting that cannot be deployed. The message says what was expected, what was found and what to do."""


def _require(condition: bool, setting: str, *, expected: str, found: object, action: str) -> None:
    if not condition:
        raise SettingsError(f"{setting}: expected {expected}, found {found!r}. {action}")


def _require_between(setting: str, low: int, found: int, high: int, *, unit: str, action: str) -> None:
    _require(low <= found <= high, setting, expected=f"{low} to {high} {unit}", found=found, action=action)


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
        _require(
            self.instance_class.startswith("db."),
            "database.instance_class",
            expected="an RDS class such as db.t4g.medium",
            found=self.instance_class,
            action="Give the class with its `db.` prefix.",
        )
        days = self.backup_retention_days
        spec = f"The spec asks for {objectives.AUTOMATED_BACKUP_RETENTION_DAYS}; 0 would switch automated backups off."
        _require_between(
            "database.backup_retention_days", 1, days, MAX_AUTOMATED_RETENTION_DAYS, unit="days", action=spec
        )
        _require(
            100 <= self.allocated_gib < self.max_allocated_gib,
            "database.allocated_gib",
            expected=f"at least 100 GiB and less than max_allocated_gib ({self.max_allocated_gib})",
            found=self.allocated_gib,
            action="Autoscaling of storage needs room above the start.",
        )
        _require(
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
        _require_between("snapshots.retention_days", low, self.retention_days, high, unit="days", action=locked)
        _require(
            self.start_window >= timedelta(hours=1),
            "snapshots.start_window",
            expected="at least 60 minutes",
            found=str(self.start_window),
            action="AWS Backup accepts no shorter one.",
        )
        _require(
            self.completion_window > self.start_window,
            "snapshots.completion_window",
            expected=f"longer than the start window ({self.start_window})",
            found=str(self.completion_window),
            action="Completion is counted from the schedule, not from the start of the job.",
        )
        _require(
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
    """The application's container and its size. ``image`` is a tag or a ``sha256:`` digest in ``repository``."""

    image: str
    repository: str = "duskspendr-api"
    min_tasks: int = 3
    max_tasks: int = 20

    def __post_init__(self) -> None:
        digest = re.fullmatch(r"sha256:[0-9a-f]{64}", self.image)
        tag = re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}", self.image)
        _require(
            bool(digest or tag) and self.image != "latest",
            "service.image",
            expected="a sha256: digest or a release's tag",
            found=self.image,
            action="A tag such as latest moves, so a rollback to an old task definition would not roll anything back.",
        )
        bounds = "Autoscaling needs a minimum of at least one task that is not above max_tasks."
        _require_between("service.min_tasks", 1, self.min_tasks, self.max_tasks, unit="tasks", action=bounds)


@dataclass(frozen=True, kw_only=True)
class Domain:
    """The service's public name and the Route 53 zone that answers for it."""

    name: str
    zone_id: str
    zone_name: str = "duskspendr.app"

    def __post_init__(self) -> None:
        _require(
            bool(re.fullmatch(r"Z[A-Z0-9]{1,31}", self.zone_id)),
            "domain.zone_id",
            expected="the id of a Route 53 hosted zone, such as Z0123456789ABCDEFGHIJ",
            found=self.zone_id,
            action='Name it in the context "hosted_zones" of cdk.json.',
        )
        _require(
            self.name == self.zone_name or self.name.endswith(f".{self.zone_name}"),
            "domain.name",
            expected=f"a name in the zone {self.zone_name}",
            found=self.name,
            action="The certificate is validated by a record in that zone.",
        )


@dataclass(frozen=True, kw_only=True)
class Environment:
    """Everything that differs between environments.

    ``account`` and ``domain`` are None until :func:`select` reads them from the context. ``active_region`` is where the
    application serves: change it after a failover, so that no later deploy undoes the failover.
    """

    name: str
    account: str | None = None
    primary_region: str = "ap-south-1"
    recovery_region: str = "ap-southeast-1"
    active_region: str = "ap-south-1"
    database: Database
    snapshots: Snapshots = Snapshots()
    service: Service
    domain_name: str | None = None
    domain: Domain | None = None
    alarm_emails: tuple[str, ...] = ()
    log_retention_days: LogRetentionDays = 90
    evidence_retention_days: int = 90
    evidence_lock: Literal["governance", "compliance"] = "governance"
    bundle_lambda_dependencies: bool = True
    destroyable: bool = False
    account_must_be_explicit: bool = False

    def __post_init__(self) -> None:
        _require(
            self.recovery_region != self.primary_region,
            "recovery_region",
            expected=f"another region than the primary ({self.primary_region})",
            found=self.recovery_region,
            action="A copy in the same region is lost with the region.",
        )
        _require(
            self.active_region in (self.primary_region, self.recovery_region),
            "active_region",
            expected=f"{self.primary_region} or {self.recovery_region}",
            found=self.active_region,
            action="Name the region in which the application serves now.",
        )
        _require(
            self.account is None or bool(re.fullmatch(r"\d{12}", self.account)),
            f"account of {self.name}",
            expected="12 digits",
            found=self.account,
            action='Correct it in the context "accounts" of cdk.json.',
        )
        lock = "Evidence that can be deleted at once proves nothing, and no lock can be shortened."
        _require_between("evidence_retention_days", 1, self.evidence_retention_days, 3650, unit="days", action=lock)
        _require(
            bool(self.alarm_emails) or self.destroyable,
            f"alarm_emails of {self.name}",
            expected="somebody who gets the alarms",
            found=self.alarm_emails,
            action="An alarm without a subscriber is blind: name at least one address.",
        )
        self._require_snapshots_clear_of_windows()

    def _require_snapshots_clear_of_windows(self) -> None:
        for schedule in (self.snapshots.weekly_schedule, self.snapshots.monthly_schedule):
            for name in ("backup_window", "maintenance_window"):
                window = cast(str, getattr(self.database, name))
                forbidden = [(start - MINUTES_CLEAR_OF_WINDOW, end) for start, end in occurrences(window)]
                _require(
                    not overlap(starts(schedule, self.snapshots.start_window), forbidden),
                    f"snapshot schedule {schedule}",
                    expected=f"a start window clear of the database's {name} {window} and of the hour before it",
                    found=f"{schedule} with a start window of {self.snapshots.start_window}",
                    action="AWS Backup fails such a job: move the schedule or the window.",
                )

    @property
    def serves_from_recovery(self) -> bool:
        """Whether the application serves from the recovery region: after a failover, before the failback."""
        return self.active_region == self.recovery_region


DEV = Environment(
    name="dev",
    database=Database(instance_class="db.t4g.medium"),
    service=Service(image="unreleased"),
    alarm_emails=(ON_CALL,),
    domain_name="api.dev.duskspendr.app",
    log_retention_days=30,
)
STAGING = Environment(
    name="staging",
    database=Database(instance_class="db.t4g.large"),
    service=Service(image="unreleased"),
    alarm_emails=(ON_CALL,),
    domain_name="api.staging.duskspendr.app",
)
PROD = Environment(
    name="prod",
    database=Database(instance_class="db.m7g.large"),
    service=Service(image="unreleased"),
    alarm_emails=(ON_CALL,),
    domain_name="api.duskspendr.app",
    log_retention_days=365,
    evidence_retention_days=365,
    evidence_lock="compliance",
    account_must_be_explicit=True,
)
# What the lab deploys into its emulator: no TLS on its server, no certificate, handlers run in its own Python.
LOCAL = Environment(
    name="local",
    database=Database(instance_class="db.t4g.micro", tls="disable"),
    service=Service(image="lab", min_tasks=1, max_tasks=2),
    log_retention_days=1,
    evidence_retention_days=1,
    bundle_lambda_dependencies=False,
    destroyable=True,
)
ENVIRONMENTS = {environment.name: environment for environment in (DEV, STAGING, PROD, LOCAL)}
DEFAULT_ENVIRONMENTS = (DEV, STAGING, PROD)


def select(
    name: str | None,
    *,
    accounts: Mapping[str, str],
    hosted_zones: Mapping[str, str],
    images: Mapping[str, str],
    default_account: str | None,
) -> list[Environment]:
    """The environments to synthesize, completed by what a deployer names in the context.

    ``name`` None means all that are meant for AWS. Raises :class:`SettingsError`.
    """
    if name is None:
        chosen = DEFAULT_ENVIRONMENTS
    elif name in ENVIRONMENTS:
        chosen = (ENVIRONMENTS[name],)
    else:
        raise SettingsError(
            f"environment: expected one of {', '.join(ENVIRONMENTS)}, found {name!r}. Pass `-c environment=dev`, say."
        )
    return [
        complete(
            environment,
            account=accounts.get(environment.name),
            zone_id=hosted_zones.get(environment.name),
            image=images.get(environment.name),
            default_account=default_account,
        )
        for environment in chosen
    ]


def complete(
    environment: Environment,
    *,
    account: str | None,
    zone_id: str | None,
    image: str | None,
    default_account: str | None,
) -> Environment:
    """``environment`` with its account, its hosted zone and its image. Raises :class:`SettingsError`."""
    explicit = environment.account_must_be_explicit
    account = account or (None if explicit else default_account)
    other_way = "." if explicit else " or deploy with credentials (CDK_DEFAULT_ACCOUNT)."
    _require(
        account is not None,
        f"account of {environment.name}",
        expected="an account number" + (" that is named explicitly" if explicit else ""),
        found=None,
        action='Add it to the context "accounts" of cdk.json' + other_way,
    )
    name = environment.domain_name
    domain = Domain(name=name, zone_id=zone_id or "") if name else None
    service = replace(environment.service, image=image) if image else environment.service
    return replace(environment, account=account, domain=domain, service=service)
