"""Mistakes with databases, plans, vaults, restore tests and whatever else holds data."""

from collections.abc import Iterator

from recovery.guards.rules.stateful import PROTECTIONS, STATEFUL
from recovery.guards.rules.vaults import DELETIONS
from recovery.guards.templates import Assembly, Json, Resource, Stack
from tests.infrastructure.guard_mistakes import (
    KINDS,
    Kind,
    Mistake,
    adding,
    elsewhere,
    here,
    in_recovery,
    itself,
    mistake,
    of_type,
    setting,
)


def is_replica(resource: Resource) -> bool:
    return resource.get("SourceDBInstanceIdentifier") is not None


def is_primary(resource: Resource) -> bool:
    return not is_replica(resource)


# Databases.
DB = "AWS::RDS::DBInstance"
setting("database-backups-stay-in-region", DB, "AutomaticBackupReplicationRegion", None, where=is_primary)
setting(
    "database-backups-replicated-at-home",
    DB,
    "AutomaticBackupReplicationRegion",
    lambda it: it.region,
    where=is_primary,
)
for wrong in (None, here("kms", "key/own")):
    setting("database-replication-key-elsewhere", DB, "AutomaticBackupReplicationKmsKeyId", wrong, where=is_primary)
for days in (0, 1, None):
    setting("database-backup-retention", DB, "BackupRetentionPeriod", days)
setting(
    "database-replicas-of-backups-expire-first", DB, "AutomaticBackupReplicationRetentionPeriod", 1, where=is_primary
)
for wrong in (None, True):
    setting("database-takes-backups-along", DB, "DeleteAutomatedBackups", wrong)
for wrong in (None, False):
    setting("database-in-one-zone", DB, "MultiAZ", wrong)
    setting("database-by-password-only", DB, "EnableIAMDatabaseAuthentication", wrong)
    setting("data-without-deletion-protection", DB, "DeletionProtection", wrong)
setting("database-windows-overlap", DB, "PreferredMaintenanceWindow", "mon:03:30-mon:04:30")
for version in ("17.8", "18.2"):
    setting("database-engine-retired", DB, "EngineVersion", version, where=is_primary)
setting("database-engine-minor-pinned", DB, "EngineVersion", "18.9", where=is_primary)
setting("database-password-managed", DB, "ManageMasterUserPassword", value=True)
SECRET = "AWS::SecretsManager::Secret"


def of_database(secret: Resource) -> bool:
    """The one other secret is PagerDuty's key, put in by hand in each region."""
    return "GenerateSecretString" in secret.properties


for wrong in (None, [{"Region": "eu-west-1"}]):
    setting("secret-stays-in-region", SECRET, "ReplicaRegions", wrong, where=of_database)
setting("secret-replica-key-elsewhere", SECRET, "ReplicaRegions.*.KmsKeyId", here("kms", "key/own"))


def _rotation(stack: Stack) -> Json | None:
    secret = next((each for each in stack.resources.values() if each.type == SECRET and of_database(each)), None)
    properties = {"SecretId": {"Ref": secret.logical_id}} if secret else {}
    return {"Type": "AWS::SecretsManager::RotationSchedule", "Properties": properties} if secret else None


adding("secret-rotates-away", _rotation)

# Replicas.
SOURCE = "SourceDBInstanceIdentifier"
setting("replica-of-nothing", DB, SOURCE, here("rds", "db:duskspendr-prod"), where=is_replica)
setting("replica-of-nothing", DB, SOURCE, "duskspendr-prod", where=is_replica)
setting("replica-source-region", DB, "SourceRegion", "eu-west-1", where=is_replica)
setting("replica-without-key", DB, "KmsKeyId", None, where=is_replica)
setting("database-key-elsewhere", DB, "KmsKeyId", elsewhere("kms", "key/other"))
for policy in ("DeletionPolicy", "UpdateReplacePolicy"):
    setting("replica-not-retained", DB, f"^{policy}", "Snapshot", where=is_replica)

