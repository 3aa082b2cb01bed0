"""What a fault does to the alarms of a region, computed from its templates: which are on, and which of them page.

A fault is what it does to metrics: those that nobody reports any more, and those that go beyond their limits. The
templates' alarms say from when on each is on; their composites, who speaks then and who keeps quiet.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from recovery.alarms import alarm_of, groups_in
from recovery.alarms.reading import COMPOSITE
from recovery.alarms.table import Role, is_composite
from tests.infrastructure.alarm_graph import COMPOSED, METRIC, Region

# Alarms that are on, with the seconds from the fault to that.
On = dict[str, float]
ByRole = Mapping[Role, Collection[str]]


@dataclass(frozen=True, kw_only=True)
class Fault:
    """``silent`` are metrics that a region misses, ``beyond`` the alarms whose metric it finds beyond the limit.

    ``deaf`` regions deliver nothing by their notifier, ``gone`` ones nothing at all. ``pages`` are the causes that are
    to page; a region without any is left out.
    """

    name: str
    silent: ByRole = field(default_factory=dict[Role, Collection[str]])
    beyond: ByRole = field(default_factory=dict[Role, Collection[str]])
    deaf: Collection[Role] = ()
    gone: Collection[Role] = ()
    pages: Mapping[Role, str] = field(default_factory=dict[Role, str])


def pages_of(fault: Fault, region: Region) -> set[str]:
    """The causes that page in a region: on, not kept quiet in time, and delivered."""
    if region.role in fault.gone:
        return set()
    metrics, composed = region.alarms(METRIC), region.alarms(COMPOSED)
    on = _all_on(region, _sounding(fault, region.role, metrics))
    groups = groups_in(region.role, serving=region.serving)
    paging: set[str] = set()
    for cause, members in groups.items():
        name = f"{COMPOSITE}{cause.name}" if is_composite(cause, groups) else members[0].subject
        if name not in on or members[0].severity != "page" or (region.role in fault.deaf and not cause.bypasses):
            continue
        suppressor = region.suppressor(composed.get(name, {}))
        wait = composed.get(name, {}).get("ActionsSuppressorWaitPeriod", 0)
        if suppressor is None or on.get(suppressor, float("inf")) > on[name] + wait:
            paging.add(cause.name)
    return paging


def _sounding(fault: Fault, role: Role, metrics: Mapping[str, Mapping[str, Any]]) -> On:
    silent, beyond = fault.silent.get(role, ()), fault.beyond.get(role, ())
    return {
        subject: _delay(subject, found, aged=subject in beyond)
        for subject, found in metrics.items()
        if subject in beyond or (found["MetricName"] in silent and found["TreatMissingData"] == "breaching")
    }


def _delay(subject: str, found: Mapping[str, Any], *, aged: bool) -> float:
    """An age goes beyond its limit no sooner than it can grow to it."""
    row = alarm_of(subject)
    ages = aged and row is not None and row.limit_is_loss
    return float(found["Period"] * found["EvaluationPeriods"] + (found["Threshold"] if ages else 0))


def _all_on(region: Region, metrics: On) -> On:
    """All alarms that are on, composites of composites included: each from when its first member is."""
    found, composed = dict(metrics), region.alarms(COMPOSED)
    while True:
        more = {
            name: min(found[member] for member in members)
            for name, each in composed.items()
            if (members := region.members(each) & found.keys()) and name not in found
        }
        if not more:
            return found
        found |= more
