"""From what is published to the alarm topic to one message: alarms, events of AWS, notes of ours, and whatever else.

Of what CloudWatch publishes, AlarmName, OldStateValue, NewStateValue, NewStateReason and StateChangeTime are read.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Notify_Users_Alarm_Changes.html
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from recovery.alarms.console import alarm_link, event_link
from recovery.alarms.message import Message, at_stake, moment
from recovery.alarms.model import Alarm, Cause, Event, Severity, Signal
from recovery.alarms.redaction import redact
from recovery.alarms.table import ALARMS, alarm_of, cause_of, event_of
from recovery.alarms.values import fill, values_of
from recovery.names import Names

Json = dict[str, Any]
COMPOSITE = "cause-"
# A composite that only keeps another quiet, and tells nobody anything.
QUIET = "quiet-"
# What is passed on of something nobody foresaw.
UNKNOWN_CHARACTERS = 4000
_FALLBACK = "dr status --environment {environment}"
_UNKNOWN_PROOF = "`dr status` finds nothing, and what the message tells of is understood"
# The subject under which a failover or failback tells its end; see the machine's function.
_SWITCHED = re.compile(r"(?:failover|failback) of \S+: PASS")
_COMMAND = re.compile(r"^\s*((?:dr|aws) \S.*)$", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where the notifier is: whose region, the runbooks' address, and how it asks which of some alarms are on.

    ``alarming`` answers with CloudWatch's reason by the name of each that is in ALARM.
    """

    names: Names
    region: str
    runbooks_url: str
    alarming: Callable[[Sequence[str]], Mapping[str, str]]


def read(place: Place, *, subject: str | None, body: str, now: datetime) -> Message:
    """The message for what was published; never raises for what it does not know."""
    try:
        said = json.loads(body)
    except ValueError:
        return _note(place, subject or "", body, now)
    if not isinstance(said, dict):
        return _note(place, subject or "", body, now)
    said = cast(Json, said)
    if "AlarmName" in said and "NewStateValue" in said:
        return _alarm(place, said, now)
    event = event_of(str(said.get("signal")))
    if event is not None:
        return _event(place, event, said, now)
    return _unknown(place, subject or "", said, now)


def _alarm(place: Place, said: Json, now: datetime) -> Message:
    prefix = place.names.alarm_name("")
    name = str(said["AlarmName"])
    subject = name.removeprefix(prefix)
    changed = _time(said.get("StateChangeTime"), now)
    over = said["NewStateValue"] == "OK"
    reason = str(said.get("NewStateReason", ""))
    cause = cause_of(subject.removeprefix(COMPOSITE)) if subject.startswith(COMPOSITE) else None
    alarm = alarm_of(subject)
    if cause is not None:
        message = _composite(place, cause, name, changed, reason, now, over=over)
    elif alarm is not None:
        message = _of_alarm(place, alarm, name, changed, {name: reason}, now, over=over)
    else:
        message = _unknown(place, name, said, now)
    return replace(message, quiet=message.is_canary or (over and said.get("OldStateValue") != "ALARM"))


def _composite(
    place: Place, cause: Cause, name: str, changed: datetime, reason: str, now: datetime, *, over: bool
) -> Message:
    members = [alarm for alarm in ALARMS if alarm.cause == cause.name]
    names = {place.names.alarm_name(alarm.subject): alarm for alarm in members}
    on: Mapping[str, str] = place.alarming(list(names)) if not over else dict[str, str]()
    speaking = [alarm for each, alarm in names.items() if each in on] or members[:1]
    first = speaking[0]
    reasons = {each: on[each] for each in names if each in on} or {name: reason}
    return _of_alarm(place, first, name, changed, reasons, now, over=over, cause=cause, also=speaking[1:])


def _of_alarm(
    place: Place,
    alarm: Alarm,
    name: str,
    changed: datetime,
    reasons: Mapping[str, str],
    now: datetime,
    *,
    over: bool,
    cause: Cause | None = None,
    also: Sequence[Alarm] = (),
) -> Message:
    began = changed if over else changed - alarm.delay
    values = _values(place, began, now)
    happened = fill(cause.happened if cause and over else alarm.happened, values)
    known = [
        ("alarm", name),
        ("ended" if over else "began", moment(began)),
        ("told", moment(changed)),
        *((f"also {each.subject}", fill(each.happened, values)) for each in also),
        *((f"CloudWatch says of {each}", redact(text)) for each, text in reasons.items() if text),
        *_where(place),
        ("console", alarm_link(place.region, name)),
    ]
    lost = timedelta(seconds=alarm.limit) if alarm.limit_is_loss else None
    stake = (
        "nothing any more" if over else at_stake(alarm, began=began if lost is None else changed, now=now, loss=lost)
    )
    return _message(
        place, alarm, values, happened=happened, began=began, over=over, known=known, stake=stake,
        is_canary=alarm.is_canary,
    )  # fmt: skip


