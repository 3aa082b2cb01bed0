"""Read back from the emulated cloud what the drill relies on: CREATE_COMPLETE proves little, the emulator loses much.

Every expectation is computed from the objectives; a property that was lost makes the drill fail before it starts.
"""

import json
from collections.abc import Callable, Generator
from dataclasses import dataclass

import psycopg

from lab.cloud import Cloud
from lab.deployment import Deployment
from recovery import objectives


@dataclass(frozen=True)
class Property:
    """One property of the deployed cloud: what it is, what was expected and what was read."""

    name: str
    expected: object
    found: object

    @property
    def holds(self) -> bool:
        """Whether the cloud has what the drill relies on."""
        return self.expected == self.found


def read_back(cloud: Cloud, deployment: Deployment) -> list[Property]:
    """Every property the drill relies on."""
    groups: tuple[Callable[[Cloud, Deployment], Generator[Property]], ...] = (
        _database,
        _replica,
        _vaults,
        _plan,
        _restore_testing,
        _evidence,
        _verification,
        device_backups,
    )
    return [found for group in groups for found in group(cloud, deployment)]


def _database(cloud: Cloud, deployment: Deployment) -> Generator[Property]:
    identifier = deployment.output("Database", "InstanceIdentifier")
    rds = cloud.clients(deployment.primary_region).rds
    [instance] = rds.describe_db_instances(DBInstanceIdentifier=identifier)["DBInstances"]
    days = objectives.AUTOMATED_BACKUP_RETENTION_DAYS
    yield Property("automated backups, days kept", days, instance.get("BackupRetentionPeriod"))
    yield Property("backup window", objectives.BACKUP_WINDOW, instance.get("PreferredBackupWindow"))
    yield Property("Multi-AZ", True, instance.get("MultiAZ"))
    yield Property("IAM authentication", True, instance.get("IAMDatabaseAuthenticationEnabled"))
    yield Property("public access", False, instance.get("PubliclyAccessible"))
    replicated = cloud.clients(deployment.recovery_region).rds.describe_db_instance_automated_backups(
        DBInstanceIdentifier=identifier
    )["DBInstanceAutomatedBackups"]
    yield Property(
        "automated backups in the recovery region", ["replicating"], [each.get("Status") for each in replicated]
    )
    dsn = next(each["dsn"] for each in cloud.listing("instances") if each["identifier"] == identifier)
    with psycopg.connect(dsn) as connection:
        roles = connection.execute(
            "SELECT rolname FROM pg_roles r WHERE rolcanlogin AND pg_has_role(oid, 'rds_iam', 'MEMBER')"
            " AND NOT rolsuper AND NOT pg_has_role(oid, 'rds_superuser', 'MEMBER') ORDER BY 1"
        ).fetchall()
    yield Property("roles that sign in with IAM", ["heartbeat", "restore_verifier"], [name for (name,) in roles])


def _replica(cloud: Cloud, deployment: Deployment) -> Generator[Property]:
    identifier = deployment.output("RecoveryStandby", "ReplicaIdentifier")
    found = [each for each in cloud.listing("instances") if each["identifier"] == identifier]
    yield Property("region of the replica", [deployment.recovery_region], [each["region"] for each in found])
    for each in found:
        with psycopg.connect(each["dsn"]) as connection:
            row = connection.execute("SELECT pg_is_in_recovery(), (SELECT status FROM pg_stat_wal_receiver)").fetchone()
        yield Property("replica streams from its source", (True, "streaming"), row)


