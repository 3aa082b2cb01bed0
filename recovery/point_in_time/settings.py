"""The settings of a restored instance: those that the database has in the region, found without the other region."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from recovery.instances import describe_instance
from recovery.names import CA_CERTIFICATE, LOG_EXPORTS, Names

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_rds import RDSClient

# Tags that say what a restored instance is: by them a second call finds it, and a stranger's is never touched.
FROM_TAG, TO_TAG, REQUESTED_TAG = "duskspendr:restored-from", "duskspendr:restored-to", "duskspendr:requested-at"
_AWS_TAG = "aws:"  # nobody but AWS may set these


def restored_identifier(names: Names, at: datetime) -> str:
    """The restored instance's identifier: the same time gives the same name, so a second call finds the first's."""
    return f"{names.prefix}-at-{at.astimezone(UTC):%Y%m%dt%H%M%Sz}"


@dataclass(frozen=True, kw_only=True)
class InstanceSettings:
    """What RestoreDBInstanceToPointInTime is told besides source and time.

    ``taken_from`` is the instance whose settings these are; None where the region has none, and what has a fixed name
    is taken in its place. ``provable`` says whether the region's verification reaches the instance. The encryption
    is not among them: a restored instance has the key of its backup.
    """

    taken_from: str | None
    provable: bool
    parameters: dict[str, Any]
    tags: dict[str, str]


def read_settings(rds: "RDSClient", ec2: "EC2Client", names: Names) -> InstanceSettings:
    """Ask the region that is restored in, and no other.

    The database itself there, or in the recovery region its replica, which is as large and set up alike. Raises
    botocore's ClientError or BotoCoreError.
    """
    twin = names.identifier_in(rds.meta.region_name)
    found = describe_instance(rds, twin)
    groups = ec2.describe_security_groups(Filters=[{"Name": "group-name", "Values": [names.restored_name]}])
    proof = [group.get("GroupId", "") for group in groups["SecurityGroups"]]
    if found is None:
        return InstanceSettings(
            taken_from=None, provable=bool(proof), parameters=_by_fixed_names(names, proof), tags=_own_tags(names)
        )
    return InstanceSettings(
        taken_from=twin,
        provable=bool(proof),
        parameters=_of(found, proof),
        tags={
            tag.get("Key", ""): tag.get("Value", "")
            for tag in found.get("TagList", [])
            if not tag.get("Key", "").startswith(_AWS_TAG)
        },
    )


def _of(twin: Any, proof: list[str]) -> dict[str, Any]:  # noqa: ANN401 - botocore's answer
    own = [each["VpcSecurityGroupId"] for each in twin.get("VpcSecurityGroups", [])]
    parameters = {
        "DBInstanceClass": twin["DBInstanceClass"],
        "MultiAZ": twin["MultiAZ"],
        "StorageType": twin["StorageType"],
        "DBSubnetGroupName": twin["DBSubnetGroup"]["DBSubnetGroupName"],
        # The application's group and that of the proof: the copy can be verified, and can take over.
        "VpcSecurityGroupIds": [*own, *(group for group in proof if group not in own)],
        "DBParameterGroupName": twin["DBParameterGroups"][0]["DBParameterGroupName"],
        "EnableIAMDatabaseAuthentication": twin["IAMDatabaseAuthenticationEnabled"],
        "EnableCloudwatchLogsExports": twin.get("EnabledCloudwatchLogsExports"),
        "CACertificateIdentifier": twin.get("CACertificateIdentifier"),
        "AutoMinorVersionUpgrade": twin["AutoMinorVersionUpgrade"],
        "CopyTagsToSnapshot": twin["CopyTagsToSnapshot"],
        "PubliclyAccessible": twin["PubliclyAccessible"],
        "DeletionProtection": twin["DeletionProtection"],
        "MaxAllocatedStorage": twin.get("MaxAllocatedStorage"),
    }
    return {name: value for name, value in parameters.items() if value not in (None, [])}


def _by_fixed_names(names: Names, proof: list[str]) -> dict[str, Any]:
    """RDS keeps the class and the storage of the backup's own instance when it is told none."""
    groups = {"VpcSecurityGroupIds": proof} if proof else {}
    return groups | {
        "MultiAZ": True,
        "DBSubnetGroupName": names.restored_name,
        "DBParameterGroupName": names.restored_name,
        "EnableIAMDatabaseAuthentication": True,
        "EnableCloudwatchLogsExports": list(LOG_EXPORTS),
        "CACertificateIdentifier": CA_CERTIFICATE,
        "CopyTagsToSnapshot": True,
        "PubliclyAccessible": False,
        "DeletionProtection": True,
    }


def _own_tags(names: Names) -> dict[str, str]:
    return {"Project": "DuskSpendr", "Environment": names.environment}
