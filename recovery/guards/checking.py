"""Asks every rule of every resource."""

import json
from collections.abc import Iterable, Mapping

from recovery.guards.finding import NAMESPACE, Acknowledged, Finding, NotResolved, Problem, Report
from recovery.guards.naming import TOKEN
from recovery.guards.rule import RULES, Rule
from recovery.guards.rules import MODULES as MODULES  # importing them registers the rules
from recovery.guards.templates import Assembly, Resource


def check(assembly: Assembly) -> Report:
    """What all rules say of the stacks. What was acknowledged beside a resource is no finding."""
    findings: list[Finding] = []
    acknowledged: list[Acknowledged] = []
    not_resolved: list[NotResolved] = []
    for rule, resource in _questions(assembly):
        where = {"stack": resource.stack.name, "logical_id": resource.logical_id, "construct": resource.path}
        for said in rule.check(resource):
            if not isinstance(said, Problem):
                not_resolved.append(NotResolved(rule=rule.name, path=said.path, reason=shown(said.reason), **where))
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
        not_resolved=tuple(not_resolved),
    )


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
