"""What templates hold."""

from typing import Any, cast

from recovery.guards.unresolved import notice

# Whatever JSON and YAML can say, and Unresolved: its shape is the template's.
Value = Any


def listed(value: object) -> list[Value]:
    """A property as a list: CloudFormation takes one item without brackets in policies and patterns."""
    if value is None:
        return []
    items = cast(list[Any], value) if isinstance(value, list) else [value]
    for item in items:
        notice(item)
    return items
