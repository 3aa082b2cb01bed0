"""Every way to make a mistake in our templates that we know, and every place where it could be made."""

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, cast

from recovery.guards.checking import check
from recovery.guards.examples import put
from recovery.guards.templates import Assembly, Json, Resource, Stack

PRIMARY, RECOVERY = "ap-south-1", "ap-southeast-1"
OTHER = {PRIMARY: RECOVERY, RECOVERY: PRIMARY}
ACCOUNT = "333333333333"
Found = set[tuple[str, str, str]]


@dataclass(frozen=True)
class Mistake:
    """One mistake at one place: the changed resource, and who is expected to be found for it."""

    stack: str
    logical_id: str
    body: Json
    expects: frozenset[tuple[str, str, str]]


@dataclass(frozen=True)
class Kind:
    """A kind of mistake: the rule that has to find it, and its places. ``at_once`` makes it in all places together."""

    name: str
    places: Callable[[Assembly], Iterator[Mistake]]
    at_once: bool = False


def found_by(base: Assembly, mistakes: list[Mistake]) -> Found:
    """What the rules find in the templates with the mistakes."""
    assembly = Assembly()
    for stack in base.stacks:
        changed = {each.logical_id: each.body for each in mistakes if each.stack == stack.name}
        template = stack.template
        if changed:
            template = template | {"Resources": template["Resources"] | changed}
        assembly.stacks.append(
            Stack(
                stack.name,
                template,
                stack.file,
                assembly,
                known_region=stack.known_region,
                known_account=stack.known_account,
                acknowledged=stack.acknowledged,
                paths=stack.paths,
            )
        )
    return {(each.rule, each.stack, each.logical_id) for each in check(assembly).findings}


Who = Callable[[Resource], list[Resource]]
Value = Callable[[Resource], Any] | str | float | list[Any] | Json | None
KINDS: list[Kind] = []


def itself(resource: Resource) -> list[Resource]:
    return [resource]


def mistake(rule: str, resource: Resource, change: Callable[[Json], None], at: Who = itself) -> Mistake | None:
    """The mistake, unless its place is acknowledged."""
    body = copy.deepcopy(resource.body)
    change(body)
    acknowledged = any(f"Recovery-Guards::{rule}" in rules for rules in _acknowledged(resource))
    if acknowledged or body == resource.body:
        return None
    expects = frozenset((rule, each.stack.name, each.logical_id) for each in at(resource))
    return Mistake(resource.stack.name, resource.logical_id, body, expects)


def _acknowledged(resource: Resource) -> Iterator[Any]:
    path = resource.path
    while path:
        yield resource.stack.acknowledged.get(path, {})
        path = path.rpartition("/")[0]


def paths(value: Any, pattern: str) -> Iterator[str]:
    """The dotted paths of a value that a pattern with stars takes in."""
    first, _, rest = pattern.partition(".")
    if first == "*":
        for index, each in enumerate(cast(list[Any], value) if isinstance(value, list) else ()):
            for path in paths(each, rest) if rest else ("",):
                yield f"{index}.{path}".rstrip(".")
    elif not rest:
        yield first
    elif isinstance(value, list) and first.isdigit() and int(first) < len(cast(list[Any], value)):
        yield from (f"{first}.{path}" for path in paths(value[int(first)], rest))
    elif isinstance(value, dict) and first in value:
        yield from (f"{first}.{path}" for path in paths(cast(Json, value)[first], rest))


def setting(
    rule: str,
    types: str | tuple[str, ...],
    pattern: str,
    value: Value,
    *,
    where: Callable[[Resource], bool] = lambda _: True,
    at: Who = itself,
    at_once: bool = False,
) -> None:
    """A property set to ``value``, or to what it gives for the resource, or taken away; each place is one mistake."""

    def places(assembly: Assembly) -> Iterator[Mistake]:
        for resource in assembly.all(*((types,) if isinstance(types, str) else types)):
            if not where(resource):
                continue
            root = "" if pattern.startswith("^") else "Properties."
            for path in paths(resource.body, root + pattern.lstrip("^")):

                def change(body: Json, path: str = path, resource: Resource = resource) -> None:
                    body.setdefault("Properties", {})
                    put(body, path, value(resource) if callable(value) else value)

                made = mistake(rule, resource, change, at)
                if made is not None:
                    yield made

    KINDS.append(Kind(f"{rule}: {pattern} {'' if callable(value) else str(value)[:40]}", places, at_once))


def changing(
    rule: str,
    types: str | tuple[str, ...],
    what: str,
    change: Callable[[Json], None],
    *,
    where: Callable[[Resource], bool] = lambda _: True,
    at: Who = itself,
    at_once: bool = False,
) -> None:
    """A mistake that is more than one property's value."""

    def places(assembly: Assembly) -> Iterator[Mistake]:
        for resource in assembly.all(*((types,) if isinstance(types, str) else types)):
            made = mistake(rule, resource, change, at) if where(resource) else None
            if made is not None:
                yield made

    KINDS.append(Kind(f"{rule}: {what}", places, at_once))


def adding(rule: str, body: Callable[[Stack], Json | None], *, name: str = "Added") -> None:
    """A resource that should not be there, in every stack that it fits into."""

    def places(assembly: Assembly) -> Iterator[Mistake]:
        for stack in assembly.stacks:
            made = body(stack)
            if made is not None:
                yield Mistake(stack.name, name, made, frozenset({(rule, stack.name, name)}))

    KINDS.append(Kind(f"{rule}: added {name}", places))


def of_type(resource: Resource, *types: str) -> list[Resource]:
    return list(resource.assembly.all(*types))


def in_recovery(resource: Resource) -> bool:
    return resource.region == RECOVERY


def elsewhere(service: str, name: str) -> Callable[[Resource], str]:
    """An ARN of the other region."""
    return lambda resource: f"arn:aws:{service}:{OTHER[resource.region]}:{ACCOUNT}:{name}"


def here(service: str, name: str) -> Callable[[Resource], str]:
    """An ARN of the resource's own region."""
    return lambda resource: f"arn:aws:{service}:{resource.region}:{ACCOUNT}:{name}"
