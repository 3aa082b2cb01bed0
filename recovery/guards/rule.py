"""What a rule is, and how a module registers one."""

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from recovery.guards.finding import Problem, Severity, Unknown
from recovery.guards.templates import Resource
from recovery.guards.unresolved import Unresolved

Says = Iterator[Problem | Unknown]
Check = Callable[[Resource], Says]


@dataclass(frozen=True)
class Change:
    """What turns the good example into a bad one: a value at a dotted path of a resource of the example.

    ``resource`` is the stack's and the resource's name in the example. The path starts at the properties, or with
    ``^`` at the resource itself; an empty one is a whole resource. None takes away.
    """

    resource: str
    path: str
    value: Any


@dataclass(frozen=True)
class Rule:
    """A named check of resources of some types. ``trap`` is its number among the known traps, if it is one."""

    name: str
    severity: Severity
    types: tuple[str, ...]
    check: Check
    expects: str
    why: str
    fix: str
    source: str
    bad: Change
    subject: str
    trap: int | None


RULES: dict[str, Rule] = {}


def rule(
    *types: str,
    fix: str,
    source: str,
    bad: Change,
    trap: int | None = None,
    severity: Severity = "error",
) -> Callable[[Check], Check]:
    """Register the function as a rule named like it.

    Its docstring's first line says what is expected, the rest why that matters in a disaster.
    """

    def register(check: Check) -> Check:
        name = check.__name__.replace("_", "-")
        expects, _, why = inspect.cleandoc(check.__doc__ or "").partition("\n\n")
        if name in RULES:
            raise ValueError(f"rule: expected a name of its own, found a second {name}. Rename one.")
        RULES[name] = Rule(
            name=name,
            severity=severity,
            types=types,
            check=check,
            expects=" ".join(expects.split()),
            why=" ".join(why.split()),
            fix=fix,
            source=source,
            bad=bad,
            subject=check.__module__.rpartition(".")[2],
            trap=trap,
        )
        return check

    return register


def number(value: object) -> float | None:
    """The number that a property holds, which templates often write as text; None when it is none."""
    try:
        return float(str(value)) if value is not None and not isinstance(value, bool | Unresolved) else None
    except ValueError:
        return None


def true(value: object) -> bool:
    """Whether a property is true, which templates often write as text."""
    return str(value).lower() == "true"
