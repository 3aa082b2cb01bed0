"""A cloud assembly as its resources: what `cdk synth` wrote, read without the CDK."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from operations.terminal import InputError

Properties = Mapping[str, Any]
SYNTH_FIRST = "run `cdk synth`, or name the folder that it wrote with --templates"


@dataclass(frozen=True, kw_only=True)
class Resource:
    """One resource of a template; ``stack`` is its name within the ``environment``, such as Network."""

    environment: str
    stack: str
    region: str
    logical_id: str
    type: str
    properties: Properties

    def number(self, key: str, default: int) -> int:
        """A property that CloudFormation takes as a number or as text."""
        return int(self.properties.get(key, default))


def read_resources(folder: Path) -> list[Resource]:
    """The resources of every stack of the assembly in ``folder``.

    Raises :class:`InputError` for a folder that holds none.
    """
    found = list(_stacks(folder))
    if not found:
        raise InputError(f"--templates: expected a cloud assembly with stacks in {folder}, found none: {SYNTH_FIRST}")
    return [
        Resource(
            environment=environment,
            stack=stack,
            region=region,
            logical_id=logical_id,
            type=resource["Type"],
            properties=resource.get("Properties", {}),
        )
        for environment, stack, region, template in found
        for logical_id, resource in template["Resources"].items()
    ]


def _stacks(folder: Path) -> Iterator[tuple[str, str, str, dict[str, Any]]]:
    manifest = _json(folder / "manifest.json")
    artifacts: dict[str, dict[str, Any]] = manifest.get("artifacts", {})
    for artifact in artifacts.values():
        if artifact["type"] == "cdk:cloud-assembly":
            yield from _stacks(folder / artifact["properties"]["directoryName"])
        elif artifact["type"] == "aws:cloudformation:stack":
            environment, _, stack = artifact["displayName"].partition("/")
            region = artifact["environment"].rpartition("/")[2]
            yield environment, stack, region, _json(folder / artifact["properties"]["templateFile"])


def _json(file: Path) -> dict[str, Any]:
    try:
        return json.loads(file.read_text())
    except OSError as error:
        raise InputError(
            f"--templates: expected a cloud assembly, found {file}: {error.strerror}: {SYNTH_FIRST}"
        ) from None
    except ValueError as error:
        raise InputError(f"--templates: expected JSON in {file}, found {error}: {SYNTH_FIRST}") from None