def _event(place: Place, event: Event, said: Json, now: datetime) -> Message:
    detail = _mapping(said.get("detail"))
    began = _time(said.get("time"), now)
    facts = [(label, redact(str(detail[path]))) for label, path in event.facts.items() if detail.get(path)]
    known = [
        *facts,
        ("time", moment(began)),
        *_where(place),
        ("console", event_link(place.region, event.source, detail)),
        ("event", str(said.get("id", "unknown"))),
    ]
    job = next((str(detail[path]) for label, path in event.facts.items() if label == "job" and detail.get(path)), "JOB")
    values = _values(place, began, now) | {"job": job}
    happened = fill(event.happened, values)
    stake = "nothing any more" if event.over else at_stake(event, began=began, now=now)
    return _message(place, event, values, happened=happened, began=began, over=event.over, known=known, stake=stake)


def _message(
    place: Place,
    signal: Signal,
    values: Mapping[str, str],
    *,
    happened: str,
    began: datetime,
    over: bool,
    known: list[tuple[str, str]],
    stake: str,
    is_canary: bool = False,
) -> Message:
    return Message(
        environment=place.names.environment,
        region=place.region,
        subject=signal.subject,
        severity=signal.severity,
        incident=incident(place, signal.cause),
        over=over,
        happened=happened,
        at_stake=stake,
        known=tuple(known),
        commands=tuple(fill(command, values) for command in signal.commands),
        proof=fill(signal.proof, values),
        runbook=f"{place.runbooks_url}/{signal.runbook}/",
        began=began,
        is_canary=is_canary,
    )


def incident(place: Place, cause: str) -> str:
    """What all messages of one cause share: of one region, or of both where the cause is shared."""
    found = cause_of(cause)
    shared = found is not None and found.shared
    name = (found.incident if found else None) or cause
    return "/".join(["duskspendr", place.names.environment, *([] if shared else [place.region]), name])


def _note(place: Place, subject: str, text: str, now: datetime) -> Message:
    """A text that somebody of ours wrote for a person, such as the failover's question for approval."""
    text = redact(text)
    title = redact(subject) or text.strip().partition("\n")[0][:100] or "a message without words"
    switch = re.match(r"failover|failback", title) is not None
    values = _values(place, now, now)
    return Message(
        environment=place.names.environment,
        region=place.region,
        subject="failover-stopped" if switch else "unknown",
        severity="page",
        incident=incident(place, "switch") if switch else f"{incident(place, 'note')}/{_slug(title)}",
        over=_SWITCHED.fullmatch(title) is not None,
        happened=title,
        at_stake="what the message says",
        known=(("time", moment(now)), *_where(place)),
        commands=(*_COMMAND.findall(text), fill(_FALLBACK, values)),
        proof=_UNKNOWN_PROOF,
        runbook=f"{place.runbooks_url}/{'failover-stopped' if switch else 'unknown'}/",
        began=now,
        text=text[:UNKNOWN_CHARACTERS],
    )


def _unknown(place: Place, title: str, said: Json, now: datetime) -> Message:
    """Something nobody foresaw: passed on with all its fields, and as a page, for nobody knows what it is worth."""
    name = redact(title or " ".join(str(said[key]) for key in ("source", "detail-type") if said.get(key)))
    severity: Severity = "page"
    fields = "\n".join(f"{path}: {value}" for path, value in _flat(said))
    return Message(
        environment=place.names.environment,
        region=place.region,
        subject="unknown",
        severity=severity,
        incident=f"{incident(place, 'unknown')}/{_slug(name)}",
        over=said.get("NewStateValue") == "OK",
        happened=f"An event that no rule of ours names: {name or 'without a name'}",
        at_stake="unknown: nobody has said what this event means",
        known=(("time", moment(_time(said.get("time") or said.get("StateChangeTime"), now))), *_where(place)),
        commands=(fill(_FALLBACK, _values(place, now, now)),),
        proof=_UNKNOWN_PROOF,
        runbook=f"{place.runbooks_url}/unknown/",
        began=now,
        text=redact(fields)[:UNKNOWN_CHARACTERS],
    )


def _values(place: Place, began: datetime, now: datetime) -> dict[str, str]:
    """The names, and the times that commands ask for. ``before`` is a minute before the trouble began."""
    return values_of(place.names, place.region) | {
        "before": _iso(began - timedelta(minutes=1)),
        "began_day": f"{began - timedelta(days=1):%Y-%m-%d}",
        "now": _iso(now),
    }


def _where(place: Place) -> list[tuple[str, str]]:
    return [("region", place.region), ("account", place.names.account)]


def _iso(time: datetime) -> str:
    return f"{time.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _time(said: object, now: datetime) -> datetime:
    """A time as AWS writes it; now when it is none."""
    try:
        time = datetime.fromisoformat(str(said))
    except ValueError:
        return now
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _mapping(value: object) -> Json:
    return cast(Json, value) if isinstance(value, dict) else {}


def _flat(value: object, path: str = "") -> list[tuple[str, str]]:
    if isinstance(value, dict):
        mapping = cast(Json, value)
        return [pair for key, each in mapping.items() for pair in _flat(each, f"{path}.{key}" if path else key)]
    if isinstance(value, list):
        return [pair for each in cast(list[object], value) for pair in _flat(each, path)]
    return [(path or "value", str(value))]


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:80] or "untitled"
