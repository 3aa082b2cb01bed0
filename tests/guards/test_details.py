"""What neither an example nor our own templates can show of a rule."""

import json
from typing import Any

import pytest

from recovery.guards.checking import check
from recovery.guards.examples import example
from recovery.guards.rule import Change
from recovery.guards.templates import Assembly

ACCOUNT = "111122223333"


def found(change: Change) -> set[str]:
    return {finding.rule for finding in check(example(change)).findings}


def test_a_key_that_services_may_only_decrypt_with_drops_their_messages() -> None:
    change = Change("primary.Key", "KeyPolicy.Statement.1.Action", "kms:Decrypt")
    assert found(change) == {"topic-key-drops-alarms", "topic-key-drops-events"}


def test_steps_of_branches_have_time_outs_too() -> None:
    step = {"Type": "Task", "Resource": "arn:aws:states:::sns:publish", "End": True}
    branch = {"StartAt": "Call", "States": {"Call": step}}
    machine = {"StartAt": "Both", "States": {"Both": {"Type": "Parallel", "Branches": [branch], "End": True}}}
    assert found(Change("primary.Machine", "DefinitionString", json.dumps(machine))) == {"step-without-timeout"}


def test_an_alarm_on_a_machine_of_another_region_is_not_taken_for_living() -> None:
    arn = f"arn:aws:states:ap-south-1:{ACCOUNT}:stateMachine:verification"
    alarm = {
        "Type": "AWS::CloudWatch::Alarm",
        "Properties": {
            "Namespace": "AWS/States",
            "MetricName": "ExecutionsFailed",
            "Dimensions": [{"Name": "StateMachineArn", "Value": arn}],
            "AlarmActions": [{"Ref": "Topic"}],
            "TreatMissingData": "notBreaching",
            "Period": 300,
            "EvaluationPeriods": 1,
        },
    }
    report = check(example(Change("recovery.Failed", "", alarm)))
    assert report.findings == ()
    assert [unknown.rule for unknown in report.not_resolved] == ["alarm-on-nothing"]


def test_of_two_regions_that_copy_to_each_other_neither_is_only_the_others_recovery() -> None:
    def region(own: str, other: str) -> dict[str, Any]:
        topic = f"arn:aws:sqs:{other}:{ACCOUNT}:queue"
        database = {"Type": "AWS::RDS::DBInstance", "Properties": {"AutomaticBackupReplicationRegion": other}}
        subscription = {"Type": "AWS::SNS::Subscription", "Properties": {"Endpoint": topic, "TopicArn": own}}
        return {"Resources": {"Database": database, "Subscription": subscription}}

    assembly = Assembly()
    assembly.add("a", region("ap-south-1", "ap-southeast-1"), known_region="ap-south-1")
    assembly.add("b", region("ap-southeast-1", "ap-south-1"), known_region="ap-southeast-1")
    assert "recovery-needs-primary" not in {finding.rule for finding in check(assembly).findings}


def test_a_count_that_scales_and_a_count_of_nothing_are_both_found() -> None:
    for count in (0, 3):
        assert found(Change("primary.Service", "DesiredCount", count)) == {"service-count-in-template"}


@pytest.mark.parametrize(("count", "rules"), [(2, set[str]()), (0, {"service-count-in-template"})])
def test_what_does_not_scale_may_have_a_fixed_count_but_none_of_nothing(count: int, rules: set[str]) -> None:
    breaker = {"DeploymentCircuitBreaker": {"Enable": True, "Rollback": True}}
    properties = {"ServiceName": "other", "DesiredCount": count, "DeploymentConfiguration": breaker}
    service = {"Type": "AWS::ECS::Service", "Properties": properties}
    assert found(Change("primary.Fixed", "", service)) == rules


def test_six_days_of_backups_are_less_than_the_objectives_ask_for() -> None:
    assert found(Change("recovery.Replica", "BackupRetentionPeriod", 6)) == {"database-backup-retention"}
