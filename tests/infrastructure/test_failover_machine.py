"""The failover machine as deployed: bounded, caught, asked, and with few rights in the other region."""

import json
from typing import Any

import pytest

from recovery import objectives
from tests.infrastructure.assemblies import PRIMARY, Assembly, text_of
from tests.infrastructure.test_verification_machine import all_states


@pytest.fixture
def machine(prod: Assembly) -> dict[str, Any]:
    machines = prod.properties("RecoveryStandby", "AWS::StepFunctions::StateMachine")
    (found,) = (each for each in machines if each.get("StateMachineName") == "duskspendr-prod-failover")
    separator, parts = found["DefinitionString"]["Fn::Join"]
    return json.loads(separator.join(part if isinstance(part, str) else "token" for part in parts))


def tasks(machine: dict[str, Any]) -> dict[str, Any]:
    return {name: state for name, state in all_states(machine["States"]).items() if state["Type"] == "Task"}


def after(machine: dict[str, Any], name: str) -> str:
    return machine["States"][name]["Next"]


def test_every_task_is_bounded_retried_and_caught(machine: dict[str, Any]) -> None:
    for name, task in tasks(machine).items():
        assert task["TimeoutSeconds"] > 0, name
        assert task["Retry"], name
        assert any(catch["ErrorEquals"] == ["States.ALL"] for catch in task["Catch"]), name


def test_task_that_fails_for_good_is_told_by_its_name(machine: dict[str, Any]) -> None:
    for name, task in tasks(machine).items():
        caught = machine["States"].get(task["Catch"][-1]["Next"], {})
        if name in ("Explain", "ChecksPart", "ManyChecksPart"):
            continue
        told = "Checks" if name == "PlanChecks" else name
        assert caught["Parameters"]["stopped"]["step"] == told
        assert caught["Next"] == "Explain"


def test_person_is_asked_between_the_facts_and_the_fence(machine: dict[str, Any]) -> None:
    states = machine["States"]
    (approved,) = states[after(machine, "Preflight")]["Choices"]
    assert (approved["Variable"], approved["Next"]) == ("$.preflight.approved", "Fence")
    ask = states[states["Approved?"]["Default"]]
    assert ask["Resource"].endswith(":lambda:invoke.waitForTaskToken")
    assert ask["TimeoutSeconds"] == objectives.APPROVAL_TIMEOUT.total_seconds()
    assert states[ask["Next"]]["Next"] == "Fence"


def test_old_primary_is_fenced_and_its_epoch_ended_before_anything_is_promoted(machine: dict[str, Any]) -> None:
    assert [after(machine, name) for name in ("Fence", "CatchUp", "BeginEpoch")] == [
        "CatchUp",
        "BeginEpoch",
        "OldPrimaryFenced?",
    ]
    turn = machine["States"][machine["States"]["OldPrimaryFenced?"]["Default"]]
    assert turn == {"Type": "Wait", "Seconds": objectives.GUARD_TURN.total_seconds(), "Next": "Promote"}


def test_nothing_is_opened_before_it_is_proven(machine: dict[str, Any]) -> None:
    leading = [name for name, state in machine["States"].items() if state.get("Next") == "Open"]
    (proven,) = machine["States"]["Proven?"]["Choices"]
    assert leading == ["Conclude"]
    assert (proven["Variable"], proven["Next"]) == ("$.adopt.proven", "Open")


def test_failback_that_cannot_catch_up_lets_the_old_primary_go_on(machine: dict[str, Any]) -> None:
    first, _ = machine["States"]["CatchUp"]["Catch"]
    assert (first["ErrorEquals"], first["Next"]) == (["NotCaughtUpError"], "Release")


def test_failback_ends_once_the_other_region_has_both_copies_again(machine: dict[str, Any]) -> None:
    (failed_back,) = machine["States"][after(machine, "Record")]["Choices"]
    copies = ["ReplicateBackups", "RenewStandby", "AwaitBackups"]
    assert failed_back["Next"] == copies[0]
    assert [after(machine, name) for name in copies] == [*copies[1:], "Done"]


def rights(assembly: Assembly, stack: str) -> list[dict[str, Any]]:
    policies = assembly.properties(stack, "AWS::IAM::Policy")
    return [statement for policy in policies for statement in policy["PolicyDocument"]["Statement"]]


def test_recovery_region_may_only_call_guard_and_check_of_the_primary(assembly: Assembly) -> None:
    there = [each for each in rights(assembly, "RecoveryStandby") if PRIMARY in text_of(each["Resource"])]
    calls = [each for each in there if each["Action"] == "lambda:InvokeFunction"]
    assert len(calls) == 1
    # A replica is made in its own region, by a right on the source's name.
    others = [sorted(each["Action"]) for each in there if each not in calls]
    # So are its automated backups kept here.
    assert others == [
        ["rds:AddTagsToResource", "rds:CreateDBInstanceReadReplica"],
        ["rds:DescribeDBInstanceAutomatedBackups", "rds:StartDBInstanceAutomatedBackupsReplication"],
    ]


@pytest.mark.parametrize("stack", ["Database", "RecoveryStandby"])
def test_guard_changes_only_the_instance_of_its_region(assembly: Assembly, stack: str) -> None:
    (statement,) = (each for each in rights(assembly, stack) if "rds:PromoteReadReplica" in each["Action"])
    identifier = f"duskspendr-{assembly.environment}{'-replica' if stack == 'RecoveryStandby' else ''}"
    names = [resource.split(":db:")[1] for resource in statement["Resource"]]
    assert names == [identifier, f"{identifier}-retired-*"]


def test_public_name_is_changed_in_its_own_zone_only(prod: Assembly, local: Assembly) -> None:
    (statement,) = (
        each for each in rights(prod, "RecoveryStandby") if "route53:ChangeResourceRecordSets" in each["Action"]
    )
    assert statement["Resource"].startswith("arn:aws:route53:::hostedzone/Z")
    assert "route53" not in text_of(rights(local, "RecoveryStandby"))