def _vaults(cloud: Cloud, deployment: Deployment) -> Generator[Property]:
    bounds = (True, objectives.VAULT_LOCK_MIN_DAYS, objectives.VAULT_LOCK_MAX_DAYS)
    for region, vault in (
        (deployment.primary_region, deployment.output("Backup", "VaultName")),
        (deployment.recovery_region, deployment.output("RecoveryFoundation", "RecoveryVaultName")),
    ):
        backup = cloud.clients(region).backup
        found = backup.describe_backup_vault(BackupVaultName=vault)
        lock = (found.get("Locked"), found.get("MinRetentionDays"), found.get("MaxRetentionDays"))
        yield Property(f"lock of the vault in {region} (least and most days)", bounds, lock)
        policy = json.loads(backup.get_backup_vault_access_policy(BackupVaultName=vault).get("Policy", "{}"))
        denied = {
            action
            for statement in policy["Statement"]
            if statement["Effect"] == "Deny"
            for action in ([statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"])
        }
        yield Property(f"deletion of recovery points denied in {region}", True, "backup:DeleteRecoveryPoint" in denied)


def _plan(cloud: Cloud, deployment: Deployment) -> Generator[Property]:
    rules = cloud.clients(deployment.primary_region).backup.get_backup_plan(
        BackupPlanId=deployment.output("Backup", "PlanId")
    )["BackupPlan"]["Rules"]
    schedules = sorted([objectives.WEEKLY_SNAPSHOT_SCHEDULE, objectives.MONTHLY_SNAPSHOT_SCHEDULE])
    yield Property("schedules of the plan", schedules, sorted(rule.get("ScheduleExpression", "") for rule in rules))
    vault = deployment.output("RecoveryFoundation", "RecoveryVaultName")
    for rule in rules:
        copies = [
            (arn.split(":")[3], arn.split(":")[-1], copy.get("Lifecycle", {}).get("DeleteAfterDays"))
            for copy in rule.get("CopyActions", [])
            for arn in [copy["DestinationBackupVaultArn"]]
        ]
        wanted = [(deployment.recovery_region, vault, objectives.SNAPSHOT_RETENTION_DAYS)]
        yield Property(f"copies of rule {rule['RuleName']} (region, vault, days)", wanted, copies)


def _restore_testing(cloud: Cloud, deployment: Deployment) -> Generator[Property]:
    for region, stack in ((deployment.primary_region, "Backup"), (deployment.recovery_region, "RecoveryStandby")):
        backup = cloud.clients(region).backup
        name = deployment.output(stack, "RestoreTestingPlanName")
        selections = backup.list_restore_testing_selections(RestoreTestingPlanName=name)["RestoreTestingSelections"]
        yield Property(f"selections of restore-testing plan {name}", 1, len(selections))


def _evidence(cloud: Cloud, deployment: Deployment) -> Generator[Property]:
    bucket = deployment.output("RecoveryFoundation", "EvidenceBucketName")
    s3 = cloud.clients(deployment.recovery_region).s3
    yield Property("versions of the evidence", "Enabled", s3.get_bucket_versioning(Bucket=bucket).get("Status"))


def _verification(cloud: Cloud, deployment: Deployment) -> Generator[Property]:
    for region, stack in ((deployment.primary_region, "Backup"), (deployment.recovery_region, "RecoveryStandby")):
        arn = deployment.output(stack, "VerificationStateMachineArn")
        events = cloud.clients(region).events
        targets = [
            target["Arn"]
            for rule in events.list_rules()["Rules"]
            if "Restore Job State Change" in rule.get("EventPattern", "") and rule.get("State") == "ENABLED"
            for target in events.list_targets_by_rule(Rule=rule.get("Name", ""))["Targets"]
        ]
        yield Property(f"restores in {region} start the verification", True, arn in targets)


def device_backups(cloud: Cloud, deployment: Deployment) -> Generator[Property]:
    """What keeps the backup before a device's newest. The emulator forgets the buckets' lifecycle and replication."""
    for region, stack, output in (
        (deployment.primary_region, "DeviceBackups", "BucketName"),
        (deployment.recovery_region, "RecoveryFoundation", "DeviceReplicaBucketName"),
    ):
        bucket = deployment.output(stack, output)
        versions = cloud.clients(region).s3.get_bucket_versioning(Bucket=bucket).get("Status")
        yield Property(f"versions of the device backups in {region}", "Enabled", versions)
