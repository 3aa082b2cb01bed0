"""From a metric over its threshold to the message at the far end: real functions, both regions."""

from collections.abc import Iterator
from typing import Any

import pytest

from lab.cloud import running_cloud
from recovery.alarms import ALARMS, Alarm, cause_of, groups_in
from recovery.names import PRIMARY_REGION, RECOVERY_REGION, Names
from tests.lab.alarm_path import AlarmPath, PagerDuty, wait_for

ROLES: list[tuple[str, Any, bool]] = [(PRIMARY_REGION, "primary", True), (RECOVERY_REGION, "recovery", False)]


@pytest.fixture(scope="module")
def path() -> Iterator[AlarmPath]:
    """The path of both regions, with nothing on it yet."""
    pagerduty = PagerDuty()
    try:
        with running_cloud() as cloud:
            path = AlarmPath(cloud, pagerduty, Names(environment="local", account=cloud.account))
            path.deploy()
            yield path
    finally:
        pagerduty.stop()


def key_of(alarm: Alarm, region: str) -> str:
    cause = cause_of(alarm.cause)
    assert cause is not None
    name = cause.incident or cause.name
    return f"duskspendr/local/{name}" if cause.shared else f"duskspendr/local/{region}/{name}"


def told(alarm: Alarm) -> bool:
    """Whether PagerDuty opens an incident of it: the canary opens none, and the notifier's own go around it."""
    cause = cause_of(alarm.cause)
    return not alarm.is_canary and cause is not None and not cause.bypasses


def test_every_metric_over_its_threshold_is_one_incident_of_its_cause(path: AlarmPath) -> None:
    expected: list[str] = []
    for region, role, serving in ROLES:
        for members in groups_in(role, serving=serving).values():
            for alarm in members:
                path.push(region, alarm.subject)
            key = key_of(members[0], region)
            if told(members[0]):
                # One after the other: a burst would start as many functions as it has alarms.
                wait_for(lambda key=key: key in path.pagerduty.opened)
                expected += [] if key in expected else [key]
    # The emulator knows a queue's metric by its name alone, so that one of them can speak before its turn.
    assert sorted(path.pagerduty.opened) == sorted(expected)


@pytest.mark.parametrize(("region", "role", "serving"), ROLES)
def test_mail_of_every_cause_says_what_to_do(path: AlarmPath, region: str, role: Any, serving: bool) -> None:
    groups = groups_in(role, serving=serving)
    wanted = [cause for cause, members in groups.items() if told(members[0])]
    wait_for(lambda: len(path.mail(region)) >= len(wanted) + 1)
    mails = path.mail(region)
    for cause in wanted:
        incident = key_of(groups[cause][0], region)
        [mail] = [text for text in mails if f"\nIncident: {incident}\n" in text]
        assert mail.startswith(("PAGE [local", "TICKET [local"))
        assert "\nAt stake: Tier " in mail
        assert "\nDo next:\n  " in mail
        assert "PagerDuty" not in mail


def test_alarms_about_the_notifier_reach_the_mailbox_around_it(path: AlarmPath) -> None:
    for region, _, _ in ROLES:
        [mail] = [text for text in path.mail(region) if '"AlarmName": "duskspendr-local-cause-notifier"' in text]
        assert "dr status --environment local" in mail
        assert f"duskspendr/local/{region}/notifier" not in path.pagerduty.opened


def test_end_of_every_alarm_resolves_its_incident(path: AlarmPath) -> None:
    for region, role, serving in ROLES:
        for members in groups_in(role, serving=serving).values():
            for alarm in members:
                path.set_state(region, alarm.subject, "OK")
            key = key_of(members[0], region)
            wait_for(lambda key=key: key not in path.pagerduty.open)
    assert path.pagerduty.open == set()


def test_several_alarms_of_one_cause_are_one_incident_until_the_last_is_over(path: AlarmPath) -> None:
    key = f"duskspendr/local/{PRIMARY_REGION}/application"
    members = [alarm.subject for alarm in ALARMS if alarm.cause == "application"]
    before = len(path.pagerduty.opened)
    for subject in members:
        path.set_state(PRIMARY_REGION, subject, "ALARM", f"{subject} was pushed")
    wait_for(lambda: key in path.pagerduty.open)
    for subject in members[:-1]:
        path.set_state(PRIMARY_REGION, subject, "OK")
    assert path.pagerduty.opened[before:] == [key]
    assert key in path.pagerduty.open
    path.set_state(PRIMARY_REGION, members[-1], "OK")
    wait_for(lambda: key not in path.pagerduty.open)


def test_event_of_aws_arrives_as_a_message(path: AlarmPath) -> None:
    detail = {
        "backupJobId": "job-1",
        "state": "FAILED",
        "backupVaultName": path.names.primary_vault_name,
        "statusMessage": "Access denied",
    }
    path.cloud.press(
        "send-event", PRIMARY_REGION, source="aws.backup", detail_type="Backup Job State Change", detail=detail
    )
    wait_for(lambda: any("job-1" in text for text in path.mail(PRIMARY_REGION)))
    [mail] = [text for text in path.mail(PRIMARY_REGION) if "job-1" in text]
    assert mail.startswith("TICKET [local ap-south-1] A snapshot of duskspendr-local was not taken\n")
    assert "AWS Backup says: Access denied" in mail
    assert "aws backup describe-backup-job --region ap-south-1 --backup-job-id job-1" in mail


def test_what_nobody_foresaw_arrives_too(path: AlarmPath) -> None:
    topic = f"arn:aws:sns:{PRIMARY_REGION}:{path.cloud.account}:{path.names.alarm_topic_name}"
    path.cloud.clients(PRIMARY_REGION).sns.publish(
        TopicArn=topic, Message='{"source": "aws.health", "detail": {"a": 7}}'
    )
    wait_for(lambda: any("detail.a: 7" in text for text in path.mail(PRIMARY_REGION)))


def test_canary_travels_from_its_function_to_pagerduty_and_back_into_a_metric(path: AlarmPath) -> None:
    region = RECOVERY_REGION
    clients = path.cloud.clients(region)
    [canary] = [
        each.get("FunctionName", "")
        for each in clients.functions.list_functions()["Functions"]
        if each.get("Handler") == "lambdas.canary.handler.handler"
    ]
    path.set_state(region, "canary", "OK")
    before = len(path.pagerduty.events)
    path.cloud.invoke(region, canary)
    key = f"duskspendr/local/{region}/canary"
    wait_for(lambda: any(event["dedup_key"] == key for event in path.pagerduty.events[before:]))
    assert key not in path.pagerduty.opened
    wait_for(
        lambda: "CanaryDelivered" in {each.get("MetricName") for each in clients.cloudwatch.list_metrics()["Metrics"]}
    )
