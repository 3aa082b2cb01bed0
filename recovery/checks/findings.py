"""What the parts of a check find, and how it becomes one answer."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from recovery.checks.outcome import CheckContext, Outcome, Status, counted
from recovery.summary import summary

# Of each kind of sentence a part hands on: more than the finding shows, so that what it leaves out is counted well.
_MOST_KEPT = 100


@dataclass
class Findings:
    """Sentences about what is wrong (``faults``), could not be looked at (``unproven``) or should be known (``notes``).

    ``counts`` are what was looked at; the counts of all parts are added up.
    """

    faults: list[str] = field(default_factory=list[str])
    unproven: list[str] = field(default_factory=list[str])
    notes: list[str] = field(default_factory=list[str])
    counts: Counter[str] = field(default_factory=Counter[str])

    @property
    def status(self) -> Status:
        """``failed`` when something is wrong, else ``not_proven`` when something could not be looked at."""
        if self.faults:
            return "failed"
        return "not_proven" if self.unproven else "passed"

    def outcome(self, description: str) -> Outcome:
        """As an answer; ``description`` says what was proven when nothing is wrong."""
        unproven = [f"besides, not proven: {each}" for each in self.unproven] if self.faults else self.unproven
        sentences = [*self.faults, *unproven] or [description]
        return Outcome(
            status=self.status,
            detail=summary([*sentences, *self.notes]),
            measurements=dict(self.counts),
            payload={name: getattr(self, name)[:_MOST_KEPT] for name in ("faults", "unproven", "notes")},
        )

    def add(self, outcome: Outcome) -> None:
        """Take one part's answer in."""
        for name, value in outcome.measurements.items():
            if isinstance(value, int):
                self.counts[name] += value
        if outcome.payload is None:  # the part could not run: its detail says why
            (self.faults if outcome.status == "failed" else self.unproven).append(outcome.detail)
            return
        for name in ("faults", "unproven", "notes"):
            kept: list[str] = getattr(self, name)
            kept += [each for each in _sentences(outcome.payload, name) if each not in kept]


def concluding(
    describe: Callable[[Mapping[str, int]], str],
) -> Callable[[CheckContext, Iterable[Outcome]], Outcome]:
    """A conclusion that joins the parts' findings; ``describe`` puts the sums of their counts in words."""

    def conclude(_context: CheckContext, outcomes: Iterable[Outcome]) -> Outcome:
        findings = Findings()
        for outcome in outcomes:
            findings.add(outcome)
        return findings.outcome(describe(findings.counts))

    return conclude


def several(count: int, places: Iterable[str], noun: str = "row", most: int = 1000) -> str:
    """``3 rows (at ...)``; a count above ``most`` is what the look-up stopped at."""
    number = f"more than {most} {noun}s" if count > most else counted(count, noun)
    return f"{number} ({', '.join(places)}{', …' if count > 3 else ''})"


def _sentences(payload: Mapping[str, Any], name: str) -> list[str]:
    return list(payload.get(name, ()))
