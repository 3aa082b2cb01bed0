"""Vaults: what keeps recovery points from being deleted."""

from fnmatch import fnmatchcase

from recovery.guards.finding import Problem, Unknown
from recovery.guards.naming import arn_region
from recovery.guards.rule import Change, Says, rule
from recovery.guards.sources import BACKUP
from recovery.guards.templates import Resource, dig, is_known
from recovery.guards.unresolved import Unresolved
from recovery.guards.values import listed

VAULT = "AWS::Backup::BackupVault"
# What takes a recovery point away, or makes it expire sooner.
DELETIONS = (
    "backup:DeleteBackupVault",
    "backup:DeleteBackupVaultLockConfiguration",
    "backup:DeleteRecoveryPoint",
    "backup:DisassociateRecoveryPoint",
    "backup:UpdateRecoveryPointLifecycle",
)
_LOCK = f"{BACKUP}vault-lock.html"


@rule(
    VAULT,
    fix="Add a LockConfiguration with MinRetentionDays and MaxRetentionDays, without ChangeableForDays.",
    source=_LOCK,
    bad=Change("recovery.Vault", "LockConfiguration", None),
)
def vault_unlocked(vault: Resource) -> Says:
    """A vault is locked.

    Whoever gets an administrator's rights deletes the backups first: without a lock nothing stands against it.
    """
    if vault.get("LockConfiguration") is None:
        yield Problem("LockConfiguration", None, "a lock with the least time that recovery points stay")


@rule(
    VAULT,
    trap=7,
    fix="Set MinRetentionDays.",
    source=_LOCK,
    bad=Change("recovery.Vault", "LockConfiguration.MinRetentionDays", None),
)
def vault_lock_without_minimum(vault: Resource) -> Says:
    """A lock says how long recovery points stay at least.

    Without a minimum CloudFormation refuses the lock, and one made otherwise lets a plan delete after a day.
    """
    if vault.get("LockConfiguration") is not None and vault.get("LockConfiguration.MinRetentionDays") is None:
        yield Problem("LockConfiguration.MinRetentionDays", None, "a number of days")


@rule(
    VAULT,
    trap=7,
    fix="Remove ChangeableForDays, which leaves a governance lock; acknowledge it where compliance mode is meant.",
    source=_LOCK,
    bad=Change("recovery.Vault", "LockConfiguration.ChangeableForDays", 3),
)
def vault_lock_cannot_be_undone(vault: Resource) -> Says:
    """A lock is a governance lock unless compliance mode was decided on.

    ChangeableForDays makes it compliance mode: after those days nobody, AWS included, can shorten a retention or remove
    the vault, whatever it costs and whatever was wrong in it.
    """
    days = vault.get("LockConfiguration.ChangeableForDays")
    if days is not None:
        yield Problem("LockConfiguration.ChangeableForDays", f"{days} days, then for ever", "no ChangeableForDays")


@rule(
    VAULT,
    fix="Add to AccessPolicy a Deny for everybody of " + ", ".join(DELETIONS) + ".",
    source=f"{BACKUP}create-a-vault-access-policy.html",
    bad=Change("primary.Vault", "AccessPolicy.Statement.0.Action", ["backup:DeleteBackupVault"]),
)
def vault_lets_delete(vault: Resource) -> Says:
    """A vault's policy denies everybody to delete recovery points or to make them expire sooner.

    A governance lock can be lifted by whoever may; the policy is the second hand that has to be raised.
    """
    denied: list[str] = []
    for statement in listed(vault.get("AccessPolicy.Statement")):
        if isinstance(statement, Unresolved):
            yield Unknown("AccessPolicy.Statement", statement.reason)
            return
        everybody = dig(statement, "Principal") == "*" or "*" in listed(dig(statement, "Principal.AWS"))
        if dig(statement, "Effect") == "Deny" and everybody and not dig(statement, "Condition"):
            denied += [str(action) for action in listed(dig(statement, "Action"))]
    open_ones = [each for each in DELETIONS if not any(fnmatchcase(each.lower(), found.lower()) for found in denied)]
    if open_ones:
        yield Problem("AccessPolicy", f"not denied: {', '.join(open_ones)}", "a Deny of each for everybody")


@rule(
    VAULT,
    trap=3,
    fix="Give the vault a customer key of its own region and account.",
    source=f"{BACKUP}encryption.html",
    bad=Change("recovery.Vault", "EncryptionKeyArn", "arn:aws:kms:ap-south-1:111122223333:key/primary"),
)
def vault_key_elsewhere(vault: Resource) -> Says:
    """A vault is encrypted under a key of its own region.

    Copies are encrypted anew under the destination's key: with one of the lost region they cannot be made, and could
    not be read.
    """
    key = vault.get("EncryptionKeyArn")
    region = vault.assembly.region_of(key)
    if key is not None and region is not None and is_known(vault.region) and region != vault.region:
        yield Problem("EncryptionKeyArn", key, f"a key in {vault.region}")


@rule(
    VAULT,
    severity="warning",
    fix="Name a customer key in EncryptionKeyArn.",
    source=f"{BACKUP}encryption.html",
    bad=Change("recovery.Vault", "EncryptionKeyArn", None),
)
def vault_without_own_key(vault: Resource) -> Says:
    """A vault has a customer key.

    Under AWS's own key recovery points can neither be shared with, nor copied to, another account: the way out of an
    account that was taken over is closed.
    """
    if vault.get("EncryptionKeyArn") is None:
        yield Problem("EncryptionKeyArn", None, "a customer key")


@rule(
    VAULT,
    trap=8,
    fix="Add a RestoreTestingPlan in the vault's region that includes it, and a selection.",
    source=f"{BACKUP}restore-testing.html",
    bad=Change(
        "recovery.Test", "RecoveryPointSelection.IncludeVaults", ["arn:aws:backup:ap-southeast-1:1:backup-vault:x"]
    ),
)
def vault_never_restored(vault: Resource) -> Says:
    """Every vault's recovery points are restored by a restore-testing plan.

    A backup that was never restored is a hope: wrong keys, networks and engine versions show on the day they are
    needed.
    """
    for plan in vault.assembly.all("AWS::Backup::RestoreTestingPlan"):
        for included in listed(plan.get("RecoveryPointSelection.IncludeVaults")):
            here = plan.region == vault.region and plan.stack.account == vault.stack.account
            if here and (included == "*" or vault.assembly.resource_of(included) is vault):
                return
            if here and (isinstance(included, Unresolved) or not arn_region(included)):
                yield Unknown("", f"what {plan.logical_id} includes is not known")
                return
    yield Problem("", None, "a RestoreTestingPlan that includes this vault")
