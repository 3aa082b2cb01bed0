"""Databases on RDS: their own backups, where these go, and who gets in."""

import re

from recovery import objectives, windows
from recovery.guards.finding import Problem, Unknown
from recovery.guards.rule import Change, Says, number, rule, true
from recovery.guards.sources import CLOUDFORMATION, RDS
from recovery.guards.templates import Resource
from recovery.guards.unresolved import Unresolved

INSTANCE = "AWS::RDS::DBInstance"
# Minors that RDS no longer creates, as its release calendar said in November 2026.
RETIRED_MINORS = ("17.8", "18.2")
_REPLICATION = f"{RDS}USER_ReplicateBackups.html"
_INSTANCE = f"{CLOUDFORMATION}aws-resource-rds-dbinstance.html"


def is_replica(instance: Resource) -> bool:
    return instance.has("SourceDBInstanceIdentifier")


def of_cluster(instance: Resource) -> bool:
    """Whether a cluster holds the data and its settings."""
    return instance.has("DBClusterIdentifier")


@rule(
    INSTANCE,
    trap=1,
    fix="Set AutomaticBackupReplicationRegion, its key and its retention.",
    source=_REPLICATION,
    bad=Change("primary.Database", "AutomaticBackupReplicationRegion", None),
)
def database_backups_stay_in_region(instance: Resource) -> Says:
    """A database's automated backups are replicated to another region.

    Snapshots that are copied weekly or daily lose as much; only replicated automated backups, log by log, restore to a
    minute when the region is lost, and a replica repeats every bad write.
    """
    if is_replica(instance) or of_cluster(instance):
        return
    region = instance.get("AutomaticBackupReplicationRegion")
    if isinstance(region, Unresolved):
        yield Unknown("AutomaticBackupReplicationRegion", region.reason)
    elif region is None:
        yield Problem("AutomaticBackupReplicationRegion", None, "another region")


@rule(
    INSTANCE,
    trap=1,
    fix="Name another region.",
    source=_REPLICATION,
    bad=Change("primary.Database", "AutomaticBackupReplicationRegion", "ap-south-1"),
)
def database_backups_replicated_at_home(instance: Resource) -> Says:
    """Automated backups are replicated to another region than the database's.

    RDS refuses its own region at deploy; whoever corrects that by dropping the property has no copy at all.
    """
    region = instance.get("AutomaticBackupReplicationRegion")
    if region is not None and region == instance.region:
        yield Problem("AutomaticBackupReplicationRegion", region, f"a region other than {instance.region}")


@rule(
    INSTANCE,
    trap=3,
    fix="Name the ARN of a key in the region that the backups are replicated to.",
    source=_REPLICATION,
    bad=Change("primary.Database", "AutomaticBackupReplicationKmsKeyId", "arn:aws:kms:ap-south-1:111122223333:key/own"),
)
def database_replication_key_elsewhere(instance: Resource) -> Says:
    """Replicated backups are encrypted under a key of the region they go to.

    With a key of the primary region replication does not start, or stops with the key.
    """
    region, key = instance.get("AutomaticBackupReplicationRegion"), instance.get("AutomaticBackupReplicationKmsKeyId")
    if region is None or isinstance(region, Unresolved) or region == instance.region:
        return
    path = "AutomaticBackupReplicationKmsKeyId"
    if key is None and (true(instance.get("StorageEncrypted")) or instance.get("KmsKeyId") is not None):
        yield Problem(path, None, f"the ARN of a key in {region}")
    elif key is not None:
        found = instance.assembly.region_of(key)
        if found is None:
            yield Unknown(path, f"which region {key} is in")
        elif found != region:
            yield Problem(path, key, f"a key in {region}")


@rule(
    INSTANCE,
    fix=f"Set BackupRetentionPeriod to {objectives.AUTOMATED_BACKUP_RETENTION_DAYS} or more.",
    source=f"{RDS}USER_WorkingWithAutomatedBackups.BackupRetention.html",
    bad=Change("primary.Database", "BackupRetentionPeriod", 0),
)
def database_backup_retention(instance: Resource) -> Says:
    """A database keeps its automated backups for the retention of the objectives; so does a replica.

    0 switches them off, and with them point-in-time recovery and every replication; a replica without them has none
    on the day it is promoted.
    """
    if of_cluster(instance):
        return
    days = instance.get("BackupRetentionPeriod")
    least = objectives.AUTOMATED_BACKUP_RETENTION_DAYS
    if isinstance(days, Unresolved):
        yield Unknown("BackupRetentionPeriod", days.reason)
    elif (number(days) or 0) < least:
        yield Problem("BackupRetentionPeriod", days, f"{least} days or more")


@rule(
    INSTANCE,
    fix="Set AutomaticBackupReplicationRetentionPeriod to BackupRetentionPeriod or more.",
    source=_INSTANCE,
    bad=Change("primary.Database", "AutomaticBackupReplicationRetentionPeriod", 1),
)
def database_replicas_of_backups_expire_first(instance: Resource) -> Says:
    """Replicated backups are kept as long as the database's own.

    The recovery region could go back less far than was promised, and nobody notices while the primary stands.
    """
    copied = number(instance.get("AutomaticBackupReplicationRetentionPeriod"))
    own = number(instance.get("BackupRetentionPeriod"))
    if copied is not None and own is not None and copied < own:
        yield Problem("AutomaticBackupReplicationRetentionPeriod", f"{copied:g} days", f"{own:g} days or more")


