"""One region's templates as the graph that its alarms make."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

from recovery.alarms.reading import COMPOSITE
from recovery.alarms.table import Role
from tests.infrastructure.assemblies import PRIMARY_STACKS, RECOVERY_STACKS, Assembly

Json = dict[str, Any]
METRIC, COMPOSED = "AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm"


@dataclass(frozen=True)
class Region:
    """One region's templates, as one graph."""

    assembly: Assembly
    role: Role

    @property
    def stacks(self) -> tuple[str, ...]:
        return PRIMARY_STACKS if self.role == "primary" else RECOVERY_STACKS

    @property
    def home(self) -> str:
        """The stack of the topics."""
        return "Observability" if self.role == "primary" else "RecoveryStandby"

    @property
    def serving(self) -> bool:
        return self.role == "primary"

    def of(self, *kinds: str) -> Iterator[tuple[str, str, Json]]:
        """(stack, logical id, properties) of the resources of these types."""
        for stack in self.stacks:
            for name, resource in self.assembly.templates[stack]["Resources"].items():
                if resource["Type"] in kinds:
                    yield stack, name, resource.get("Properties", {})

    def alarms(self, kind: str) -> dict[str, Json]:
        """The alarms of one type by their subject."""
        prefix = f"duskspendr-{self.assembly.environment}-"
        return {found["AlarmName"].removeprefix(prefix): found for _, _, found in self.of(kind)}

    def speaker(self, cause: str, subject: str) -> Json:
        """The alarm that acts for a cause: its composite, or its only member of this subject."""
        return self.alarms(COMPOSED).get(f"{COMPOSITE}{cause}") or self.alarms(METRIC)[subject]

    def members(self, composite: Json) -> set[str]:
        """The subjects that a composite's rule names."""
        rule: Any = composite["AlarmRule"]
        parts: list[Any] = [rule] if isinstance(rule, str) else rule["Fn::Join"][1]
        found: set[str] = set()
        prefix = f"duskspendr-{self.assembly.environment}-"
        for part in parts:
            if isinstance(part, str):
                found |= set(re.findall(rf':alarm:{prefix}([a-z0-9-]+)"', part))
            else:
                found.add(self.resource(part)["AlarmName"].removeprefix(prefix))
        return found

    def suppressor(self, composite: Json) -> str | None:
        """The name of the alarm that keeps a composite quiet, without the environment's prefix."""
        if "ActionsSuppressor" not in composite:
            return None
        name: str = self.resource(composite["ActionsSuppressor"])["AlarmName"]
        return name.removeprefix(f"duskspendr-{self.assembly.environment}-")

    def resource(self, reference: Any, stack: str | None = None) -> Json:
        """What a Ref or Fn::GetAtt of the topics' stack means."""
        name = reference["Ref"] if "Ref" in reference else reference["Fn::GetAtt"][0]
        return self.assembly.templates[stack or self.home]["Resources"][name]["Properties"]

    def functions(self) -> dict[str, list[Json]]:
        """The functions by their package."""
        found: dict[str, list[Json]] = {}
        for _, _, function in self.of("AWS::Lambda::Function"):
            parts = str(function["Handler"]).split(".")
            if parts[0] == "lambdas":
                found.setdefault(parts[1], []).append(function)
        return found

    def topics(self) -> dict[str, str]:
        """The logical ids of the topics by the end of their names."""
        return {found["TopicName"].rpartition("-")[2]: name for _, name, found in self.of("AWS::SNS::Topic")}


def as_list(value: Any) -> list[Any]:
    return cast(list[Any], value) if isinstance(value, list) else [value]


def services(statement: Json) -> set[str]:
    principal: Any = statement["Principal"]
    names: str | list[str] = [] if isinstance(principal, str) else principal.get("Service", [])
    return {names} if isinstance(names, str) else set(names)
