"""What wakes a person, and what it says: one table, from which templates, messages, runbooks and tests are computed.

Signals that share a cause are one incident: in each region exactly one alarm of a cause speaks.
"""

from recovery.alarms.model import Alarm, Cause, Event, Metric, Missing, Signal
from recovery.alarms.table import ALARMS, CAUSES, EVENTS, alarm_of, alarms_in, cause_of, event_of, events_in, groups_in
from recovery.alarms.values import values_of

__all__ = [
    "ALARMS",
    "CAUSES",
    "EVENTS",
    "Alarm",
    "Cause",
    "Event",
    "Metric",
    "Missing",
    "Signal",
    "alarm_of",
    "alarms_in",
    "cause_of",
    "event_of",
    "events_in",
    "groups_in",
    "values_of",
]
