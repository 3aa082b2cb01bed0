"""The experiments of AWS FIS, which only staging has."""

from typing import Any

import pytest

from tests.infrastructure.assemblies import Assembly, text_of

KIND = "AWS::FIS::ExperimentTemplate"


@pytest.fixture
def experiments(staging: Assembly) -> dict[str, Any]:
    """The templates by the action they take."""
    found = staging.properties("Observability", KIND)
    return {action["ActionId"]: each for each in found for action in each["Actions"].values()}


def test_only_the_environment_that_says_so_has_any(assembly: Assembly) -> None:
    found = {stack for stack, _, resource in assembly.all_resources() if resource["Type"] == KIND}
    assert found == ({"Observability"} if assembly.environment == "staging" else set())


def test_primary_is_rebooted_with_failover(experiments: dict[str, Any], staging: Assembly) -> None:
    reboot = experiments["aws:rds:reboot-db-instances"]
    [action] = reboot["Actions"].values()
    [target] = reboot["Targets"].values()
    assert action["Parameters"] == {"forceFailover": "true"}
    assert [arn.rpartition(":")[2] for arn in target["ResourceArns"]] == ["duskspendr-staging"]
    assert staging.only("Database", "AWS::RDS::DBInstance")["DBInstanceIdentifier"] == "duskspendr-staging"


def test_half_of_the_applications_tasks_are_stopped(experiments: dict[str, Any], staging: Assembly) -> None:
    [target] = experiments["aws:ecs:stop-task"]["Targets"].values()
    service = staging.only("Application", "AWS::ECS::Service")["ServiceName"]
    cluster = staging.only("Application", "AWS::ECS::Cluster")["ClusterName"]
    assert target["Parameters"] == {"cluster": cluster, "service": service}
    assert target["SelectionMode"] == "PERCENT(50)"


def test_every_experiment_stops_on_alarms_that_exist(experiments: dict[str, Any], staging: Assembly) -> None:
    deployed = {
        resource["Properties"]["AlarmName"]
        for stack, _, resource in staging.all_resources()
        if resource["Type"] == "AWS::CloudWatch::Alarm" and stack in ("Observability", "Application")
    }
    assert len(experiments) == 2
    for each in experiments.values():
        named = {condition["Value"].rpartition(":")[2] for condition in each["StopConditions"]}
        assert len(named) == 3
        assert named <= deployed
        assert {condition["Source"] for condition in each["StopConditions"]} == {"aws:cloudwatch:alarm"}


def test_alarms_are_deployed_before_the_experiments_that_stop_on_them(staging: Assembly) -> None:
    needed = staging.stacks["Observability"]["dependencies"]
    assert any("Application" in name for name in needed)


def test_experiments_are_logged(experiments: dict[str, Any]) -> None:
    assert all("LogGroupArn" in text_of(each["LogConfiguration"]) for each in experiments.values())


def test_an_experiment_may_change_nothing_but_its_target(staging: Assembly) -> None:
    """Whatever is granted on everything only describes, or sets up the log."""
    policies = [
        each for each in staging.properties("Observability", "AWS::IAM::Policy") if "Experiments" in text_of(each)
    ]
    assert len(policies) == 2
    for policy in policies:
        for statement in policy["PolicyDocument"]["Statement"]:
            actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
            if statement["Resource"] == "*":
                assert all(action.startswith(("logs:", "rds:Describe", "ecs:List")) for action in actions)
            else:
                assert "staging" in text_of(statement["Resource"]) or "DuskSpendr-cluster" in text_of(
                    statement["Resource"]
                )


def test_only_experiments_of_this_account_may_take_the_roles(staging: Assembly) -> None:
    trusts = [
        each["AssumeRolePolicyDocument"]["Statement"]
        for each in staging.properties("Observability", "AWS::IAM::Role")
        if "fis.amazonaws.com" in text_of(each)
    ]
    assert len(trusts) == 2
    assert all("aws:SourceAccount" in text_of(each) and ":experiment/*" in text_of(each) for each in trusts)
