"""What AWS publishes to the alarm topic, in the forms of its documentation."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from recovery.alarms import Alarm, Event, values_of
from recovery.alarms.message import Message
from recovery.alarms.reading import Place, read
from recovery.alarms.values import fill
from recovery.names import PRIMARY_REGION, RECOVERY_REGION, Names

NAMES = Names(environment="prod", account="123456789012")
RUNBOOKS = "https://runbooks.example.com"
# 11:30 in India; the message is written two minutes later.
CHANGED = datetime(2026, 11, 1, 6, 0, 0, tzinfo=UTC)
NOW = datetime(2026, 11, 1, 6, 2, 0, tzinfo=UTC)
REASON = "Threshold Crossed: 5 datapoints were less than the threshold (1.0)."
DETAILS = {
    "backupJobId": "4a2b6d3f-1111-4222-8333-444455556666",
    "copyJobId": "5a2b6d3f-1111-4222-8333-444455556666",
    "restoreJobId": "6a2b6d3f-1111-4222-8333-444455556666",
    "statusMessage": "Access denied to the key",
    "deploymentId": "ecs-svc/1234567890",
    "reason": "ECS deployment circuit breaker: tasks failed to start.",
    "Message": "RDS says it in a sentence of its own.",
    "error": "UnprovenError",
    "cause": "content FAIL: public.transactions lacks 3 rows",
    "executionArn": "arn:aws:states:ap-south-1:123456789012:execution:Machine:run-1",
    "eventName": "SERVICE_DEPLOYMENT_FAILED",
}


def place(region: str, on: Mapping[str, str] | None = None) -> Place:
    """A notifier of the region, for which these alarms are on."""

    def alarming(names: Sequence[str]) -> Mapping[str, str]:
        return {name: reason for name, reason in (on or {}).items() if name in names}

    return Place(names=NAMES, region=region, runbooks_url=RUNBOOKS, alarming=alarming)


def region_of(stands: str) -> str:
    """A region where a signal stands."""
    return RECOVERY_REGION if stands in ("recovery", "standby") else PRIMARY_REGION


def alarm_body(name: str, *, state: str = "ALARM", before: str = "OK", **more: Any) -> str:
    """What CloudWatch publishes when an alarm changes its state."""
    return json.dumps(
        {
            "AlarmName": NAMES.alarm_name(name),
            "AlarmDescription": "-",
            "AWSAccountId": NAMES.account,
            "NewStateValue": state,
            "NewStateReason": REASON,
            "StateChangeTime": CHANGED.strftime("%Y-%m-%dT%H:%M:%S.000+0000"),
            "Region": "Asia Pacific (Mumbai)",
            "OldStateValue": before,
        }
        | more
    )


def event_body(event: Event, region: str) -> str:
    """What a rule of ours publishes of an event of AWS."""
    values = values_of(NAMES, region)
    shown = set(event.facts.values())
    matched = {
        key: fill(each[0], values | {"proof_machines": "-", "review_machines": "-"})
        for key, each in event.detail.items()
    }
    return json.dumps(
        {
            "signal": event.subject,
            "source": event.source,
            "detail-type": event.detail_type,
            "id": "0f1e2d3c-aaaa-4bbb-8ccc-ddddeeeeffff",
            "time": CHANGED.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "region": region,
            "account": NAMES.account,
            "resources": [],
            "detail": {key: value for key, value in DETAILS.items() if key in shown} | matched,
        }
    )


def message_of_alarm(alarm: Alarm, *, state: str = "ALARM", before: str = "OK") -> Message:
    """The message of an alarm that stands alone."""
    body = alarm_body(alarm.subject, state=state, before=before)
    return read(place(region_of(alarm.stands)), subject=None, body=body, now=NOW)


def message_of_event(event: Event) -> Message:
    """The message of an event."""
    region = region_of(event.stands)
    return read(place(region), subject=None, body=event_body(event, region), now=NOW)


def message_of(
    body: str, *, subject: str | None = None, on: Mapping[str, str] | None = None, region: str = PRIMARY_REGION
) -> Message:
    """The message of whatever was published in a region."""
    return read(place(region, on), subject=subject, body=body, now=NOW)
