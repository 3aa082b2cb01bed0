"""What a rule says of a resource."""

from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning"]
# The CDK's plugin, and the namespace of acknowledgements that the CDK makes of its name.
PLUGIN = "Recovery Guards"
NAMESPACE = PLUGIN.replace(" ", "-")


@dataclass(frozen=True)
class Problem:
    """A rule is broken at ``path`` of a resource: what was found, and what the rule expected."""

    path: str
    found: object
    expected: str


@dataclass(frozen=True)
class Unknown:
    """A rule could not be answered at ``path``, and why."""

    path: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One broken rule at one resource."""

    rule: str
    severity: Severity
    stack: str
    file: str
    logical_id: str
    type: str
    construct: str
    path: str
    found: str
    expected: str
    why: str
    fix: str
    source: str


@dataclass(frozen=True, kw_only=True)
class NotResolved:
    """One rule that could not be answered of one resource."""

    rule: str
    stack: str
    logical_id: str
    construct: str
    path: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class NotRead:
    """A part of a template that no rule looked at: what CloudFormation makes of it is known at deploy only."""

    stack: str
    file: str
    path: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Acknowledged:
    """A finding that somebody acknowledged beside the resource, with the reason."""

    rule: str
    stack: str
    logical_id: str
    construct: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Report:
    """All that the rules say of an assembly."""

    stacks: int
    resources: int
    rules: int
    findings: tuple[Finding, ...]
    acknowledged: tuple[Acknowledged, ...]
    not_resolved: tuple[NotResolved, ...]
    not_read: tuple[NotRead, ...]
