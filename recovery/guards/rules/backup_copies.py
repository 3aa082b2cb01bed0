"""How long backups and their copies are kept, and where copies go."""

from collections.abc import Iterator
from typing import Any, cast

from recovery.guards.finding import Problem, Unknown
from recovery.guards.naming import arn_region
from recovery.guards.rule import Change, Says, number, rule
from recovery.guards.rules.backup_plans import PLAN, RULES, plan_rules
from recovery.guards.sources import BACKUP
from recovery.guards.templates import Resource, dig, is_known
from recovery.guards.unresolved import Unresolved
from recovery.guards.values import listed

_LOCK = f"{BACKUP}vault-lock.html"
_COPIES = f"{BACKUP}cross-region-backup.html"


def _copies(plan: Resource) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    for path, found in plan_rules(plan):
        for index, copy in enumerate(listed(found.get("CopyActions"))):
            if isinstance(copy, dict):
                yield f"{path}.CopyActions.{index}", found, cast(dict[str, Any], copy)


def _vault(plan: Resource, value: object) -> Resource | None:
    found = plan.assembly.resource_of(value)
    if found is not None and found.type == "AWS::Backup::BackupVault":
        return found
    return plan.assembly.named("AWS::Backup::BackupVault", value, plan.region)


def _bounds(vault: Resource) -> tuple[float, float]:
    low = number(vault.get("LockConfiguration.MinRetentionDays"))
    high = number(vault.get("LockConfiguration.MaxRetentionDays"))
    return (0 if low is None else low), (float("inf") if high is None else high)


def _fits(path: str, days: object, vault: Resource) -> Says:
    if isinstance(days, Unresolved):
        yield Unknown(path, days.reason)
        return
    low, high = _bounds(vault)
    kept = number(days)
    bounds = f"{low:g} to {high:g} days, the lock of {vault.logical_id}"
    if kept is not None and not low <= kept <= high:
        yield Problem(path, f"{kept:g} days", bounds)
    if kept is None and high != float("inf"):
        yield Problem(path, "kept for ever", bounds)


@rule(
    PLAN,
    trap=7,
    fix="Bring DeleteAfterDays between MinRetentionDays and MaxRetentionDays of the vault's lock.",
    source=_LOCK,
    bad=Change("primary.Plan", f"{RULES}.0.Lifecycle.DeleteAfterDays", 3),
)
def backup_retention_outside_lock(plan: Resource) -> Says:
    """A backup is kept for a time that its vault's lock allows.

    A locked vault fails every job outside its bounds: the plan deploys, and not one backup is taken.
    """
    for path, found in plan_rules(plan):
        vault = _vault(plan, found.get("TargetBackupVault"))
        if vault is not None:
            yield from _fits(f"{path}.Lifecycle.DeleteAfterDays", dig(found, "Lifecycle.DeleteAfterDays"), vault)


@rule(
    PLAN,
    trap=7,
    fix="Bring the copy's DeleteAfterDays between the bounds of the destination vault's lock.",
    source=_LOCK,
    bad=Change("primary.Plan", f"{RULES}.0.CopyActions.0.Lifecycle.DeleteAfterDays", 400),
)
def copy_retention_outside_lock(plan: Resource) -> Says:
    """A copy is kept for a time that the destination vault's lock allows.

    The copy job fails in the other region: the backups look well, and the region that has to restore them has none.
    """
    for path, _, copy in _copies(plan):
        destination = copy.get("DestinationBackupVaultArn")
        vault = _vault(plan, destination)
        days = dig(copy, "Lifecycle.DeleteAfterDays")
        if vault is not None:
            yield from _fits(f"{path}.Lifecycle.DeleteAfterDays", days, vault)
        elif arn_region(destination) in plan.assembly.known_regions:
            yield Unknown(f"{path}.DestinationBackupVaultArn", "its vault is in none of the templates")


@rule(
    PLAN,
    trap=11,
    fix="Add a CopyActions entry whose DestinationBackupVaultArn is a vault in the recovery region.",
    source=_COPIES,
    bad=Change("primary.Plan", f"{RULES}.0.CopyActions", []),
)
def backup_without_copy(plan: Resource) -> Says:
    """Every rule copies its backups to another region.

    A backup in the region that was lost is lost with it.
    """
    for path, found in plan_rules(plan):
        if not listed(found.get("CopyActions")):
            yield Problem(f"{path}.CopyActions", None, "a copy to a vault in another region")


@rule(
    PLAN,
    trap=11,
    fix="Name a vault in another region.",
    source=_COPIES,
    bad=Change(
        "primary.Plan",
        f"{RULES}.0.CopyActions.0.DestinationBackupVaultArn",
        "arn:aws:backup:ap-south-1:111122223333:backup-vault:second",
    ),
)
def copy_stays_in_region(plan: Resource) -> Says:
    """A copy goes to another region.

    A second vault in the same region doubles the bill and survives nothing more.
    """
    for path, _, copy in _copies(plan):
        destination = copy.get("DestinationBackupVaultArn")
        region = arn_region(destination)
        where = f"{path}.DestinationBackupVaultArn"
        if region == plan.region:
            yield Problem(where, destination, f"a vault outside {plan.region}")
        elif region is None or not is_known(region) or not is_known(plan.region):
            yield Unknown(where, "the regions of plan and vault are not both known")


@rule(
    PLAN,
    fix="Keep the copy at least as long as the backup.",
    source=_COPIES,
    bad=Change("primary.Plan", f"{RULES}.0.CopyActions.0.Lifecycle.DeleteAfterDays", 30),
)
def copy_expires_first(plan: Resource) -> Says:
    """A copy is kept at least as long as what it is a copy of.

    The retention that was promised holds only while the primary region stands.
    """
    for path, found, copy in _copies(plan):
        kept = number(dig(copy, "Lifecycle.DeleteAfterDays"))
        original = dig(found, "Lifecycle.DeleteAfterDays")
        if isinstance(original, Unresolved):
            yield Unknown(f"{path}.Lifecycle.DeleteAfterDays", original.reason)
        elif kept is not None and kept < (number(original) or float("inf")):
            expected = f"at least {original} days, like the backup" if original else "no expiry, like the backup"
            yield Problem(f"{path}.Lifecycle.DeleteAfterDays", f"{kept:g} days", expected)
