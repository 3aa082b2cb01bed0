"""Stacks and their resources, all regions together."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, wraps
from typing import Any, TypeVar, cast

from recovery.guards.naming import KINDS, TOKEN, arn_of, arn_region, name_of
from recovery.guards.resolving import NOTHING, resolve
from recovery.guards.unresolved import Resolved, Unresolved, notice, notice_of_fact, noticing
from recovery.guards.values import Value

Json = dict[str, Any]
Fact = TypeVar("Fact")
# What rules ask for beside the properties; the transform AWS::LanguageExtensions takes functions there.
ATTRIBUTES = ("DeletionPolicy", "UpdateReplacePolicy")
UNKNOWN_ACCOUNT = "<account|AWS|AccountId>"


class Resource:
    """One resource of a stack; ``properties`` are resolved."""

    def __init__(self, stack: "Stack", logical_id: str, body: Json) -> None:
        self.stack, self.logical_id, self.body = stack, logical_id, body
        self.type = str(body.get("Type", ""))
        self._resolved: Json = {}
        self._attributes: Json = {}

    @property
    def region(self) -> str:
        """The region of its stack; a token when that is not known."""
        return self.stack.region

    @property
    def assembly(self) -> "Assembly":
        return self.stack.assembly

    @property
    def _raw(self) -> Json:
        found = self.body.get("Properties")
        return cast(Json, found) if isinstance(found, dict) else {}

    @cached_property
    def properties(self) -> Json:
        """Its properties, every reference followed as far as possible."""
        named = [(name, self.peek(name)) for name in self._raw]
        return Resolved((name, value) for name, value in named if value is not None)

    def get(self, path: str) -> Value:
        """The resolved value at a dotted path of properties; None when it is not there."""
        found = self.peek(path)
        notice(found)
        return found

    def has(self, path: str) -> bool:
        """Whether something is at a dotted path of properties, whatever its value."""
        return self.peek(path) is not None

    def attribute(self, name: str) -> Value:
        """The resolved value beside the properties, such as that of DeletionPolicy."""
        found = self.peek_attribute(name)
        notice(found)
        return found

    def peek_attribute(self, name: str) -> Value:
        """The same as ``attribute``, without being noticed."""
        if name not in self._attributes:
            self._attributes[name] = resolve(self.stack, self.body.get(name))
        return self._attributes[name]

    def peek(self, path: str) -> Value:
        """The same as ``get`` for whoever asks on no rule's behalf: nothing is noticed."""
        first, _, rest = path.partition(".")
        if first not in self._resolved:
            # One property only: the name of a resource is asked for while others are being resolved.
            raw = self._raw
            self._resolved[first] = Unresolved(f"{first} refers to itself")
            found = resolve(self.stack, raw[first]) if first in raw else NOTHING
            self._resolved[first] = None if found is NOTHING else found
        return _dug(self._resolved[first], rest)

    @property
    def path(self) -> str:
        """The construct's path when the CDK made the resource, otherwise the stack's name and the logical id."""
        told = self.stack.paths.get(self.logical_id)
        metadata = cast(Json, self.body.get("Metadata") or {})
        return str(told or metadata.get("aws:cdk:path") or f"{self.stack.name}/{self.logical_id}")


def dig(value: Value, path: str) -> Value:
    """The value at a dotted path; None when it is not there, Unresolved when that cannot be told."""
    found = _dug(value, path)
    notice(found)
    return found


def _dug(value: Value, path: str) -> Value:
    for key in path.split(".") if path else ():
        if isinstance(value, Unresolved):
            return value
        if isinstance(value, dict):
            value = dict[str, Any].get(cast(Json, value), key)
        elif isinstance(value, list) and key.isdigit() and int(key) < len(cast(list[Any], value)):
            value = cast(list[Any], value)[int(key)]
        else:
            return None
    return value


@dataclass(eq=False)
class Stack:
    """One template and where it is deployed. An unknown region or account is a token, equal only to itself."""

    name: str
    template: Json
    file: str
    assembly: "Assembly" = field(repr=False)
    known_region: str | None = None
    known_account: str | None = None
    acknowledged: Mapping[str, Mapping[str, str]] = field(default_factory=dict[str, Mapping[str, str]])
    paths: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def key(self) -> str:
        return self.name

    @property
    def region(self) -> str:
        return self.known_region or f"<{self.name}|AWS|Region>"

    @property
    def account(self) -> str:
        return self.known_account or UNKNOWN_ACCOUNT

    @cached_property
    def pseudo_parameters(self) -> Json:
        """Values of CloudFormation's pseudo parameters, in AWS's ordinary partition."""
        return {
            "AWS::Region": self.region,
            "AWS::AccountId": self.account,
            "AWS::Partition": "aws",
            "AWS::URLSuffix": "amazonaws.com",
            "AWS::StackName": self.name,
            "AWS::StackId": f"<{self.name}|AWS|StackId>",
            "AWS::NotificationARNs": [],
        }

    def _section(self, name: str) -> Json:
        return cast(Json, self.template.get(name) or {})

    @cached_property
    def parameters(self) -> Json:
        return self._section("Parameters")

    @cached_property
    def conditions(self) -> Json:
        return self._section("Conditions")

    @cached_property
    def mappings(self) -> Json:
        return self._section("Mappings")

    @cached_property
    def resources(self) -> dict[str, Resource]:
        # A key that is a function, such as a loop, is no resource.
        bodies = self._section("Resources").items()
        return {name: Resource(self, name, body) for name, body in bodies if not name.startswith("Fn::")}

    @cached_property
    def exports(self) -> Json:
        """The values that other stacks of the region may import, by name."""
        outputs = [cast(Json, output) for output in self._section("Outputs").values()]
        named = [(resolve(self, dig(output, "Export.Name")), output.get("Value")) for output in outputs]
        return {name: value for name, value in named if isinstance(name, str)}


