"""Frozen, validated settings of every environment; the only module that knows environment names.

A wrong value raises :class:`SettingsError` while the settings are built, which is before anything is synthesized. What
belongs to one deployer rather than to the design (account numbers, hosted zones, image versions) comes from the
context of cdk.json and is validated here too.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar, Literal, cast

from recovery.names import PRIMARY_REGION, RECOVERY_REGION
from recovery.optional_checks import CHECK_NAMES, unknown_checks
from recovery.windows import occurrences, overlap, starts
from settings import (
    Database,
    DeviceBackups,
    Domain,
    Service,
    SettingsError,
    SignIn,
    Snapshots,
    require,
    require_between,
)

# AWS Backup fails a snapshot that starts in an RDS window or up to this long before one.
MINUTES_CLEAR_OF_WINDOW = 60

# By e-mail goes every message, and what is wrong with the notifier itself: PagerDuty takes pages by e-mail, too.
ON_CALL = "oncall@duskspendr.app"
# Of accounts in the EU it is https://events.eu.pagerduty.com/v2/enqueue.
PAGERDUTY = "https://events.pagerduty.com/v2/enqueue"
# Where the documentation site (`make docs`) is served, and its folder of runbooks.
RUNBOOKS = "https://continuity.duskspendr.app/runbooks"

# Of the 4 KB that all environment variables of a function may have:
# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
EXPLAINED_FAULTS_BYTES = 3_000

LogRetentionDays = Literal[1, 7, 30, 90, 365]


@dataclass(frozen=True, kw_only=True)
class Environment:
    """Everything that differs between environments.

    ``account``, ``domain`` and ``sign_in`` are None until :func:`select` reads them from the context; without a
    ``sign_in`` devices sign in at a user pool of the deployment. ``active_region`` is where the application serves:
    change it after a failover, so that no later deploy undoes the failover. The ``optional_checks`` of a restore may be
    left not proven, where an extension cannot be had, say; what fails is never excused. ``explained_faults`` of the
    chain of evidence, word for word as `dr evidence verify` tells them, were looked into and stay under the lock: they
    page no more (docs/decisions/0056-explained-faults.md). ``fault_experiments`` deploys templates that break the
    primary on purpose, for whoever starts one. What is ``audited`` needs an AWS Config recorder in both regions, which
    an account has once for everything (docs/compliance.md). All environments have the two regions of
    :mod:`recovery.names`, for the commands have to find them while nothing answers
    (docs/decisions/0033-the-same-two-regions-everywhere.md).
    """

    primary_region: ClassVar[str] = PRIMARY_REGION
    recovery_region: ClassVar[str] = RECOVERY_REGION

    name: str
    account: str | None = None
    active_region: str = PRIMARY_REGION
    database: Database
    snapshots: Snapshots = field(default_factory=Snapshots)
    service: Service
    device_backups: DeviceBackups = field(default_factory=DeviceBackups)
    sign_in: SignIn | None = None
    domain_name: str | None = None
    domain: Domain | None = None
    alarm_emails: tuple[str, ...] = ()
    pagerduty_url: str = PAGERDUTY
    runbooks_url: str = RUNBOOKS
    log_retention_days: LogRetentionDays = 90
    evidence_retention_days: int = 90
    optional_checks: tuple[str, ...] = ()
    explained_faults: tuple[str, ...] = ()
    fault_experiments: bool = False
    audited: bool = False
    bundle_lambda_dependencies: bool = True
    destroyable: bool = False
    account_must_be_explicit: bool = False

    def __post_init__(self) -> None:
        require(
            self.recovery_region != self.primary_region,
            "recovery_region",
            expected=f"another region than the primary ({self.primary_region})",
            found=self.recovery_region,
            action="A copy in the same region is lost with the region: correct recovery/names.py.",
        )
        require(
            self.active_region in (self.primary_region, self.recovery_region),
            "active_region",
            expected=f"{self.primary_region} or {self.recovery_region}",
            found=self.active_region,
            action="Name the region in which the application serves now.",
        )
        require(
            self.account is None or bool(re.fullmatch(r"\d{12}", self.account)),
            f"account of {self.name}",
            expected="12 digits",
            found=self.account,
            action='Correct it in the context "accounts" of cdk.json.',
        )
        lock = "Evidence that can be deleted at once proves nothing, and no lock can be shortened."
        require_between("evidence_retention_days", 1, self.evidence_retention_days, 3650, unit="days", action=lock)
        require(
            bool(self.alarm_emails) or self.destroyable,
            f"alarm_emails of {self.name}",
            expected="somebody who gets the alarms",
            found=self.alarm_emails,
            action="An alarm without a subscriber is blind: name at least one address.",
        )
        require(
            not unknown_checks(self.optional_checks),
            f"optional_checks of {self.name}",
            expected=f"names of checks: {', '.join(CHECK_NAMES)}",
            found=unknown_checks(self.optional_checks),
            action="A name that is no check would excuse nothing: correct it.",
        )
        size = len(json.dumps(self.explained_faults))
        require(
            all(self.explained_faults) and size <= EXPLAINED_FAULTS_BYTES,
            f"explained_faults of {self.name}",
            expected=f"whole sentences, {EXPLAINED_FAULTS_BYTES} bytes of JSON together",
            found=f"{size} bytes: {self.explained_faults}",
            action="A function takes no more: a chain with so many faults proves nothing and is to be begun anew.",
        )
        require(
            self.sign_in is None or f"//cognito-idp.{self.primary_region}." not in self.sign_in.issuer,
            f"sign_in.issuer of {self.name}",
            expected=f"an issuer outside the primary region ({self.primary_region})",
            found=self.sign_in and self.sign_in.issuer,
            action="Nobody could sign in to restore once that region is lost: name another, or none.",
        )
        for name, pattern in (("pagerduty_url", r"https://\S+"), ("runbooks_url", r"https://\S*[^\s/]")):
            require(
                bool(re.fullmatch(pattern, cast(str, getattr(self, name)))),
                f"{name} of {self.name}",
                expected="an address that begins with https:// and ends without a slash",
                found=getattr(self, name),
                action="A message that leads nowhere helps nobody at 3 a.m.: correct it.",
            )
        self._require_snapshots_clear_of_windows()

    def _require_snapshots_clear_of_windows(self) -> None:
        for schedule in (self.snapshots.weekly_schedule, self.snapshots.monthly_schedule):
            for name in ("backup_window", "maintenance_window"):
                window = cast(str, getattr(self.database, name))
                forbidden = [(start - MINUTES_CLEAR_OF_WINDOW, end) for start, end in occurrences(window)]
                require(
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
    fault_experiments=True,
    audited=True,
    database=Database(instance_class="db.t4g.large"),
    service=Service(image="unreleased"),
    alarm_emails=(ON_CALL,),
    domain_name="api.staging.duskspendr.app",
)
PROD = Environment(
    name="prod",
    audited=True,
    database=Database(instance_class="db.m7g.large"),
    service=Service(image="unreleased"),
    alarm_emails=(ON_CALL,),
    domain_name="api.duskspendr.app",
    log_retention_days=365,
    evidence_retention_days=365,
    account_must_be_explicit=True,
)
# What the lab deploys into its emulator: no TLS on its server, no certificate, handlers run in its own Python.
LOCAL = Environment(
    name="local",
    database=Database(instance_class="db.t4g.micro", tls="disable"),
    service=Service(image="lab", min_tasks=1, max_tasks=2),
    log_retention_days=1,
    evidence_retention_days=1,
    device_backups=DeviceBackups(max_backup_mib=64, uploads_per_day=1000),
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
    sign_ins: Mapping[str, object],
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
            sign_in=sign_ins.get(environment.name),
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
    sign_in: object,
    default_account: str | None,
) -> Environment:
    """``environment`` with what is the deployer's own. Raises :class:`SettingsError`."""
    explicit = environment.account_must_be_explicit
    account = account or (None if explicit else default_account)
    other_way = "." if explicit else " or deploy with credentials (CDK_DEFAULT_ACCOUNT)."
    require(
        account is not None,
        f"account of {environment.name}",
        expected="an account number" + (" that is named explicitly" if explicit else ""),
        found=None,
        action='Add it to the context "accounts" of cdk.json' + other_way,
    )
    name = environment.domain_name
    domain = Domain(name=name, zone_id=zone_id or "") if name else None
    service = replace(environment.service, image=image) if image else environment.service
    chosen = None if sign_in is None else SignIn.parse(sign_in)
    return replace(environment, account=account, domain=domain, service=service, sign_in=chosen)