# Plans.
PLAN, SELECTION = "AWS::Backup::BackupPlan", "AWS::Backup::BackupSelection"
RULES = "BackupPlan.BackupPlanRule.*"


def plans(resource: Resource) -> list[Resource]:
    return of_type(resource, PLAN)


setting("backup-in-database-window", PLAN, f"{RULES}.ScheduleExpression", "cron(30 3 ? * WED *)")
setting("backup-in-database-window", PLAN, f"{RULES}.ScheduleExpression", "cron(15 2 ? * WED *)")
setting("backup-in-database-window", DB, "PreferredBackupWindow", "18:30-19:30", where=is_primary, at=plans)
WEEKLY = "BackupPlan.BackupPlanRule.0"
setting("backup-in-database-window", PLAN, f"{WEEKLY}.ScheduleExpressionTimezone", "America/Los_Angeles")
setting("backup-in-maintenance-window", PLAN, f"{WEEKLY}.ScheduleExpressionTimezone", "Etc/GMT+10")
setting("backup-in-maintenance-window", PLAN, f"{RULES}.ScheduleExpression", "cron(0 4 ? * SUN *)")
setting(
    "backup-in-maintenance-window",
    DB,
    "PreferredMaintenanceWindow",
    "sat:18:30-sat:19:00",
    where=is_primary,
    at=plans,
)
setting("backup-rules-overlap", PLAN, f"{RULES}.ScheduleExpression", lambda _: "cron(30 18-21/3 ? * SAT *)")
setting("backup-start-window", PLAN, f"{RULES}.StartWindowMinutes", 59)
setting("backup-completion-window", PLAN, f"{RULES}.CompletionWindowMinutes", 60)
setting("backup-continuous-on-database", PLAN, f"{RULES}.EnableContinuousBackup", value=True)
setting("backup-in-cold-storage", PLAN, f"{RULES}.Lifecycle.MoveToColdStorageAfterDays", 30)
setting("backup-selected-by-tag-only", SELECTION, "BackupSelection.Resources", None)
setting("backup-plan-selects-nothing", SELECTION, "BackupPlanId", "another", at=plans)
setting("backup-retention-outside-lock", PLAN, f"{RULES}.Lifecycle.DeleteAfterDays", 6)
setting("copy-retention-outside-lock", PLAN, f"{RULES}.CopyActions.*.Lifecycle.DeleteAfterDays", 366)
setting("copy-retention-outside-lock", PLAN, f"{RULES}.CopyActions.*.Lifecycle", None)
setting("copy-expires-first", PLAN, f"{RULES}.CopyActions.*.Lifecycle.DeleteAfterDays", 89)
setting("backup-without-copy", PLAN, f"{RULES}.CopyActions", None)
setting(
    "copy-stays-in-region",
    PLAN,
    f"{RULES}.CopyActions.*.DestinationBackupVaultArn",
    here("backup", "backup-vault:duskspendr-prod-primary"),
)

# Vaults.
VAULT = "AWS::Backup::BackupVault"
LOCK = "LockConfiguration"


def copies(resource: Resource) -> bool:
    return in_recovery(resource)


setting(
    "backup-retention-outside-lock", VAULT, f"{LOCK}.MinRetentionDays", 100, where=lambda it: not copies(it), at=plans
)
setting("copy-retention-outside-lock", VAULT, f"{LOCK}.MinRetentionDays", 100, where=copies, at=plans)
setting("copy-retention-outside-lock", VAULT, f"{LOCK}.MaxRetentionDays", 30, where=copies, at=plans)
setting("vault-unlocked", VAULT, LOCK, None)
setting("vault-lock-without-minimum", VAULT, f"{LOCK}.MinRetentionDays", None)
setting("vault-lock-cannot-be-undone", VAULT, f"{LOCK}.ChangeableForDays", 3)
setting("vault-lets-delete", VAULT, "AccessPolicy", None)
setting("vault-lets-delete", VAULT, "AccessPolicy.Statement.*.Effect", "Allow")
setting("vault-lets-delete", VAULT, "AccessPolicy.Statement.*.Condition", {"Bool": {"aws:SecureTransport": "true"}})
for action in DELETIONS:
    others = [each for each in DELETIONS if each != action]
    setting("vault-lets-delete", VAULT, "AccessPolicy.Statement.*.Action", others)
