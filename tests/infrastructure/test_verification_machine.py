"""The verification state machine as deployed: every path has one verdict."""

import json
from typing import Any

import pytest

from recovery import objectives
from tests.infrastructure.assemblies import ROOT, Assembly, text_of

PLACES = ["Backup", "RecoveryStandby"]


def definition(assembly: Assembly, stack: str) -> dict[str, Any]:
    machines = assembly.properties(stack, "AWS::StepFunctions::StateMachine")
    (machine,) = (m for m in machines if m.get("StateMachineName", "").endswith("-restore-verification"))
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
    assert set(tasks) == {"Describe", "PlanChecks", "ChecksPart", "ManyChecksPart", "Judge", "MarkFailed"}
    for name, task in tasks.items():
        assert task["TimeoutSeconds"] > 0, name
        assert task["Retry"], name
        assert any(catch["ErrorEquals"] == ["States.ALL"] for catch in task["Catch"]), name


def test_machine_ends_before_the_validation_window(machine: dict[str, Any]) -> None:
    assert machine["TimeoutSeconds"] < objectives.RESTORE_TEST_VALIDATION_WINDOW_HOURS * 3600


def test_restores_of_other_databases_are_left_alone(machine: dict[str, Any]) -> None:
    choice, _ = machine["States"]["OurRestore?"]["Choices"]
    assert choice == {"Variable": "$.restore.ours", "BooleanEquals": False, "Next": "NotOurs"}


@pytest.mark.parametrize("kind", ["Checks", "ManyChecks"])
def test_a_part_that_breaks_leaves_the_errors_name_and_the_others_go_on(machine: dict[str, Any], kind: str) -> None:
    item = machine["States"][kind]["ItemProcessor"]["States"]
    (catch,) = item[f"{kind}Part"]["Catch"]
    assert item[catch["Next"]]["Parameters"] == {"part.$": "$.part", "error.$": "$.error.Error"}
    assert item[catch["Next"]]["End"] is True


def test_inline_map_cannot_outgrow_the_history_of_an_execution(machine: dict[str, Any]) -> None:
    (few,) = machine["States"]["FewChecks?"]["Choices"]
    retries = sum(retrier["MaxAttempts"] for retrier in machine["States"]["Judge"]["Retry"])
    # An iteration begins and ends, its task is entered and left, every attempt is scheduled, started and ended, and the
    # state after a failure is entered and left.
    events_a_part = 2 + 2 + 3 * (1 + retries) + 2
    assert few["NumericLessThanEquals"] * events_a_part <= 25_000 - 1_000
    assert (few["Next"], machine["States"]["FewChecks?"]["Default"]) == ("Checks", "ManyChecks")
    decision = (ROOT / "docs" / "decisions" / "0009-work-in-parts.md").read_text()
    assert f"Up to {few['NumericLessThanEquals']} parts" in decision


def test_beyond_that_every_part_is_an_execution_of_its_own_and_the_judge_decides(machine: dict[str, Any]) -> None:
    many = machine["States"]["ManyChecks"]
    assert many["ItemProcessor"]["ProcessorConfig"] == {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}
    assert many["ToleratedFailurePercentage"] == 100
    same = ("ItemSelector", "ItemsPath", "MaxConcurrency", "Next", "Catch", "ResultPath")
    assert {name: many[name] for name in same} == {name: machine["States"]["Checks"][name] for name in same}


def test_few_parts_run_at_a_time_so_that_a_small_instance_keeps_up(machine: dict[str, Any]) -> None:
    assert machine["States"]["Checks"]["MaxConcurrency"] == 4


@pytest.mark.parametrize("state", ["Describe", "PlanChecks", "Checks", "ManyChecks"])
def test_an_error_on_the_way_is_judged(machine: dict[str, Any], state: str) -> None:
    (catch,) = machine["States"][state]["Catch"]
    assert catch["Next"] == "Judge"


def test_a_restore_without_an_instance_goes_straight_to_the_judge(machine: dict[str, Any]) -> None:
    _, checkable = machine["States"]["OurRestore?"]["Choices"]
    assert checkable == {"Variable": "$.restore.checkable", "BooleanEquals": True, "Next": "PlanChecks"}
    assert machine["States"]["OurRestore?"]["Default"] == "Judge"


def test_when_the_judge_fails_the_restore_is_marked_failed_without_it(machine: dict[str, Any]) -> None:
    states = machine["States"]
    _, catch = states["Judge"]["Catch"]
    (choice,) = states[catch["Next"]]["Choices"]
    mark = states[choice["Next"]]
    assert mark["Resource"].endswith(":states:::aws-sdk:backup:putRestoreValidationResult")
    assert mark["Parameters"]["ValidationStatus"] == "FAILED"
    assert states[mark["Next"]]["Type"] == "Fail"


def test_a_verdict_that_is_kept_is_not_contradicted_by_that_mark(machine: dict[str, Any]) -> None:
    catch, _ = machine["States"]["Judge"]["Catch"]
    assert catch["ErrorEquals"] == ["NotToldError"]
    assert machine["States"][catch["Next"]]["Type"] == "Fail"


def test_only_a_pass_ends_well(machine: dict[str, Any]) -> None:
    verdict = machine["States"]["Verdict?"]
    assert {choice["StringEquals"] for choice in verdict["Choices"]} == {"PASS", "NOT_OURS"}
    assert machine["States"][verdict["Default"]]["Type"] == "Fail"
    assert machine["States"][verdict["Default"]]["CausePath"] == "$.judgement.summary"


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
    rules = _rules(assembly, stack, "Restore Job State Change")
    (rule,) = (rule for rule in rules if "AlarmsTopic" not in text_of(rule["Targets"]))
    assert rule["EventPattern"]["detail"] == {"status": ["COMPLETED", "FAILED", "ABORTED"], "resourceType": ["RDS"]}
    assert "VerificationMachine" in text_of(rule["Targets"])


@pytest.mark.parametrize("stack", PLACES)
def test_a_verification_that_stopped_is_judged_all_the_same(assembly: Assembly, stack: str) -> None:
    rules = _rules(assembly, stack, "Step Functions Execution Status Change")
    (rule,) = (rule for rule in rules if "JudgeRestore" in text_of(rule["Targets"]))
    assert set(rule["EventPattern"]["detail"]["status"]) == {"FAILED", "TIMED_OUT", "ABORTED"}


@pytest.mark.parametrize("stack", PLACES)
def test_events_that_the_judge_failed_at_are_kept(assembly: Assembly, stack: str) -> None:
    configs = assembly.properties(stack, "AWS::Lambda::EventInvokeConfig")
    (config,) = (each for each in configs if "JudgeRestore" in text_of(each["FunctionName"]))
    assert "LostEvents" in text_of(config["DestinationConfig"]["OnFailure"])


@pytest.mark.parametrize("stack", PLACES)
def test_events_that_cannot_be_delivered_are_kept(assembly: Assembly, stack: str) -> None:
    for name in ("Restore Job State Change", "Step Functions Execution Status Change"):
        rule = next(r for r in _rules(assembly, stack, name) if "Verification" in text_of(r["Targets"]))
        (target,) = rule["Targets"]
        assert "LostEvents" in text_of(target["DeadLetterConfig"])


def _rules(assembly: Assembly, stack: str, detail_type: str) -> list[dict[str, Any]]:
    rules = assembly.properties(stack, "AWS::Events::Rule")
    return [rule for rule in rules if detail_type in rule.get("EventPattern", {}).get("detail-type", [])]
