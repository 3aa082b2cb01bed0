"""Ask AWS what is in a vault: the one place that reads it, for the function and for ``dr`` alike."""

from typing import TYPE_CHECKING

from recovery.recovery_points import Inventory, Job, RecoveryPoint, RestoredInstance

if TYPE_CHECKING:
    from mypy_boto3_backup import BackupClient
    from mypy_boto3_rds import RDSClient

# What AWS Backup names and tags the instances of restore tests with, and goes by when it deletes them.
# https://docs.aws.amazon.com/aws-backup/latest/devguide/restore-testing.html
RESTORE_TEST = "awsbackup-restore-test"


def read_inventory(backup: "BackupClient", rds: "RDSClient", vault_name: str) -> Inventory:
    """The vault's recovery points, its jobs of the last 30 days, and the instances that restore tests have made.

    The clients say which region and account. Raises botocore's ClientError or BotoCoreError.
    """
    vault = backup.describe_backup_vault(BackupVaultName=vault_name)
    pages = backup.get_paginator("list_recovery_points_by_backup_vault").paginate(BackupVaultName=vault_name)
    return Inventory(
        vault=vault_name,
        vault_created_at=vault["CreationDate"],
        points=tuple(RecoveryPoint.of(each) for page in pages for each in page["RecoveryPoints"]),
        jobs=(*_backup_jobs(backup, vault_name), *_copy_jobs(backup, vault["BackupVaultArn"])),
        restored_instances=_restored_instances(rds),
    )


def _backup_jobs(backup: "BackupClient", vault_name: str) -> tuple[Job, ...]:
    pages = backup.get_paginator("list_backup_jobs").paginate(ByBackupVaultName=vault_name)
    return tuple(Job.of("backup", each) for page in pages for each in page["BackupJobs"])


def _copy_jobs(backup: "BackupClient", vault_arn: str) -> tuple[Job, ...]:
    pages = backup.get_paginator("list_copy_jobs").paginate(ByResourceType="RDS")
    return tuple(
        Job.of("copy", each)
        for page in pages
        for each in page["CopyJobs"]
        if vault_arn in (each.get("SourceBackupVaultArn"), each.get("DestinationBackupVaultArn"))
    )


def _restored_instances(rds: "RDSClient") -> tuple[RestoredInstance, ...]:
    found = (each for page in rds.get_paginator("describe_db_instances").paginate() for each in page["DBInstances"])
    return tuple(
        RestoredInstance(identifier=identifier, created_at=created)
        for each in found
        if (identifier := each.get("DBInstanceIdentifier", ""))
        # An instance still being made has no time yet, and nobody misses its deletion.
        and (created := each.get("InstanceCreateTime"))
        and (
            identifier.startswith(RESTORE_TEST)
            or any(tag.get("Key") == RESTORE_TEST for tag in each.get("TagList", []))
        )
    )
