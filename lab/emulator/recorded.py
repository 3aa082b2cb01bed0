"""Accept the CloudFormation types of :mod:`lab.recorded_types` without creating anything.

A recorded resource gets a physical id and the attributes that others refer to, and its properties can be read back
(``GET /_lab/recorded``), but nothing behaves like it.
"""

import secrets
from dataclasses import asdict, dataclass
from typing import Any

from lab.emulator import hooks
from lab.recorded_types import RECORDED_TYPES


@dataclass(frozen=True)
class Recorded:
    """A resource that was accepted and not created."""

    type: str
    region: str
    stack: str
    logical_id: str
    physical_id: str
    properties: dict[str, Any]


class Recorder:
    """Accepts the recorded types and remembers what it was given."""

    def __init__(self) -> None:
        self._resources: dict[str, Recorded] = {}

    def install(self) -> None:
        """Register every type of RECORDED_TYPES with the emulator."""
        for resource_type in RECORDED_TYPES:
            hooks.handle_type(resource_type, self._handlers(resource_type))

    def _handlers(self, resource_type: str) -> dict[str, Any]:
        def create(logical_id: str, properties: hooks.Properties, stack: str) -> tuple[str, dict[str, Any]]:
            physical_id = f"{logical_id[:40]}-{secrets.token_hex(4)}"
            self._resources[physical_id] = Recorded(
                resource_type, hooks.region(), stack, logical_id, physical_id, properties
            )
            return physical_id, _attributes(physical_id)

        def update(
            physical_id: str, _old: hooks.Properties, new: hooks.Properties, stack: str, logical_id: str
        ) -> tuple[str, dict[str, Any]]:
            self._resources[physical_id] = Recorded(resource_type, hooks.region(), stack, logical_id, physical_id, new)
            return physical_id, _attributes(physical_id)

        def delete(physical_id: str, _properties: hooks.Properties) -> None:
            self._resources.pop(physical_id, None)

        return {"create": create, "update": update, "update_with_logical_id": True, "delete": delete}

    def listing(self) -> list[dict[str, Any]]:
        """Every recorded resource, as JSON values."""
        return [asdict(resource) for resource in self._resources.values()]


def _attributes(physical_id: str) -> dict[str, Any]:
    # The union of what the recorded types return from GetAtt and templates use.
    return {
        "Id": physical_id,
        "Arn": f"arn:aws:lab:{hooks.region()}:{hooks.account()}:recorded/{physical_id}",
        "AllocationId": physical_id,
        "NatGatewayId": physical_id,
        "PublicIp": "192.0.2.1",
        "ScalableTargetId": physical_id,
    }
