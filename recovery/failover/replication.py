"""Make a region that was left the standby of the other: its old instance steps aside, a replica takes its name.

The old instance is kept, fenced, under a name that tells the epoch, for whoever still has to look into it.
"""

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from recovery.failover.preflight import InstanceFacts
from recovery.failover.site import Site, error_code

if TYPE_CHECKING:
    from mypy_boto3_rds.type_defs import DBInstanceTypeDef


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
        return site.instance()
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
    try:
        site.clients.rds.create_db_instance_read_replica(
            DBInstanceIdentifier=site.identifier,
            SourceDBInstanceIdentifier=source,
            SourceRegion=source.split(":")[3],
            DBInstanceClass=like.get("DBInstanceClass", ""),
            KmsKeyId=like.get("KmsKeyId", ""),
            DBSubnetGroupName=like.get("DBSubnetGroup", {}).get("DBSubnetGroupName", ""),
            VpcSecurityGroupIds=[each.get("VpcSecurityGroupId", "") for each in like.get("VpcSecurityGroups", [])],
            MultiAZ=like.get("MultiAZ", False),
            StorageType=like.get("StorageType", "gp3"),
            EnableIAMDatabaseAuthentication=like.get("IAMDatabaseAuthenticationEnabled", True),
            EnableCloudwatchLogsExports=like.get("EnabledCloudwatchLogsExports", []),
            CopyTagsToSnapshot=like.get("CopyTagsToSnapshot", True),
            DeletionProtection=like.get("DeletionProtection", True),
            AutoMinorVersionUpgrade=like.get("AutoMinorVersionUpgrade", True),
            PubliclyAccessible=False,
            Tags=like.get("TagList", []),
        )
    except ClientError as error:
        if error_code(error) != "DBInstanceAlreadyExists":  # a repeat that met the first call
            raise


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