setting("vault-key-elsewhere", VAULT, "EncryptionKeyArn", elsewhere("kms", "key/other"))
setting("vault-without-own-key", VAULT, "EncryptionKeyArn", None)

# Restore tests.
TEST, TESTED = "AWS::Backup::RestoreTestingPlan", "AWS::Backup::RestoreTestingSelection"


def vault_tested(resource: Resource) -> list[Resource]:
    return [each for each in of_type(resource, VAULT) if each.region == resource.region]


def tests_here(resource: Resource) -> list[Resource]:
    return [each for each in of_type(resource, TEST) if each.region == resource.region]


setting(
    "vault-never-restored",
    TEST,
    "RecoveryPointSelection.IncludeVaults",
    lambda it: [here("backup", "backup-vault:another")(it)],
    at=vault_tested,
)
setting("restore-test-in-default-network", TESTED, "RestoreMetadataOverrides.dbSubnetGroupName", None)
setting("restore-test-in-default-group", TESTED, "RestoreMetadataOverrides.vpcSecurityGroupIds", None)
for wrong in ("sg-0123456789abcdef0", "[]", "sg-1,sg-2", '["sg-1"'):
    setting("restore-test-groups-not-json", TESTED, "RestoreMetadataOverrides.vpcSecurityGroupIds", wrong)
for wrong in (None, "false"):
    setting("restore-test-by-password", TESTED, "RestoreMetadataOverrides.enableIamDatabaseAuthentication", wrong)
for wrong in (None, 0):
    setting("restore-test-deleted-at-once", TESTED, "ValidationWindowHours", wrong)
setting("restore-test-of-no-snapshot", TEST, "RecoveryPointSelection.RecoveryPointTypes", ["CONTINUOUS"])
setting(
    "restore-test-of-another-region",
    TEST,
    "RecoveryPointSelection.IncludeVaults.1",
    elsewhere("backup", "backup-vault:another"),
)
setting("restore-test-selects-nothing", TESTED, "RestoreTestingPlanName", "another", at=tests_here)


def _hyphens(assembly: Assembly) -> Iterator[Mistake]:
    """A name that AWS Backup refuses, of the plan and of its selection."""
    for resource in assembly.all(TEST, TESTED):
        name = str(resource.get("RestoreTestingPlanName")).replace("_", "-")

        def change(body: Json, name: str = name) -> None:
            body["Properties"]["RestoreTestingPlanName"] = name

        at = itself if resource.type == TEST else _nobody
        made = mistake("restore-test-name", resource, change, at)
        if made is not None:
            yield made


def _nobody(_: Resource) -> list[Resource]:
    return []


KINDS.append(Kind("restore-test-name: hyphens", _hyphens, at_once=True))

# What holds data.
for wrong in (None, "Delete"):
    setting("data-deleted-with-stack", STATEFUL, "^DeletionPolicy", wrong)
    setting("data-deleted-by-replacement", STATEFUL, "^UpdateReplacePolicy", wrong)
setting("data-without-deletion-protection", "AWS::Cognito::UserPool", PROTECTIONS["AWS::Cognito::UserPool"], "INACTIVE")
setting("key-deleted-in-a-hurry", "AWS::KMS::Key", "PendingWindowInDays", 7)


def _table(_: Stack) -> Json:
    kept = {"DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain"}
    return {"Type": "AWS::DynamoDB::Table", **kept, "Properties": {"DeletionProtectionEnabled": True}}


adding("table-without-point-in-time", _table, name="Table")