@rule(
    INSTANCE,
    fix="Set DeleteAutomatedBackups to false.",
    source=_INSTANCE,
    bad=Change("primary.Database", "DeleteAutomatedBackups", None),
)
def database_takes_backups_along(instance: Resource) -> Says:
    """Automated backups outlive their database.

    By default RDS deletes them with the instance: who deletes it by mistake, or on purpose, deletes the way back.
    """
    found = instance.get("DeleteAutomatedBackups")
    if not of_cluster(instance) and not isinstance(found, Unresolved) and str(found).lower() != "false":
        yield Problem("DeleteAutomatedBackups", found, "false")


@rule(
    INSTANCE,
    fix="Set MultiAZ to true.",
    source=f"{RDS}Concepts.MultiAZSingleStandby.html",
    bad=Change("recovery.Replica", "MultiAZ", None),
)
def database_in_one_zone(instance: Resource) -> Says:
    """A database has a standby in another availability zone, and a replica will have one when it is promoted.

    Without a standby the loss of a zone is a restore: hours instead of a minute or two, and everything since the last
    log.
    """
    found = instance.get("MultiAZ")
    if isinstance(found, Unresolved):
        yield Unknown("MultiAZ", found.reason)
    elif not true(found) and not of_cluster(instance):
        yield Problem("MultiAZ", found, "true")


@rule(
    INSTANCE,
    trap=5,
    fix="Move one of the two windows.",
    source=_INSTANCE,
    bad=Change("recovery.Replica", "PreferredMaintenanceWindow", "sun:03:30-sun:04:30"),
)
def database_windows_overlap(instance: Resource) -> Says:
    """A database's backup and maintenance windows keep clear of each other.

    RDS refuses windows that overlap: the deployment fails, perhaps the one that rebuilds everything.
    """
    texts = [instance.get(name) for name in ("PreferredBackupWindow", "PreferredMaintenanceWindow")]
    if not all(isinstance(text, str) for text in texts):
        return
    try:
        backup, maintenance = (windows.occurrences(str(text).lower()) for text in texts)
    except ValueError as error:
        yield Unknown("PreferredBackupWindow", str(error))
        return
    if windows.overlap(backup, maintenance):
        yield Problem("PreferredMaintenanceWindow", texts[1], f"a window clear of the backup window {texts[0]}")


@rule(
    INSTANCE,
    trap=9,
    fix="Pin the major only, or a minor that RDS still creates.",
    source="https://docs.aws.amazon.com/AmazonRDS/latest/PostgreSQLReleaseNotes/postgresql-release-calendar.html",
    bad=Change("primary.Database", "EngineVersion", "18.2"),
)
def database_engine_retired(instance: Resource) -> Says:
    """A database's engine version can still be created.

    What runs goes on running on a retired minor; what has to be built anew, after a disaster, cannot be.
    """
    version = instance.get("EngineVersion")
    if str(instance.get("Engine")).startswith("postgres") and version in RETIRED_MINORS:
        yield Problem("EngineVersion", version, "a version that RDS still creates")


@rule(
    INSTANCE,
    trap=9,
    severity="warning",
    fix="Pin the major, such as 18, and let RDS choose the minor.",
    source=f"{RDS}USER_UpgradeDBInstance.PostgreSQL.html",
    bad=Change("primary.Database", "EngineVersion", "18.9"),
)
def database_engine_minor_pinned(instance: Resource) -> Says:
    """A template pins the major of an engine, not the minor.

    A minor is retired within about a year: a template that names one cannot rebuild the database from then on.
    """
    version = instance.get("EngineVersion")
    if not str(instance.get("Engine")).startswith("postgres") or version in RETIRED_MINORS:
        return
    if isinstance(version, str) and re.fullmatch(r"\d{2}\.\d+", version):
        yield Problem("EngineVersion", version, version.partition(".")[0])


@rule(
    INSTANCE,
    trap=2,
    fix="Generate a secret with replica regions and take the password from it.",
    source=f"{RDS}rds-secrets-manager.html",
    bad=Change("primary.Database", "ManageMasterUserPassword", value=True),
)
def database_password_managed(instance: Resource) -> Says:
    """A database that has replicas, or will have, keeps its master password in a secret of its own.

    RDS refuses replicas of an instance whose password it manages, and its secret stays in the lost region.
    """
    if true(instance.get("ManageMasterUserPassword")):
        yield Problem("ManageMasterUserPassword", "true", "a generated secret with replica regions")


@rule(
    INSTANCE,
    trap=8,
    fix="Set EnableIAMDatabaseAuthentication to true.",
    source=f"{RDS}UsingWithRDS.IAMDBAuth.html",
    bad=Change("recovery.Replica", "EnableIAMDatabaseAuthentication", None),
)
def database_by_password_only(instance: Resource) -> Says:
    """Roles can sign in to a database with IAM.

    Passwords lie in snapshots as they were and in secrets of a region that may be gone; IAM signs in to any copy.
    """
    found = instance.get("EnableIAMDatabaseAuthentication")
    if not of_cluster(instance) and not isinstance(found, Unresolved) and not true(found):
        yield Problem("EnableIAMDatabaseAuthentication", found, "true")