class Assembly:
    """All stacks that are deployed together, over all regions."""

    def __init__(self) -> None:
        self.stacks: list[Stack] = []
        self.facts: dict[Any, Any] = {}

    def add(self, name: str, template: Json, **known: Value) -> Stack:
        """One more stack; its name is made its own if another has it."""
        taken = {stack.name for stack in self.stacks}
        unique = name if name not in taken else f"{name} ({known.get('known_region') or len(taken)})"
        stack = Stack(unique, template, known.pop("file", name), self, **known)
        self.stacks.append(stack)
        return stack

    def export(self, importer: Stack, name: str) -> tuple[Stack, Any] | None:
        """Who exports ``name`` in the region and account of ``importer``, and what."""
        for stack in self.stacks:
            same = stack.known_region == importer.known_region and stack.known_account == importer.known_account
            if same and name in stack.exports:
                return stack, stack.exports[name]
        return None

    @cached_property
    def by_type(self) -> dict[str, list[Resource]]:
        found: dict[str, list[Resource]] = {}
        for stack in self.stacks:
            for resource in stack.resources.values():
                found.setdefault(resource.type, []).append(resource)
        return found

    def all(self, *types: str) -> Iterator[Resource]:
        """Every resource of the types, in every stack."""
        for kind in types:
            yield from self.by_type.get(kind, [])

    @cached_property
    def by_arn(self) -> dict[str, Resource]:
        return {arn_of(resource): resource for resource in self.all(*KINDS)}

    @cached_property
    def by_key(self) -> dict[str, Stack]:
        return {stack.key: stack for stack in self.stacks}

    @cached_property
    def known_regions(self) -> frozenset[str]:
        return frozenset(stack.known_region for stack in self.stacks if stack.known_region)

    def resource_of(self, value: object) -> Resource | None:
        """The resource of these templates that an ARN or a token leads to."""
        if not isinstance(value, str):
            return None
        if (found := self.by_arn.get(value)) is not None:
            return found
        for stack_key, logical_id, _ in TOKEN.findall(value):
            stack = self.by_key.get(stack_key)
            if stack is not None and logical_id in stack.resources:
                return stack.resources[logical_id]
        # Templates that do not tell their account are taken to be of the account that an ARN names.
        parts = value.split(":", 5)
        return self.by_arn.get(":".join([*parts[:4], UNKNOWN_ACCOUNT, parts[5]])) if len(parts) == 6 else None

    @cached_property
    def by_name(self) -> dict[tuple[str, str, str], Resource]:
        return {(each.type, name_of(each), each.region): each for each in self.all(*KINDS)}

    def named(self, kind: str, name: object, region: str) -> Resource | None:
        """The resource of a type that has a name in a region."""
        found = self.by_name.get((kind, name, region)) if isinstance(name, str) else None
        if found is None:
            for each in self.all(kind):
                if each.region == region:
                    each.get(KINDS[kind].name)  # one whose name is not known may be the one
        return found

    def region_of(self, value: object) -> str | None:
        """The region an ARN or a resource's token is in; None when the templates do not tell."""
        region = arn_region(value)
        if region is not None:
            return region if is_known(region) else None
        found = self.resource_of(value)
        if found is None or found.type.startswith("Custom::") or found.type == "AWS::CloudFormation::CustomResource":
            return None
        return found.stack.known_region


def fact(find: Callable[[Assembly], Fact]) -> Callable[[Assembly], Fact]:
    """Find out once for an assembly what many resources are asked about."""

    @wraps(find)
    def known(assembly: Assembly) -> Fact:
        if find not in assembly.facts:
            with noticing() as noticed:
                found = find(assembly)
            assembly.facts[find] = (found, [*noticed.directly, *noticed.in_facts])
        found, unresolved = assembly.facts[find]
        notice_of_fact(unresolved)
        return found

    return known


def is_known(text: object) -> bool:
    """Whether a value is a text without anything that only a deployment knows."""
    return isinstance(text, str) and not TOKEN.search(text)
