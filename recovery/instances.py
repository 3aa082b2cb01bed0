"""The environment's DB instances as RDS describes them, and where the product is therefore served from.

That is asked of what is there and not of a setting, which somebody may have forgotten after a failover.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from recovery.names import Names

if TYPE_CHECKING:
    from mypy_boto3_rds import RDSClient
    from mypy_boto3_rds.type_defs import DBInstanceTypeDef


@dataclass(frozen=True, kw_only=True)
class Instance:
    """A DB instance; ``source`` is the ARN or identifier it replicates, None for one that takes writes."""

    identifier: str
    status: str
    source: str | None


def describe_instance(rds: "RDSClient", identifier: str) -> "DBInstanceTypeDef | None":
    """All of a DB instance of the client's region; None when there is none.

    Raises botocore's ClientError or BotoCoreError.
    """
    try:
        [found] = rds.describe_db_instances(DBInstanceIdentifier=identifier)["DBInstances"]
    except rds.exceptions.DBInstanceNotFoundFault:
        return None
    return found


def find_instance(rds: "RDSClient", identifier: str) -> Instance | None:
    """The DB instance of the client's region; errors as of :func:`describe_instance`."""
    found = describe_instance(rds, identifier)
    if found is None:
        return None
    return Instance(
        identifier=identifier,
        status=found.get("DBInstanceStatus", ""),
        source=found.get("ReadReplicaSourceDBInstanceIdentifier") or None,
    )


def active_region(names: Names, standby: Instance | None) -> str:
    """The region that serves, by the instance in the recovery region: a replica that was promoted has no source left.

    ``standby`` is None when that instance does not exist.
    """
    promoted = standby is not None and standby.source is None
    return names.recovery_region if promoted else names.primary_region
