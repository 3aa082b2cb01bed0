"""What a deploy would change between two sets of templates, and which data it would replace or let go.

Templates are compared as they are written: what a resource is given through a reference is followed by no further than
its name. A resource that is replaced because another one is replaced is told only for that one.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

from recovery.guards.create_only import MAY_REPLACE, REPLACES
from recovery.guards.rules.stateful import STATEFUL
from recovery.guards.templates import Assembly, Resource, Stack

Kind = Literal["added", "changed", "removed"]
Harm = Literal["removed", "replaced", "may be replaced"]
# What CloudFormation does not act on.
_SILENT = ("AWS::CDK::Metadata",)
_IGNORED = ("Metadata", "Properties", "Type")
# What a policy of the template does with a resource that goes.
# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-attribute-deletionpolicy.html
_FATES = {
    "Retain": "stays outside of every stack",
    "RetainExceptOnCreate": "stays outside of every stack",
    "Snapshot": "is deleted, a last snapshot of it stays",
}


@dataclass(frozen=True, kw_only=True)
class Change:
    """One resource that differs. ``properties`` are the first names of what changed; ``harm`` is what becomes of the
    data that the resource holds, None when it holds none or keeps it; ``policy`` is what the template says becomes of
    the resource that goes.
    """

    environment: str
    stack: str
    region: str | None
    construct: str
    logical_id: str
    type: str
    kind: Kind
    properties: tuple[str, ...] = ()
    harm: Harm | None = None
    policy: str | None = None

    @property
    def sentence(self) -> str:
        """What happens to the data, for a person."""
        where = f"{self.construct} ({self.type}, {self.region or 'region unknown'})"
        old = _FATES.get(self.policy or "", "is DELETED with its data")
        if self.harm == "removed":
            return f"{where} leaves its stack, and {old}"
        verb = "is replaced" if self.harm == "replaced" else "may be replaced"
        return f"{where} {verb} by a new, empty one, for {', '.join(self.properties)} changes; the old one {old}"


def changes(before: Assembly, after: Assembly) -> list[Change]:
    """Every resource that a deploy of ``after`` would add, change or remove where ``before`` is deployed."""
    old, new = _by_place(before), _by_place(after)
    places = sorted({*old, *new}, key=str)
    found = [each for place in places for each in _between(_resources(old.get(place)), _resources(new.get(place)))]
    return sorted(found, key=lambda each: each.environment)


def _by_place(assembly: Assembly) -> dict[tuple[str, str | None, str | None], Stack]:
    """Stacks by what CloudFormation knows them by; one that moves is removed here and added there."""
    return {(each.name, each.known_region, each.known_account): each for each in assembly.stacks}


def _resources(stack: Stack | None) -> Mapping[str, Resource]:
    found = stack.resources if stack is not None else {}
    return {name: each for name, each in found.items() if each.type not in _SILENT}


def _between(old: Mapping[str, Resource], new: Mapping[str, Resource]) -> Iterator[Change]:
    for name in sorted({*old, *new}):
        if name not in old:
            yield _change(new[name], "added")
        elif name not in new:
            yield _removed(old[name])
        elif old[name].type != new[name].type:  # CloudFormation refuses that, so it never happens in place
            yield _removed(old[name])
            yield _change(new[name], "added")
        elif properties := tuple(_changed(old[name].body, new[name].body)):
            harm = _harm(new[name].type, properties)
            yield _change(new[name], "changed", properties=properties, harm=harm)


def _change(resource: Resource, kind: Kind, *, properties: tuple[str, ...] = (), harm: Harm | None = None) -> Change:
    policy = "DeletionPolicy" if kind == "removed" else "UpdateReplacePolicy"
    return Change(
        environment=resource.path.partition("/")[0],
        stack=resource.stack.name,
        region=resource.stack.known_region,
        construct=resource.path,
        logical_id=resource.logical_id,
        type=resource.type,
        kind=kind,
        properties=properties,
        harm=harm,
        policy=str(resource.body.get(policy) or "Delete") if harm else None,
    )


def _removed(resource: Resource) -> Change:
    return _change(resource, "removed", harm="removed" if resource.type in STATEFUL else None)


def _changed(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    """The first names of what differs: properties, then attributes like DeletionPolicy."""
    before, after = (cast(Mapping[str, Any], each.get("Properties") or {}) for each in (old, new))
    yield from (name for name in sorted({*before, *after}) if before.get(name) != after.get(name))
    yield from (name for name in sorted({*old, *new}) if name not in _IGNORED and old.get(name) != new.get(name))


def _harm(kind: str, properties: tuple[str, ...]) -> Harm | None:
    if REPLACES.get(kind, frozenset()).intersection(properties):
        return "replaced"
    return "may be replaced" if MAY_REPLACE.get(kind, frozenset()).intersection(properties) else None
