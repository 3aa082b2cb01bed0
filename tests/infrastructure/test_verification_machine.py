"""The verification state machine as deployed: every path has one verdict."""

import json
from typing import Any

import pytest

from recovery import objectives
from tests.infrastructure.assemblies import Assembly, text_of

PLACES = ["Backup", "RecoveryStandby"]


def definition(assembly: Assembly, stack: str) -> dict[str, Any]:
    machines = assembly.properties(stack, "AWS::StepFunctions::StateMachine")
    (machine,) = (m for m in machines if m.get("StateMachineName"))
    text = machine["DefinitionString"]
    if isinstance(text, str):
        return json.loads(text)
    separator, parts = text["Fn::Join"]
    return json.loads(separator.join(part if isinstance(part, str) else "token" for part in parts))


def all_states(states: dict[str, Any]) -> dict[str, Any]:
    found = dict(states)
    for state in states.values():
        if "ItemProcessor" in state:
            found |= all_states(state["ItemProcessor"]["States"])
    return found


@pytest.fixture(params=PLACES)
def machine(request: pytest.FixtureRequest, prod: Assembly) -> dict[str, Any]:
    return definition(prod, request.param)


def test_every_task_is_bounded_retried_and_caught(machine: dict[str, Any]) -> None:
    tasks = {name: state for name, state in all_states(machine["States"]).items() if state["Type"] == "Task"}
    assert len(tasks) == 5
    for name, task in tasks.items():
        assert task["TimeoutSeconds"] > 0, name
        assert task["Retry"], name
        assert any(catch["ErrorEquals"] == ["States.ALL"] for catch in task["Catch"]), name


def test_machine_ends_before_the_validation_window(machine: dict[str, Any]) -> None:
    assert machine["TimeoutSeconds"] < objectives.RESTORE_TEST_VALIDATION_WINDOW_HOURS * 3600


def test_restores_of_other_databases_are_left_alone(machine: dict[str, Any]) -> None:
    (choice,) = machine["States"]["OurRestore?"]["Choices"]
    assert choice == {"Variable": "$.restore.Payload.ours", "BooleanEquals": False, "Next": "NotOurs"}


def test_a_check_that_breaks_is_not_proven_and_the_others_go_on(machine: dict[str, Any]) -> None:
    item = machine["States"]["Checks"]["ItemProcessor"]["States"]
    (catch,) = item["CheckRestored"]["Catch"]
    assert item[catch["Next"]]["Parameters"]["status"] == "not_proven"
    assert item[catch["Next"]]["End"] is True


@pytest.mark.parametrize("state", ["Describe", "Checks"])
def test_an_error_on_the_way_is_judged(machine: dict[str, Any], state: str) -> None:
    (catch,) = machine["States"][state]["Catch"]
    assert catch["Next"] == "JudgeError"


@pytest.mark.parametrize("state", ["Judge", "JudgeError"])
def test_when_the_judge_fails_the_restore_is_marked_failed_without_it(machine: dict[str, Any], state: str) -> None:
    states = machine["States"]
    (catch,) = states[state]["Catch"]
    (choice,) = states[catch["Next"]]["Choices"]
    mark = states[choice["Next"]]
    assert mark["Resource"].endswith(":states:::aws-sdk:backup:putRestoreValidationResult")
    assert mark["Parameters"]["ValidationStatus"] == "FAILED"
    assert states[mark["Next"]]["Type"] == "Fail"


def test_only_a_pass_ends_well(machine: dict[str, Any]) -> None:
    verdict = machine["States"]["Verdict?"]
    (choice,) = verdict["Choices"]
    assert choice["StringEquals"] == "PASS"
    assert machine["States"][verdict["Default"]]["Type"] == "Fail"
    assert machine["States"][verdict["Default"]]["CausePath"] == "$.judgement.Payload.summary"


@pytest.mark.parametrize("stack", PLACES)
def test_machine_has_the_name_operators_start_it_by(assembly: Assembly, stack: str) -> None:
    names = {m.get("StateMachineName") for m in assembly.properties(stack, "AWS::StepFunctions::StateMachine")}
    assert f"duskspendr-{assembly.environment}-restore-verification" in names


@pytest.mark.parametrize("stack", PLACES)
def test_machines_are_logged_and_traced(assembly: Assembly, stack: str) -> None:
    for machine in assembly.properties(stack, "AWS::StepFunctions::StateMachine"):
        assert machine["LoggingConfiguration"]["Level"] == "ALL"
        assert machine["TracingConfiguration"] == {"Enabled": True}


@pytest.mark.parametrize("stack", PLACES)
def test_every_ended_restore_starts_the_machine(assembly: Assembly, stack: str) -> None:
    (rule,) = _rules(assembly, stack, "Restore Job State Change")
    assert rule["EventPattern"]["detail"] == {"status": ["COMPLETED", "FAILED", "ABORTED"], "resourceType": ["RDS"]}
    assert "VerificationMachine" in text_of(rule["Targets"])


@pytest.mark.parametrize("stack", PLACES)
def test_a_verification_that_stopped_is_judged_all_the_same(assembly: Assembly, stack: str) -> None:
    rules = _rules(assembly, stack, "Step Functions Execution Status Change")
    (rule,) = (rule for rule in rules if "JudgeRestore" in text_of(rule["Targets"]))
    assert set(rule["EventPattern"]["detail"]["status"]) == {"FAILED", "TIMED_OUT", "ABORTED"}


@pytest.mark.parametrize("stack", PLACES)
def test_events_that_cannot_be_delivered_are_kept(assembly: Assembly, stack: str) -> None:
    for name in ("Restore Job State Change", "Step Functions Execution Status Change"):
        rule = next(r for r in _rules(assembly, stack, name) if "Verification" in text_of(r["Targets"]))
        (target,) = rule["Targets"]
        assert "LostEvents" in text_of(target["DeadLetterConfig"])


def _rules(assembly: Assembly, stack: str, detail_type: str) -> list[dict[str, Any]]:
    rules = assembly.properties(stack, "AWS::Events::Rule")
    return [rule for rule in rules if detail_type in rule.get("EventPattern", {}).get("detail-type", [])]
