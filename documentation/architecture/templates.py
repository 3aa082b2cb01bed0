"""The templates of one environment, asked by type."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

Json = dict[str, Any]


@dataclass(frozen=True)
class Templates:
    """CloudFormation templates by the name of their stack within the environment, such as ``Network``."""

    by_stack: Mapping[str, Json]

    @classmethod
    def of_assembly(cls, folder: Path) -> "Templates":
        """The templates of one environment of a cloud assembly: its folder ``assembly-{environment}``."""
        artifacts = json.loads((folder / "manifest.json").read_text())["artifacts"].values()
        stacks = [each for each in artifacts if each["type"] == "aws:cloudformation:stack"]
        return cls(
            {
                stack["displayName"].partition("/")[2]: json.loads(
                    (folder / stack["properties"]["templateFile"]).read_text()
                )
                for stack in stacks
            }
        )

    @staticmethod
    def account_of(folder: Path) -> str:
        """The account that an environment of a cloud assembly is for."""
        artifacts = json.loads((folder / "manifest.json").read_text())["artifacts"].values()
        return next(each["environment"].split("/")[2] for each in artifacts if "environment" in each)

    @classmethod
    def of_folder(cls, folder: Path) -> "Templates":
        """The templates of a folder that holds ``{stack}.json``."""
        return cls({file.stem: json.loads(file.read_text()) for file in sorted(folder.glob("*.json"))})

    def find(self, stack: str, kind: str, **having: object) -> Json | None:
        """The properties of the stack's first resource of a type that has all these values; None when there is none."""
        return next(self.all(stack, kind, **having), None)

    def all(self, stack: str, kind: str, **having: object) -> Iterator[Json]:
        """The properties of every such resource."""
        resources = cast(Json, self.by_stack.get(stack, {}).get("Resources", {}))
        for resource in resources.values():
            properties = cast(Json, resource.get("Properties", {}))
            if resource["Type"] == kind and all(properties.get(name) == value for name, value in having.items()):
                yield properties

    def count(self, stack: str, kind: str) -> int:
        """How many resources of a type a stack has."""
        return sum(1 for _ in self.all(stack, kind))


def mentions(value: object, text: str) -> bool:
    """Whether ``text`` stands anywhere within a value of a template."""
    return text in json.dumps(value)
