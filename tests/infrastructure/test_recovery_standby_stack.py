"""What waits in the recovery region, and what a failover changes about it."""

from dataclasses import replace
from typing import Any

import pytest
from aws_cdk import App, Stack
from aws_cdk.assertions import Template

import environments
from recovery.alarms import ALARMS
from stacks.recovery_stage import RecoveryStage
from tests.infrastructure.assemblies import RECOVERY, Assembly, context, text_of


def test_replica_follows_the_primary_from_the_other_region(assembly: Assembly) -> None:
    replica = assembly.only("RecoveryStandby", "AWS::RDS::DBInstance")
    primary = assembly.only("Database", "AWS::RDS::DBInstance")
    account = assembly.stacks["Database"]["environment"].split("/")[2]
    assert replica["SourceDBInstanceIdentifier"] == (
        f"arn:aws:rds:ap-south-1:{account}:db:{primary['DBInstanceIdentifier']}"
    )


def test_replica_is_encrypted_under_a_key_of_its_own_region(assembly: Assembly) -> None:
    replica = assembly.only("RecoveryStandby", "AWS::RDS::DBInstance")
    assert "RecoveryFoundation" in text_of(replica["KmsKeyId"])
    assert "StorageEncrypted" not in replica


def test_replica_can_take_over_as_it_is(assembly: Assembly) -> None:
    replica = assembly.only("RecoveryStandby", "AWS::RDS::DBInstance")
    primary = assembly.only("Database", "AWS::RDS::DBInstance")
    for same in (
        "DBInstanceClass",
        "MultiAZ",
        "StorageType",
        "MaxAllocatedStorage",
        "BackupRetentionPeriod",
        "EnableIAMDatabaseAuthentication",
        "PreferredBackupWindow",
        "PreferredMaintenanceWindow",
    ):
        assert replica[same] == primary[same], same


def test_replica_names_nothing_that_rds_takes_from_the_source(assembly: Assembly) -> None:
    replica = assembly.only("RecoveryStandby", "AWS::RDS::DBInstance")
    assert not {"Engine", "EngineVersion", "MasterUsername", "DBName", "AllocatedStorage"} & set(replica)


def test_promoted_replica_outlives_its_stack(prod: Assembly) -> None:
    (replica,) = prod.resources("RecoveryStandby", "AWS::RDS::DBInstance").values()
    assert replica["DeletionPolicy"] == replica["UpdateReplacePolicy"] == "Retain"
    assert replica["Properties"]["DeletionProtection"] is True


def test_pulse_rests_while_the_primary_serves(assembly: Assembly) -> None:
    states = {
        rule["ScheduleExpression"]: rule["State"]
        for rule in assembly.properties("RecoveryStandby", "AWS::Events::Rule")
        if "Function" in text_of(rule["Targets"]) and "ScheduleExpression" in rule and "Name" in rule
    }
    assert set(states.values()) == {"DISABLED"}
    assert "rate(1 minute)" in states


@pytest.fixture(scope="module")
def failed_over(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """The templates of a laboratory whose active region is the recovery region."""
    app = App(outdir=str(tmp_path_factory.mktemp("failed-over")), context=context("local"))
    settings = environments.complete(
        replace(environments.LOCAL, active_region=RECOVERY),
        account="0" * 12,
        zone_id=None,
        image=None,
        sign_in=None,
        default_account=None,
    )
    stage = RecoveryStage(app, settings)
    stacks = [child for child in stage.node.children if isinstance(child, Stack)]
    return {stack.node.id: dict(Template.from_stack(stack).to_json()) for stack in stacks}


def of_type(template: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [resource["Properties"] for resource in template["Resources"].values() if resource["Type"] == kind]


def test_redeploy_after_a_failover_leaves_the_promoted_instance_alone(
    failed_over: dict[str, dict[str, Any]], local: Assembly
) -> None:
    (after,) = of_type(failed_over["RecoveryStandby"], "AWS::RDS::DBInstance")
    assert after == local.only("RecoveryStandby", "AWS::RDS::DBInstance")


def test_redeploy_after_a_failover_keeps_the_full_scale(failed_over: dict[str, dict[str, Any]]) -> None:
    (target,) = of_type(failed_over["RecoveryStandby"], "AWS::ApplicationAutoScaling::ScalableTarget")
    assert target["MinCapacity"] == environments.LOCAL.service.min_tasks


@pytest.mark.parametrize("stack", ["Database", "RecoveryStandby"])
def test_redeploy_after_a_failover_opens_and_closes_nothing(
    failed_over: dict[str, dict[str, Any]], local: Assembly, stack: str
) -> None:
    for kind in ("AWS::EC2::SecurityGroupIngress", "AWS::EC2::SecurityGroup", "AWS::RDS::DBInstance"):
        assert of_type(failed_over[stack], kind) == local.properties(stack, kind), kind


def test_after_a_failover_no_task_is_kept_beside_the_fenced_database(failed_over: dict[str, dict[str, Any]]) -> None:
    (target,) = of_type(failed_over["Application"], "AWS::ApplicationAutoScaling::ScalableTarget")
    assert (target["MinCapacity"], target["MaxCapacity"]) == (0, 0)


def test_guards_watch_in_both_states(failed_over: dict[str, dict[str, Any]], local: Assembly) -> None:
    for stack in ("Database", "RecoveryStandby"):
        for rules in (of_type(failed_over[stack], "AWS::Events::Rule"), local.properties(stack, "AWS::Events::Rule")):
            (rule,) = (each for each in rules if "GuardFunction" in text_of(each["Targets"]))
            assert (rule["State"], rule["ScheduleExpression"]) == ("ENABLED", "rate(1 minute)")


def test_after_a_failover_only_the_recovery_region_has_a_pulse(failed_over: dict[str, dict[str, Any]]) -> None:
    states = {
        stack: rule["State"]
        for stack in ("Database", "RecoveryStandby")
        for rule in of_type(failed_over[stack], "AWS::Events::Rule")
        if rule.get("Name", "").endswith("-heartbeat")
    }
    assert states == {"Database": "DISABLED", "RecoveryStandby": "ENABLED"}


def test_after_a_failover_the_alarm_on_the_pulse_moves_along(failed_over: dict[str, dict[str, Any]]) -> None:
    names = {
        stack: {alarm["AlarmName"] for alarm in of_type(failed_over[stack], "AWS::CloudWatch::Alarm")}
        for stack in ("Observability", "RecoveryStandby")
    }
    assert "duskspendr-local-heartbeat-stopped" in names["RecoveryStandby"]
    assert "duskspendr-local-heartbeat-stopped" not in names["Observability"]
    of_copies = {f"duskspendr-local-{row.subject}" for row in ALARMS if row.stands == "standby"}
    assert of_copies
    assert not of_copies & names["RecoveryStandby"]
