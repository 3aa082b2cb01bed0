"""Alarms that can be relied on, and messages that arrive."""

from typing import Any

import pytest

from recovery import objectives
from tests.infrastructure.assemblies import Assembly, text_of

PLACES = ["Observability", "RecoveryStandby"]


def alarms(assembly: Assembly) -> dict[str, dict[str, Any]]:
    prefix = f"duskspendr-{assembly.environment}-"
    return {
        f"{stack}/{resource['Properties']['AlarmName'].removeprefix(prefix)}": resource["Properties"]
        for stack, _, resource in assembly.all_resources()
        if resource["Type"] == "AWS::CloudWatch::Alarm"
    }


def test_a_pulse_that_stops_is_silent_and_an_alarm(assembly: Assembly) -> None:
    alarm = alarms(assembly)["Observability/heartbeat-stopped"]
    assert alarm["TreatMissingData"] == "breaching"
    assert alarm["Period"] * alarm["EvaluationPeriods"] == objectives.HEARTBEAT_SILENCE.total_seconds()


def test_devices_that_nobody_counts_are_an_alarm(assembly: Assembly) -> None:
    alarm = alarms(assembly)["Observability/devices-late"]
    assert (alarm["TreatMissingData"], alarm["Threshold"]) == ("breaching", objectives.LATE_DEVICES_ALARM_PERCENT)
    assert alarm["Period"] >= 2 * objectives.DEVICE_WATCH_INTERVAL.total_seconds()


def test_replication_of_device_backups_is_watched_by_the_names_s3_reports(assembly: Assembly) -> None:
    buckets = assembly.properties("DeviceBackups", "AWS::S3::Bucket")
    [(rule,)] = [each["ReplicationConfiguration"]["Rules"] for each in buckets if "ReplicationConfiguration" in each]
    for name in ("device-replication-failed", "device-replication-late"):
        dimensions = {each["Name"]: each["Value"] for each in alarms(assembly)[f"Observability/{name}"]["Dimensions"]}
        assert dimensions["RuleId"] == rule["Id"]
        assert rule["Destination"]["Bucket"] == f"arn:aws:s3:::{dimensions['DestinationBucket']}"


def test_replication_that_stopped_reads_minus_one(assembly: Assembly) -> None:
    alarm = alarms(assembly)["RecoveryStandby/replication-stopped"]
    assert (alarm["ComparisonOperator"], alarm["Threshold"]) == ("LessThanThreshold", 0)


@pytest.mark.parametrize(
    ("stack", "detail_type", "values"),
    [
        ("Observability", "Backup Job State Change", {"FAILED", "ABORTED", "EXPIRED"}),
        ("Observability", "Copy Job State Change", {"FAILED", "ABORTED"}),
        ("Observability", "Step Functions Execution Status Change", {"FAILED", "TIMED_OUT", "ABORTED"}),
        ("Observability", "ECS Deployment State Change", {"SERVICE_DEPLOYMENT_FAILED"}),
        ("Observability", "RDS DB Instance Event", {"RDS-EVENT-0013", "RDS-EVENT-0049", "RDS-EVENT-0089"}),
        ("RecoveryStandby", "Step Functions Execution Status Change", {"FAILED", "TIMED_OUT", "ABORTED"}),
        ("RecoveryStandby", "RDS DB Instance Event", {"RDS-EVENT-0045", "RDS-EVENT-0057"}),
    ],
)
def test_events_that_no_metric_shows_reach_on_call(
    assembly: Assembly, stack: str, detail_type: str, values: set[str]
) -> None:
    rules = [
        rule
        for rule in assembly.properties(stack, "AWS::Events::Rule")
        if detail_type in rule.get("EventPattern", {}).get("detail-type", [])
        and "AlarmsTopic" in text_of(rule["Targets"])
    ]
    found = [each for rule in rules for each in rule["EventPattern"]["detail"].values()]
    assert values <= {value for each in found for value in each if isinstance(value, str)}


def test_missing_restore_tests_are_announced_too(assembly: Assembly) -> None:
    for stack in PLACES:
        assert "ProofTestWatch" in text_of(announced_machines(assembly, stack, "restore-not-proven"))


def test_findings_about_recovery_points_are_announced_too(assembly: Assembly) -> None:
    for stack in PLACES:
        machines = announced_machines(assembly, stack, "recovery-points-doubtful")
        assert "ProofRecoveryPointWatchMachine" in text_of(machines)


def announced_machines(assembly: Assembly, stack: str, signal: str) -> Any:
    """The state machines whose failure is told under that name."""
    (rule,) = (rule for rule in assembly.properties(stack, "AWS::Events::Rule") if f'"{signal}' in str(rule["Targets"]))
    return rule["EventPattern"]["detail"]["stateMachineArn"]


def test_on_call_subscribes_to_messages_in_both_regions(prod: Assembly) -> None:
    for stack in PLACES:
        [mail] = [each for each in prod.properties(stack, "AWS::SNS::Subscription") if each["Protocol"] == "email"]
        assert (mail["Endpoint"], "Messages" in text_of(mail["TopicArn"])) == ("oncall@duskspendr.app", True)
