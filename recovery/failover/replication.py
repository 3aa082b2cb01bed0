"""Make a region that was left the standby of the other: its old instance steps aside, a replica takes its name.

The old instance is kept, fenced, under a name that tells the epoch, for whoever still has to look into it. The replica
gets its settings; those of backups only afterwards, for RDS makes every replica without any.
https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBInstanceReadReplica.html
"""

from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError
from pydantic import AwareDatetime, BaseModel, ConfigDict

from recovery.failover.preflight import InstanceFacts
from recovery.failover.site import Site, error_code, facts_of

if TYPE_CHECKING:
    from mypy_boto3_rds.type_defs import DBInstanceAutomatedBackupTypeDef, DBInstanceTypeDef

_AFTERWARDS = ("BackupRetentionPeriod", "PreferredBackupWindow", "PreferredMaintenanceWindow")


class NotFencedError(RuntimeError):
    """The instance that is to step aside still takes writes."""


def retired_name(identifier: str, epoch: int) -> str:
    """What an instance is called once another one has taken its name in that epoch."""
    return f"{identifier}-retired-{epoch}"


def replicate(site: Site, epoch: int) -> InstanceFacts:
    """Do the next step towards a replica under the region's own name; repeat it until that is available.

    Raises :class:`NotFencedError`, LookupError when no instance is left to take the settings from, or botocore's
    errors.
    """
    source = site.names.instance_arn_in(site.names.other_region(site.region))
    retired = retired_name(site.identifier, epoch)
    current, aside = _find(site, site.identifier), _find(site, retired)
    if current is not None and current.get("ReadReplicaSourceDBInstanceIdentifier") == source:
        return _settle(site, current, aside)
    if current is not None:
        return _step_aside(site, current, retired)
    if aside is None:
        raise LookupError(
            f"expected DB instance {site.identifier} or {retired} in {site.region}, found neither: deploy the region's"
            " stacks anew"
        )
    if aside.get("DBInstanceStatus") == "available":
        _create(site, source, aside)
    return _facts(site, "creating")


def _step_aside(site: Site, current: "DBInstanceTypeDef", retired: str) -> InstanceFacts:
    if current.get("DBInstanceStatus") == "available":
        state = site.database()
        if not (state.fenced or state.in_recovery):
            raise NotFencedError(
                f"expected DB instance {site.identifier} in {site.region} to be fenced, found that it takes writes: the"
                " region's guard fences it within two minutes of an epoch of the other region"
            )
        site.clients.rds.modify_db_instance(
            DBInstanceIdentifier=site.identifier, NewDBInstanceIdentifier=retired, ApplyImmediately=True
        )
    return _facts(site, "renaming")


def _create(site: Site, source: str, like: "DBInstanceTypeDef") -> None:
    # Of storage that does not grow RDS says no largest size.
    largest = like.get("MaxAllocatedStorage")
    growing: Any = {"MaxAllocatedStorage": largest} if largest else {}
    try:
        site.clients.rds.create_db_instance_read_replica(
            DBInstanceIdentifier=site.identifier,
            SourceDBInstanceIdentifier=source,
            SourceRegion=source.split(":")[3],
            DBInstanceClass=like.get("DBInstanceClass", ""),
            KmsKeyId=like.get("KmsKeyId", ""),
            DBSubnetGroupName=like.get("DBSubnetGroup", {}).get("DBSubnetGroupName", ""),
            VpcSecurityGroupIds=[each.get("VpcSecurityGroupId", "") for each in like.get("VpcSecurityGroups", [])],
            DBParameterGroupName=like.get("DBParameterGroups", [{}])[0].get("DBParameterGroupName", ""),
            CACertificateIdentifier=like.get("CACertificateIdentifier", ""),
            MultiAZ=like.get("MultiAZ", False),
            StorageType=like.get("StorageType", "gp3"),
            EnableIAMDatabaseAuthentication=like.get("IAMDatabaseAuthenticationEnabled", True),
            EnableCloudwatchLogsExports=like.get("EnabledCloudwatchLogsExports", []),
            CopyTagsToSnapshot=like.get("CopyTagsToSnapshot", True),
            DeletionProtection=like.get("DeletionProtection", True),
            AutoMinorVersionUpgrade=like.get("AutoMinorVersionUpgrade", True),
            PubliclyAccessible=False,
            Tags=like.get("TagList", []),
            **growing,
        )
    except ClientError as error:
        if error_code(error) != "DBInstanceAlreadyExists":  # a repeat that met the first call
            raise


def _settle(site: Site, replica: "DBInstanceTypeDef", like: "DBInstanceTypeDef | None") -> InstanceFacts:
    """Give the replica the backups and windows of ``like``; one of which nothing is left keeps what it has."""
    # All by the one answer: by the next one it may have become available, without its settings.
    if like is None or replica.get("DBInstanceStatus") != "available":
        return facts_of(replica)
    wanted: Any = {name: like.get(name) for name in _AFTERWARDS if like.get(name) not in (None, replica.get(name))}
    if not wanted:
        return facts_of(replica)
    site.clients.rds.modify_db_instance(DBInstanceIdentifier=site.identifier, ApplyImmediately=True, **wanted)
    return _facts(site, "modifying")


class ReplicatedBackups(BaseModel):
    """The other region's automated backups as they are kept here. ``restorable_until`` is None before the first."""

    model_config = ConfigDict(frozen=True)

    status: str
    restorable_until: AwareDatetime | None


def replicate_backups(site: Site, resource_id: str) -> ReplicatedBackups:
    """Keep the automated backups of the other region's instance here, and say how far they reach; repeat it at will.

    RDS keeps them by instance and not by name, hence ``resource_id``; retention and key are those of the instance here.
    Raises botocore's errors.
    """
    source = site.names.instance_arn_in(site.names.other_region(site.region))
    found = _kept(site, resource_id)
    if found is not None:
        until = found.get("RestoreWindow", {}).get("LatestTime")
        return ReplicatedBackups(status=found.get("Status", "unknown"), restorable_until=until)
    here = site.described()
    site.clients.rds.start_db_instance_automated_backups_replication(
        SourceDBInstanceArn=source,
        SourceRegion=source.split(":")[3],
        BackupRetentionPeriod=here.get("BackupRetentionPeriod", 0),
        KmsKeyId=here.get("KmsKeyId", ""),
    )
    return ReplicatedBackups(status="started", restorable_until=None)


def _kept(site: Site, resource_id: str) -> "DBInstanceAutomatedBackupTypeDef | None":
    try:
        found = site.clients.rds.describe_db_instance_automated_backups(DbiResourceId=resource_id)
    except ClientError as error:
        if error_code(error) in ("DBInstanceAutomatedBackupNotFound", "DBInstanceAutomatedBackupNotFoundFault"):
            return None
        raise
    # One that was stopped is "retained", and replicates no more.
    going_on = [each for each in found["DBInstanceAutomatedBackups"] if each.get("Status") != "retained"]
    return going_on[0] if going_on else None


def _find(site: Site, identifier: str) -> "DBInstanceTypeDef | None":
    try:
        return site.clients.rds.describe_db_instances(DBInstanceIdentifier=identifier)["DBInstances"][0]
    except ClientError as error:
        if error_code(error) in ("DBInstanceNotFound", "DBInstanceNotFoundFault"):
            return None
        raise


def _facts(site: Site, status: str) -> InstanceFacts:
    return InstanceFacts(
        identifier=site.identifier, status=status, source=None, version="unknown", instance_class="", multi_az=False
    )
