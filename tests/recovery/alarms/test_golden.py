"""Every message, word for word, in each form it is delivered in. ``make snapshots`` accepts them as they are now."""

import json
import os
from pathlib import Path

import pytest

from recovery.alarms import ALARMS, CAUSES, EVENTS
from recovery.alarms.message import Message
from recovery.alarms.rendering import chat, pagerduty, plain, subject
from tests.recovery.alarms.published import (
    NAMES,
    REASON,
    alarm_body,
    message_of,
    message_of_alarm,
    message_of_event,
    region_of,
)

GOLDEN = Path(__file__).with_name("golden")
APPROVAL = """[prod] failover from ap-south-1 to ap-southeast-1 waits for approval (operation 2026-11-01).
expected data loss: 42 s (RPO of Tier 3 (full): 3600 s)

Approve:
  dr failover approve --environment prod AQC8AAAA
Cancel:
  dr failover cancel --environment prod AQC8AAAA
"""
FORESEEN_BY_NOBODY = {
    "source": "aws.health",
    "detail-type": "AWS Health Event",
    "detail": {"service": "RDS", "eventDescription": [{"latestDescription": "We are investigating."}]},
}


def messages() -> dict[str, Message]:
    found = {alarm.subject: message_of_alarm(alarm) for alarm in ALARMS}
    found |= {event.subject: message_of_event(event) for event in EVENTS}
    for cause in CAUSES:
        members = [alarm for alarm in ALARMS if alarm.cause == cause.name]
        if len(members) > 1:
            name = f"cause-{cause.name}"
            on = {NAMES.alarm_name(member.subject): REASON for member in members[:2]}
            region = region_of(members[0].stands)
            found[name] = message_of(alarm_body(name), on=on, region=region)
            found[f"{name}-over"] = message_of(alarm_body(name, state="OK", before="ALARM"), region=region)
    found["note-approval"] = message_of(APPROVAL, subject="failover of prod: approve or cancel")
    found["note-end"] = message_of("PASS failover: tier 3", subject="failover of prod: PASS")
    found["unknown-event"] = message_of(json.dumps(FORESEEN_BY_NOBODY))
    found["unknown-alarm"] = message_of(alarm_body("made-by-hand"))
    return found


MESSAGES = messages()


def written(message: Message) -> str:
    forms = {
        "PagerDuty": pagerduty(message, routing_key="ROUTING-KEY"),
        "Amazon Q Developer": chat(message),
    }
    parts = [f"Subject: {subject(message)}\n\n{plain(message)}"]
    parts += [f"=== {name}\n{json.dumps(form, indent=2)}\n" for name, form in forms.items()]
    return "\n".join(parts)


@pytest.mark.parametrize("name", MESSAGES)
def test_message_reads_as_accepted(name: str) -> None:
    path = GOLDEN / f"{name}.txt"
    found = written(MESSAGES[name])
    if os.environ.get("UPDATE_SNAPSHOTS"):
        GOLDEN.mkdir(exist_ok=True)
        path.write_text(found)
    assert path.exists(), f"no golden file of {name}: run `make snapshots` and read what it says"
    assert found == path.read_text()


def test_no_golden_file_is_left_over() -> None:
    assert {path.stem for path in GOLDEN.glob("*.txt")} == set(MESSAGES)


@pytest.mark.parametrize("name", MESSAGES)
def test_no_message_is_without_a_command(name: str) -> None:
    message = MESSAGES[name]
    assert message.commands
    assert message.commands[0] in plain(message)
    assert not any(word in command for command in message.commands for word in ("{", "}"))


@pytest.mark.parametrize("name", MESSAGES)
def test_forms_keep_the_limits_of_their_readers(name: str) -> None:
    message = MESSAGES[name]
    line, form = subject(message), chat(message)["content"]
    assert line.isascii()
    assert len(line) < 100
    assert "\n" not in line
    assert len(form["title"]) <= 250
    assert len(form["description"]) <= 8000
    assert all(len(step) <= 350 for step in form["nextSteps"])
    key = pagerduty(message, routing_key="K")["dedup_key"]
    assert 0 < len(key) <= 255
