"""From what is published to what a person reads."""

import json
from datetime import timedelta

import pytest

from recovery.alarms import ALARMS, EVENTS, alarm_of
from recovery.alarms.message import at_stake, moment, span
from recovery.alarms.redaction import HIDDEN, redact
from recovery.alarms.rendering import chat, pagerduty, plain
from tests.recovery.alarms.published import (
    CHANGED,
    NAMES,
    NOW,
    REASON,
    alarm_body,
    message_of,
    message_of_alarm,
    message_of_event,
)

HEARTBEAT = next(alarm for alarm in ALARMS if alarm.subject == "heartbeat-stopped")
REPLICA = next(alarm for alarm in ALARMS if alarm.subject == "replica-late")


def event(subject: str) -> str:
    return next(message_of_event(each).incident for each in EVENTS if each.subject == subject)


def test_time_left_counts_from_the_beginning_of_the_trouble() -> None:
    # Five minutes of silence before the alarm, two minutes since.
    assert message_of_alarm(HEARTBEAT).at_stake == (
        "Tier 1 (database): RTO 1 h, 53 min left, until 2026-11-01 12:25:00 IST (06:55:00 UTC)"
    )


def test_objective_that_is_missed_says_for_how_long() -> None:
    text = at_stake(HEARTBEAT, began=CHANGED, now=CHANGED + timedelta(hours=2))
    assert "missed for 1 h, since 2026-11-01 12:30:00 IST" in text


def test_data_left_is_what_the_alarm_has_measured_and_the_time_since() -> None:
    assert message_of_alarm(REPLICA).at_stake == (
        "Tier 3 (full): RPO 1 h. A region lost now would cost at least 32 min of data; 28 min are left"
    )


def test_data_beyond_the_objective_is_said_to_be() -> None:
    text = at_stake(REPLICA, began=CHANGED, now=CHANGED, loss=timedelta(minutes=90))
    assert text.endswith("at least 1 h 30 min of data; 30 min more than it allows")


def test_times_are_told_in_india_and_utc() -> None:
    assert moment(CHANGED) == "2026-11-01 11:30:00 IST (06:00:00 UTC)"
    assert moment(CHANGED + timedelta(hours=13)) == "2026-11-02 00:30:00 IST (2026-11-01 19:00:00 UTC)"


@pytest.mark.parametrize(
    ("minutes", "text"), [(0.9, "0 min"), (59, "59 min"), (60, "1 h"), (61, "1 h 1 min"), (1500, "1 d 1 h")]
)
def test_durations_are_never_rounded_up(minutes: float, text: str) -> None:
    assert span(timedelta(minutes=minutes)) == text


def test_both_regions_and_rds_itself_tell_of_one_dead_database_in_one_incident() -> None:
    silent = next(alarm for alarm in ALARMS if alarm.subject == "primary-silent")
    incidents = {message_of_alarm(HEARTBEAT).incident, message_of_alarm(silent).incident, event("rds-instance-failed")}
    assert incidents == {"duskspendr/prod/database"}


def test_causes_of_one_region_are_incidents_of_that_region() -> None:
    assert message_of_alarm(REPLICA).incident == "duskspendr/prod/ap-southeast-1/copies"


def test_end_of_an_alarm_resolves_its_incident() -> None:
    message = message_of_alarm(HEARTBEAT, state="OK", before="ALARM")
    resolved = pagerduty(message, routing_key="K")
    assert resolved == {"routing_key": "K", "event_action": "resolve", "dedup_key": "duskspendr/prod/database"}
    assert plain(message).startswith("OVER [prod ap-south-1] ")
    assert not message.quiet


def test_alarm_that_was_never_on_makes_no_news_of_its_end() -> None:
    assert message_of_alarm(HEARTBEAT, state="OK", before="INSUFFICIENT_DATA").quiet


def test_failover_that_is_complete_resolves_what_its_beginning_opened() -> None:
    (began,) = (message_of_event(each) for each in EVENTS if each.subject == "rds-failover-began")
    (complete,) = (message_of_event(each) for each in EVENTS if each.subject == "rds-failover-complete")
    assert (began.incident, began.over, complete.over) == (complete.incident, False, True)


