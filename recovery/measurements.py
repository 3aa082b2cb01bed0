"""What nobody emits a metric of, and the objectives depend on: asked of AWS, decided here.

What cannot be measured is None, and no number is published for it: the alarm on it takes silence for the fault.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from recovery.names import CLUSTER, SERVICE, Names
from recovery.point_in_time.backups import read_backups

if TYPE_CHECKING:
    from mypy_boto3_backup import BackupClient
    from mypy_boto3_ecs import ECSClient
    from mypy_boto3_kms import KMSClient
    from mypy_boto3_rds import RDSClient

# Of a key that encrypts and decrypts. https://docs.aws.amazon.com/kms/latest/developerguide/key-state.html
_USABLE_KEY = "Enabled"


def replicated_backup_age_seconds(rds: "RDSClient", names: Names, *, now: datetime) -> float | None:
    """How long ago the newest moment was that this region could restore of the other's database; None without one.

    Raises botocore's ClientError or BotoCoreError.
    """
    latest = max((each.latest for each in read_backups(rds, names) if each.replicated), default=None)
    return None if latest is None else max(0.0, (now - latest).total_seconds())


def tasks_missing(ecs: "ECSClient") -> int:
    """How many tasks the service should run and does not. Raises botocore's errors; LookupError without a service."""
    found = ecs.describe_services(cluster=CLUSTER, services=[SERVICE])["services"]
    active = [each for each in found if each.get("status") == "ACTIVE"]
    if not active:
        raise LookupError(f"expected the service {SERVICE} in {CLUSTER}, found none")
    return max(0, active[0].get("desiredCount", 0) - active[0].get("runningCount", 0))


def keys_endangered(kms: "KMSClient", key_arns: Sequence[str]) -> int:
    """How many of the keys cannot be used, or are to be deleted. Raises botocore's ClientError or BotoCoreError."""
    states = [kms.describe_key(KeyId=arn)["KeyMetadata"].get("KeyState") for arn in key_arns]
    return sum(state != _USABLE_KEY for state in states)


def vaults_unlocked(backup: "BackupClient", vault_name: str) -> int:
    """1 when the vault has no lock, or one that lets recovery points go at once. Raises botocore's errors."""
    vault = backup.describe_backup_vault(BackupVaultName=vault_name)
    return int(not (vault.get("Locked") and vault.get("MinRetentionDays")))
