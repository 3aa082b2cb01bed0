"""What cannot be told without a deployment, and which of it a rule came across.

A rule reads values by :meth:`~recovery.guards.templates.Resource.get`, ``dig``, ``listed`` and the mappings that
resolving makes. Each of them notices what is unresolved, so that a rule that never thought of it cannot pass for sure.
"""

from collections.abc import Generator, Iterable
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Unresolved:
    """A value that cannot be told from the templates, and why. ``text`` is what is known of a longer text."""

    reason: str
    text: str = ""

    def __str__(self) -> str:
        return self.text or f"({self.reason})"


@dataclass(frozen=True)
class Noticed:
    """What was unresolved of what was read: ``directly``, and while a fact about all templates was found out."""

    directly: list[Unresolved] = field(default_factory=list[Unresolved])
    in_facts: list[Unresolved] = field(default_factory=list[Unresolved])


_reading: ContextVar[Noticed | None] = ContextVar("reading", default=None)


@contextmanager
def noticing() -> Generator[Noticed]:
    """Collect what is noticed inside the block."""
    noticed = Noticed()
    token = _reading.set(noticed)
    try:
        yield noticed
    finally:
        _reading.reset(token)


def notice(value: object) -> None:
    """Tell whoever collects that ``value`` was read, if it is unresolved."""
    if isinstance(value, Unresolved) and (noticed := _reading.get()) is not None:
        noticed.directly.append(value)


def notice_of_fact(found: Iterable[Unresolved]) -> None:
    """Tell whoever collects that a fact rests on what was unresolved."""
    if (noticed := _reading.get()) is not None:
        noticed.in_facts.extend(found)


class Resolved(dict[str, Any]):
    """A mapping of a template, all references followed. Reading one value notices it, looking over all does not."""

    def get(self, key: str, default: Any = None) -> Any:  # noqa: ANN401 - its values are a template's
        value = super().get(key, default)
        notice(value)
        return value
