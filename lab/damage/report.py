"""The damage matrix for people: the page of the docs, the table on a terminal, and JSON."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from rich.table import Table

from lab.damage.kinds import Damage
from lab.damage.matrix import DAMAGES, GROUPS, Finding
from lab.damage.traffic import ACTS

LONGEST_SHOWN = 120

_INTRODUCTION = """\
# The damage matrix

{total} kinds of damage, each one small function in [`lab/damage/`](../lab/damage/), each done to a really restored
PostgreSQL (a base backup and its archived log, replayed to a point in time) and then verified as the deployed functions
do it. The check named in the last column has to find it, with the answer *{answer}* unless said otherwise; others may
find it too. The restored copy without damage passes every check.

`.venv/bin/python -m lab damage` runs the matrix, `--only NAME` one damage, and `make test` runs all of them. This page
is written by `.venv/bin/python -m lab damage --docs docs/damage.md`, and a test holds it to the code.

| check | has to find |
|---|---|
"""

_CLEAN = """\
## No false alarms

`.venv/bin/python -m lab clean --restores 100` does the opposite: nothing is damaged, and no check may fail or stay
unproven. A primary is written to all the time; again and again a manifest is taken of it, and a moment at or after the
manifest is restored and verified. Who writes, each on a connection of its own:

| writer | what it does |
|---|---|
"""

_ANSWERS = {"failed": "failed", "not_proven": "not proven", "passed": "passed"}


def page() -> str:
    """docs/damage.md, from the table of damages."""
    counts = Counter(damage.check for damage in DAMAGES.values())
    lines = [_INTRODUCTION.format(total=len(DAMAGES), answer=_ANSWERS["failed"]).rstrip("\n")]
    lines += [f"| {check} | {count} |" for check, count in counts.items()]
    for group in GROUPS:
        lines += ["", f"## {group.name}", "", group.about, ""]
        lines += ["| damage | what is done | what a person would see | found by |", "|---|---|---|---|"]
        lines += [_row(damage) for damage in group.damages]
    lines += ["", _CLEAN.rstrip("\n")]
    lines += [f"| `{act.__name__}` | {_first_line(act.__doc__)} |" for act in ACTS]
    return "\n".join([*lines, ""])


def table(findings: Sequence[Finding]) -> Table:
    """The findings for a terminal."""
    escaped = sum(not each.found for each in findings)
    shown = Table(title=f"{len(findings)} damages, {escaped} not found; seconds are the lab's")
    for heading in ("Damage", "Expected", "Found by", "Seconds", "Finding"):
        shown.add_column(heading, overflow="fold", justify="right" if heading == "Seconds" else "left")
    for each in findings:
        mark = "green" if each.found else "red"
        shown.add_row(
            each.damage.name,
            f"[{mark}]{each.damage.check}[/{mark}]",
            ", ".join(each.found_by) or "nothing",
            f"{each.seconds:.2f}",
            each.detail if len(each.detail) <= LONGEST_SHOWN else f"{each.detail[:LONGEST_SHOWN]}…",
        )
    return shown


def record(finding: Finding) -> dict[str, Any]:
    """A finding as JSON values."""
    return {
        "damage": finding.damage.name,
        "sentence": finding.damage.sentence,
        "expected_check": finding.damage.check,
        "expected_status": finding.damage.status,
        "found": finding.found,
        "found_by": finding.found_by,
        "seconds": round(finding.seconds, 3),
        "finding": finding.detail,
    }


def _first_line(text: str | None) -> str:
    return (text or "").split("\n", 1)[0]


def _row(damage: Damage) -> str:
    answer = "" if damage.status == "failed" else f" ({_ANSWERS[damage.status]})"
    return f"| `{damage.name}` | {damage.sentence} | {damage.seen} | {damage.check}{answer} |"
