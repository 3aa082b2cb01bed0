"""The drill's report: one self-contained HTML page with the objectives, the timeline and every finding."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from lab.documented import Documented
from lab.recorded_types import RECORDED_TYPES
from lab.timeline import Step, Timeline
from recovery.evidence.page import duration, moment

TICKS = 6


def write_report(
    path: Path,
    evidence: dict[str, Any],
    timeline: Timeline,
    *,
    story: str,
    regions: tuple[str, str],
    recorded: list[dict[str, Any]],
    recovery_from: str | None = None,
    documented: Sequence[Documented] = (),
) -> None:
    """Write the page. ``evidence`` is evidence.json's content; ``recovery_from`` names the step the close-up starts at,
    None where there is none; ``regions`` are the primary and the recovery region.
    """
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=select_autoescape(["j2"]), undefined=StrictUndefined
    )
    environment.filters |= {"duration": duration, "moment": _moment}
    counts = Counter(resource["type"] for resource in recorded)
    begin = next((step.started_at for step in timeline.steps if step.name == recovery_from), None)
    page = environment.get_template("report.html.j2").render(
        evidence=evidence,
        story=story,
        primary_region=regions[0],
        recovery_region=regions[1],
        whole=_chart(timeline, None, regions),
        recovery=None if recovery_from is None else _chart(timeline, begin, regions),
        documented=documented,
        recorded=recorded,
        recorded_types={
            name: {"count": counts[name], "reason": reason} for name, reason in RECORDED_TYPES.items() if counts[name]
        },
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page)


def _chart(timeline: Timeline, begin: datetime | None, regions: tuple[str, str]) -> dict[str, Any]:
    """Bars, marked moments and ticks in percent of the width, from ``begin`` (or the first step) on."""
    steps = [step for step in timeline.steps if begin is None or step.started_at >= begin]
    if not steps:
        return {"bars": [], "lines": [], "ticks": []}
    first = min(step.started_at for step in steps)
    whole = max((step.started_at - first).total_seconds() + step.seconds for step in steps) or 1.0

    def place(moment: datetime) -> float:
        return round(100 * (moment - first).total_seconds() / whole, 3)

    return {
        "bars": [_bar(step, place(step.started_at), whole, regions) for step in steps],
        # Labels take turns on two rows, so that neighbours do not cover each other.
        "lines": [
            {"name": moment.name, "left": place(moment.at), "row": number % 2}
            for number, moment in enumerate(timeline.moments)
            if moment.at >= first
        ],
        "ticks": [
            {"left": round(100 * tick / TICKS, 3), "label": duration(whole * tick / TICKS)} for tick in range(TICKS + 1)
        ],
    }


def _bar(step: Step, left: float, whole: float, regions: tuple[str, str]) -> dict[str, Any]:
    lanes = {regions[0]: "primary", regions[1]: "recovery"}
    return {
        "name": step.name,
        "lane": lanes.get(step.lane, "lab"),
        "left": left,
        "width": round(100 * step.seconds / whole, 3),
        "seconds": step.seconds,
        "detail": step.detail,
    }


def _moment(iso: str) -> str:
    return moment(datetime.fromisoformat(iso))
