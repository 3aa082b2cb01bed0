"""Where the product is served from, asked of what is there and not of a setting that somebody may have forgotten."""

from typing import TYPE_CHECKING

from recovery.names import Names

if TYPE_CHECKING:
    from mypy_boto3_rds import RDSClient
    from mypy_boto3_rds.type_defs import DBInstanceTypeDef


def find_instance(rds: "RDSClient", identifier: str) -> "DBInstanceTypeDef | None":
    """The DB instance of the client's region; None when there is none. Raises botocore's ClientError, BotoCoreError."""
    try:
        [found] = rds.describe_db_instances(DBInstanceIdentifier=identifier)["DBInstances"]
    except rds.exceptions.DBInstanceNotFoundFault:
        return None
    return found


def active_region(names: Names, standby: "DBInstanceTypeDef | None") -> str:
    """The region that serves, by the instance in the recovery region: a replica that was promoted has no source left.

    ``standby`` is None when that instance does not exist.
    """
    promoted = standby is not None and not standby.get("ReadReplicaSourceDBInstanceIdentifier")
    return names.recovery_region if promoted else names.primary_region
