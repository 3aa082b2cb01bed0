"""The table itself, and what stands where."""

from collections.abc import Mapping
from graphlib import TopologicalSorter
from typing import Literal

from recovery.alarms import backups, database, devices, guarding, proofs, rds_events, service, watch
from recovery.alarms.model import Alarm, Cause, Event, Signal

_PARTS = (database, guarding, service, backups, proofs, devices, watch)
CAUSES: tuple[Cause, ...] = tuple(cause for part in _PARTS for cause in part.CAUSES)
ALARMS: tuple[Alarm, ...] = tuple(alarm for part in _PARTS for alarm in part.ALARMS)
EVENTS: tuple[Event, ...] = (*rds_events.EVENTS, *service.EVENTS, *backups.EVENTS, *proofs.EVENTS)

Role = Literal["primary", "recovery"]

_causes = {cause.name: cause for cause in CAUSES}
_alarms = {alarm.subject: alarm for alarm in ALARMS}
_events = {event.subject: event for event in EVENTS}


def alarm_of(subject: str) -> Alarm | None:
    """The alarm of that name; None when there is none."""
    return _alarms.get(subject)


def event_of(subject: str) -> Event | None:
    """The event of that name; None when there is none."""
    return _events.get(subject)


def cause_of(name: str) -> Cause | None:
    """The cause of that name; None when there is none."""
    return _causes.get(name)


def alarms_in(role: Role, *, serving: bool) -> tuple[Alarm, ...]:
    """The alarms of a region of that role; ``serving`` says whether the application serves there."""
    return tuple(alarm for alarm in ALARMS if _stands(alarm, role, serving=serving))


def events_in(role: Role, *, serving: bool) -> tuple[Event, ...]:
    """The events that a region of that role tells of."""
    return tuple(event for event in EVENTS if _stands(event, role, serving=serving))


def groups_in(role: Role, *, serving: bool) -> Mapping[Cause, tuple[Alarm, ...]]:
    """The alarms of a region by their cause, in the order of the table.

    Of each group one alarm speaks: its only member, or a composite of all. A cause that keeps quiet because of another
    always has a composite, for only those can.
    """
    standing = alarms_in(role, serving=serving)
    grouped = {cause: tuple(alarm for alarm in standing if alarm.cause == cause.name) for cause in CAUSES}
    return {cause: members for cause, members in grouped.items() if members}


def quiet_because_of(cause: Cause, groups: Mapping[Cause, tuple[Alarm, ...]]) -> tuple[Cause, ...]:
    """The causes whose alarms keep that of ``cause`` quiet in a region; empty when none stands there."""
    return tuple(each for each in groups if each.name in cause.because_of)


def is_composite(cause: Cause, groups: Mapping[Cause, tuple[Alarm, ...]]) -> bool:
    """Whether a composite alarm speaks for ``cause`` in a region with these groups."""
    return len(groups[cause]) > 1 or bool(quiet_because_of(cause, groups))


def in_order(groups: Mapping[Cause, tuple[Alarm, ...]]) -> tuple[Cause, ...]:
    """The causes of a region, each after those that keep it quiet. Raises graphlib.CycleError when that has no end."""
    return tuple(TopologicalSorter({cause: quiet_because_of(cause, groups) for cause in groups}).static_order())


def _stands(signal: Signal, role: Role, *, serving: bool) -> bool:
    match signal.stands:
        case "both":
            return True
        case "serving":
            return serving
        case "standby":
            return role == "recovery" and not serving
        case place:
            return place == role
