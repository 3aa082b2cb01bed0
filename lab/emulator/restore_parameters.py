"""What a point-in-time restore asks for, as the emulator records it of an instance."""

from typing import Any

from lab.emulator import hooks

_TEXTS = ("DBInstanceClass", "StorageType", "CACertificateIdentifier")
_FLAGS = ("MultiAZ", "AutoMinorVersionUpgrade", "CopyTagsToSnapshot", "PubliclyAccessible", "DeletionProtection")


def asked_of(parameters: hooks.Properties) -> dict[str, Any]:
    """The record's fields that the request sets; those it does not name stay the source's."""
    asked: dict[str, Any] = {name: value for name in _TEXTS if (value := hooks.parameter(parameters, name))}
    asked |= {name: value == "true" for name in _FLAGS if (value := hooks.parameter(parameters, name))}
    # Off unless asked for, whatever the source has.
    asked["IAMDatabaseAuthenticationEnabled"] = hooks.parameter(parameters, "EnableIAMDatabaseAuthentication") == "true"
    if name := hooks.parameter(parameters, "DBSubnetGroupName"):
        asked["DBSubnetGroup"] = hooks.rds._subnet_groups.get(name) or {"DBSubnetGroupName": name}
    if name := hooks.parameter(parameters, "DBParameterGroupName"):
        asked["DBParameterGroups"] = [{"DBParameterGroupName": name}]
    if groups := _members(parameters, "VpcSecurityGroupIds.VpcSecurityGroupId"):
        asked["VpcSecurityGroups"] = [{"VpcSecurityGroupId": group} for group in groups]
    if largest := hooks.parameter(parameters, "MaxAllocatedStorage"):
        asked["MaxAllocatedStorage"] = int(largest)
    keys, values = _members(parameters, "Tags.Tag", ".Key"), _members(parameters, "Tags.Tag", ".Value")
    if keys:
        asked["TagList"] = [{"Key": key, "Value": value} for key, value in zip(keys, values, strict=True)]
    return asked


def _members(parameters: hooks.Properties, name: str, field: str = "") -> list[str]:
    """The values of a list, which the query protocol numbers from 1."""
    found: list[str] = []
    while value := hooks.parameter(parameters, f"{name}.{len(found) + 1}{field}"):
        found.append(value)
    return found
