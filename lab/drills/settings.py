"""The settings of a restored instance against those of the one that it stands in for, as RDS describes both."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_rds.type_defs import DBInstanceTypeDef

# What a restore is told, and what it takes from its backup.
_PLAIN = (
    "Engine",
    "EngineVersion",
    "DBInstanceClass",
    "MultiAZ",
    "StorageType",
    "AllocatedStorage",
    "MaxAllocatedStorage",
    "StorageEncrypted",
    "KmsKeyId",
    "CACertificateIdentifier",
    "IAMDatabaseAuthenticationEnabled",
    "EnabledCloudwatchLogsExports",
    "AutoMinorVersionUpgrade",
    "CopyTagsToSnapshot",
    "PubliclyAccessible",
    "DeletionProtection",
)
COMPARED = (*_PLAIN, "subnet group", "parameter groups", "security groups", "tags")


def differences(original: "DBInstanceTypeDef", copy: "DBInstanceTypeDef") -> list[str]:
    """What the copy has otherwise than the original, one line each."""
    wanted, found = _plain(original), _plain(copy)
    changed = [
        f"{name}: expected {wanted[name]!r}, found {found[name]!r}" for name in wanted if wanted[name] != found[name]
    ]
    # A copy may have more of these: the group that the proof comes through, and the tags that say what it is.
    members = {
        "security groups": _security_groups(original) - _security_groups(copy),
        "tags": _tags(original) - _tags(copy),
    }
    return changed + [f"{name}: {', '.join(sorted(lacking))} missing" for name, lacking in members.items() if lacking]


def _plain(instance: Mapping[str, Any]) -> Mapping[str, object]:
    groups = [each["DBParameterGroupName"] for each in instance.get("DBParameterGroups", [])]
    return {name: instance.get(name) for name in _PLAIN} | {
        "subnet group": instance.get("DBSubnetGroup", {}).get("DBSubnetGroupName"),
        "parameter groups": groups,
    }


def _security_groups(instance: Mapping[str, Any]) -> set[str]:
    return {each["VpcSecurityGroupId"] for each in instance.get("VpcSecurityGroups", [])}


def _tags(instance: Mapping[str, Any]) -> set[str]:
    tags = {each["Key"]: each["Value"] for each in instance.get("TagList", [])}
    return {f"{key}={value}" for key, value in tags.items() if not key.startswith("aws:")}