def test_composite_names_everything_that_is_on_and_begins_with_the_first() -> None:
    on = {NAMES.alarm_name(subject): REASON for subject in ("api-slow", "api-server-errors")}
    message = message_of(alarm_body("cause-application"), on=on)
    assert message.subject == "api-server-errors"
    assert "answered with 5xx" in message.happened
    assert any(label == "also api-slow" for label, _ in message.known)


def test_composite_whose_members_cannot_be_asked_still_has_a_message() -> None:
    message = message_of(alarm_body("cause-application"))
    assert message.incident == "duskspendr/prod/ap-south-1/application"
    assert message.commands[0].startswith("dr rollback")


def test_approval_is_passed_on_with_its_own_commands_first() -> None:
    text = (
        "Approve:\n  dr failover approve --environment prod TOKEN\nCancel:\n  dr failover cancel --environment prod T"
    )
    message = message_of(text, subject="failover of prod: approve or cancel")
    assert message.commands[0] == "dr failover approve --environment prod TOKEN"
    assert text in plain(message)


def test_switch_that_ends_well_resolves_what_its_question_opened() -> None:
    asked = message_of("?", subject="failover of prod: approve or cancel")
    ended = message_of("PASS failover", subject="failover of prod: PASS")
    failed = message_of("FAIL failover", subject="failover of prod: FAIL")
    assert asked.incident == ended.incident == failed.incident
    assert (asked.over, ended.over, failed.over) == (False, True, False)


@pytest.mark.parametrize(
    "body",
    ["[1, 2]", '"text"', "null", "{}", "not JSON {", "", json.dumps({"AlarmName": "x"}), json.dumps({"signal": 7})],
)
def test_whatever_comes_is_passed_on(body: str) -> None:
    message = message_of(body)
    assert message.severity == "page"
    assert "dr status --environment prod" in plain(message)


def test_event_without_details_is_still_told() -> None:
    message = message_of(json.dumps({"signal": "backup-job-ended"}))
    assert message.happened == "A snapshot of duskspendr-prod was not taken"


def test_fields_of_an_unknown_event_are_readable() -> None:
    message = message_of(json.dumps({"source": "aws.health", "detail": {"a": [{"b": "c"}]}}))
    assert "detail.a.b: c" in plain(message)


SECRETS = {
    '{"password": "hunter2x"}': "hunter2x",
    "PGPASSWORD=hunter2x psql": "hunter2x",
    "postgresql://admin:hunter2x@host/db": "hunter2x",  # pragma: allowlist secret
    "https://bucket/x?X-Amz-Signature=hunter2x&a=b": "hunter2x",
    "key AKIAABCDEFGHIJKLMNOP leaked": "AKIAABCDEFGHIJKLMNOP",  # pragma: allowlist secret
    '"routing_key": "hunter2x"': "hunter2x",
    "Authorization: Bearer hunter2x": "hunter2x",
    "AGE-SECRET-KEY-1HUNTER2X": "1HUNTER2X",
}


@pytest.mark.parametrize(("text", "secret"), SECRETS.items())
def test_secrets_of_others_are_hidden(text: str, secret: str) -> None:
    assert secret not in redact(text)
    assert HIDDEN in redact(text)


@pytest.mark.parametrize(("text", "secret"), SECRETS.items())
def test_no_form_of_a_message_holds_a_secret(text: str, secret: str) -> None:
    bodies = [text, json.dumps({"what": text}), alarm_body("canary-missing", NewStateReason=text)]
    bodies.append(json.dumps({"signal": "backup-job-ended", "detail": {"statusMessage": text}}))
    for body in bodies:
        message = message_of(body, subject=text)
        for form in (plain(message), json.dumps(pagerduty(message, routing_key="K")), json.dumps(chat(message))):
            assert secret not in form


def test_what_is_no_secret_stays() -> None:
    text = "dr failover approve --environment prod AQC8TOKEN; SourceIdentifier=duskspendr-prod; state FAILED"
    assert redact(text) == text


def test_command_too_long_for_a_step_is_never_cut() -> None:
    message = message_of("x\naws " + "y" * 400)
    form = chat(message)["content"]
    assert "aws " + "y" * 400 in form["description"]
    assert all("yyy" not in step for step in form["nextSteps"])


def test_alarm_of_the_table_is_found_by_its_name() -> None:
    assert alarm_of("heartbeat-stopped") is HEARTBEAT
    assert message_of_alarm(HEARTBEAT).began == NOW - timedelta(minutes=7)
