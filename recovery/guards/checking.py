"""Asks every rule of every resource.

A rule that came across something unresolved and says nothing has not passed: that is said. Nor is a problem certain
that rests on something unresolved, at its own place or at another resource that might have been what was missing.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

from recovery.guards.finding import NAMESPACE, Acknowledged, Finding, NotResolved, Problem, Report, Unknown
from recovery.guards.naming import TOKEN
from recovery.guards.rule import RULES, Rule
from recovery.guards.rules import MODULES as MODULES  # importing them registers the rules
from recovery.guards.templates import ATTRIBUTES, Assembly, Resource
from recovery.guards.unread import unread
from recovery.guards.unresolved import Unresolved, noticing
from recovery.guards.values import Value


def check(assembly: Assembly) -> Report:
    """What all rules say of the stacks. What was acknowledged beside a resource is no finding."""
    findings: list[Finding] = []
    acknowledged: list[Acknowledged] = []
    not_resolved: list[NotResolved] = []
    for rule, resource in _questions(assembly):
        where = _where(resource)
        for at, said in _answer(rule, resource):
            if not isinstance(said, Problem):
                reason = shown(said.reason)
                not_resolved.append(NotResolved(rule=rule.name, path=said.path, reason=reason, **_where(at)))
                continue
            reason = _acknowledgement(resource, rule.name)
            if reason is not None:
                acknowledged.append(Acknowledged(rule=rule.name, reason=reason, **where))
                continue
            findings.append(
                Finding(
                    rule=rule.name,
                    severity=rule.severity,
                    file=resource.stack.file,
                    type=resource.type,
                    path=said.path,
                    found=shown(_as_text(said.found)),
                    expected=shown(said.expected),
                    why=rule.why,
                    fix=rule.fix,
                    source=rule.source,
                    **where,
                )
            )
    return Report(
        stacks=len(assembly.stacks),
        resources=sum(len(stack.resources) for stack in assembly.stacks),
        rules=len(RULES),
        findings=tuple(findings),
        acknowledged=tuple(acknowledged),
        not_resolved=tuple(dict.fromkeys(not_resolved)),
        not_read=tuple(unread(assembly)),
    )


def _where(resource: Resource) -> dict[str, str]:
    return {"stack": resource.stack.name, "logical_id": resource.logical_id, "construct": resource.path}


def _answer(rule: Rule, resource: Resource) -> list[tuple[Resource, Problem | Unknown]]:
    """What a rule says, and of which resource: what a fact about all rests on is said once, where it is not known."""
    with noticing() as noticed:
        said = list(rule.check(resource))
    places = [(_place(resource, each), each) for each in noticed.directly]
    if said:
        return [(resource, _doubted(each, places, resource)) for each in said]
    if places:
        return [(resource, _unknown(*places[0], resource))]
    owners = [(_owner(resource, each), each) for each in noticed.in_facts]
    return [(owner, _unknown(_place(owner, each), each, owner)) for owner, each in owners]


def _doubted(
    said: Problem | Unknown, places: list[tuple[str | None, Unresolved]], resource: Resource
) -> Problem | Unknown:
    if isinstance(said, Problem):
        for place, unresolved in places:
            if place is None or f"{said.path}.".startswith(f"{place}.") or f"{place}.".startswith(f"{said.path}."):
                return _unknown(place, unresolved, resource)
    return said


def _unknown(place: str | None, unresolved: Unresolved, resource: Resource) -> Unknown:
    if place is not None:
        return Unknown(place, unresolved.reason)
    owner = _owner(resource, unresolved)
    return Unknown("", unresolved.reason if owner is resource else f"{owner.logical_id}: {unresolved.reason}")


def _owner(asked: Resource, unresolved: Unresolved) -> Resource:
    """Which resource holds a value; the one that was asked about when none does, as with a name in an output."""
    return next((each for each in _everything(asked.assembly) if _place(each, unresolved) is not None), asked)


def _place(resource: Resource, unresolved: Unresolved) -> str | None:
    """Where a resource holds this very value; None when another does."""
    held = [("", resource.properties), *((name, resource.peek_attribute(name)) for name in ATTRIBUTES)]
    return next((place for path, value in held for place in _places(value, path, unresolved)), None)


def _places(value: Value, path: str, unresolved: Unresolved) -> Iterator[str]:
    if value is unresolved:
        yield path
    elif isinstance(value, dict):
        for key, each in cast(dict[str, Any], value).items():
            yield from _places(each, f"{path}.{key}" if path else key, unresolved)
    elif isinstance(value, list):
        for index, each in enumerate(cast(list[Any], value)):
            yield from _places(each, f"{path}.{index}", unresolved)


def _as_text(found: object) -> str:
    if found is None:
        return "nothing"
    return found if isinstance(found, str) else json.dumps(found, default=str)


def shown(text: str) -> str:
    """A text for people: what only a deployment knows reads like the reference that it came from."""
    return TOKEN.sub(
        lambda match: ("::" if match[2] == "AWS" else ".").join(part for part in match.groups()[1:] if part), text
    )


def _questions(assembly: Assembly) -> Iterable[tuple[Rule, Resource]]:
    for rule in RULES.values():
        for resource in assembly.all(*rule.types) if rule.types else _everything(assembly):
            yield rule, resource


def _everything(assembly: Assembly) -> Iterable[Resource]:
    for stack in assembly.stacks:
        yield from stack.resources.values()


def _acknowledgement(resource: Resource, rule: str) -> str | None:
    """The reason given at the construct or at the nearest one that contains it, as the CDK does it."""
    path = resource.path
    while path:
        rules: Mapping[str, str] = resource.stack.acknowledged.get(path, {})
        if (reason := rules.get(f"{NAMESPACE}::{rule}")) is not None:
            return reason
        path = path.rpartition("/")[0]
    return None
