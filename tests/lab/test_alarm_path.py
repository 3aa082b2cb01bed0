"""From a metric over its threshold to the message at the far end: real functions, both regions."""

from collections.abc import Iterator
from typing import Any, cast

import pytest

from lab.cloud import running_cloud
from recovery.alarms import ALARMS, Alarm, cause_of, groups_in, values_of
from recovery.alarms.values import fill
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


def beginning(alarm: Alarm, path: AlarmPath, region: str) -> str:
    """How the message of an alarm begins: by itself, or as the first of its composite."""
    kind = "PAGE" if alarm.severity == "page" else "TICKET"
    return f"{kind} [local {region}] {fill(alarm.happened, values_of(path.names, region))}\n"


def arrived(path: AlarmPath, region: str, begins: str, since: int) -> str:
    """The first mail since then that begins so. Raises LabError when none comes."""
    wait_for(lambda: any(text.startswith(begins) for text in path.mail(region)[since:]))
    return next(text for text in path.mail(region)[since:] if text.startswith(begins))


STANDING = [
    pytest.param(region, alarm, id=f"{region}-{alarm.subject}")
    for region, role, serving in ROLES
    for members in groups_in(role, serving=serving).values()
    for alarm in members
]


def is_about(alarm: Alarm, *, bypasses: bool) -> bool:
    cause = cause_of(alarm.cause)
    return cause is not None and cause.bypasses == bypasses and not alarm.is_canary


@pytest.mark.parametrize(
    ("region", "alarm"), [each for each in STANDING if is_about(cast(Alarm, each.values[1]), bypasses=False)]
)
def test_metric_over_its_threshold_arrives_as_the_alarms_message(path: AlarmPath, region: str, alarm: Alarm) -> None:
    since = len(path.mail(region))
    path.push(region, alarm.subject)
    mail = arrived(path, region, beginning(alarm, path, region), since)
    path.quieten(region)
    key = key_of(alarm, region)
    assert key in path.pagerduty.opened
    assert f"\nIncident: {key}\n" in mail
    assert "\nAt stake: Tier " in mail
    assert f"\nDo next:\n  {alarm.commands[0].partition('{')[0]}" in mail
    assert f"\nRunbook: {path.runbooks_url}/{alarm.subject}/\n" in mail
    assert "PagerDuty" not in mail


@pytest.mark.parametrize(
    ("region", "alarm"), [each for each in STANDING if is_about(cast(Alarm, each.values[1]), bypasses=True)]
)
def test_alarm_about_the_notifier_reaches_the_mailbox_around_it(path: AlarmPath, region: str, alarm: Alarm) -> None:
    since = len(path.mail(region))
    path.push(region, alarm.subject)
    wait_for(
        lambda: any('"AlarmName": "duskspendr-local-cause-notifier"' in text for text in path.mail(region)[since:])
    )
    [mail] = [text for text in path.mail(region)[since:] if '"AlarmName": "duskspendr-local-cause-notifier"' in text]
    path.quieten(region)
    assert f"{alarm.subject}: dr status --environment local" in mail
    assert key_of(alarm, region) not in path.pagerduty.opened


def test_end_of_every_alarm_resolved_its_incident(path: AlarmPath) -> None:
    """What was pushed above is over."""
    assert path.pagerduty.opened
    wait_for(lambda: not path.pagerduty.open)


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


def test_canary_travels_from_its_function_to_pagerduty_and_into_metrics_of_both_regions(path: AlarmPath) -> None:
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
    wait_for(lambda: "CanaryDelivered" in path.metrics(region))
    wait_for(lambda: "OtherRegionHeard" in path.metrics(PRIMARY_REGION))
