"""The deployed verification when AWS, the network or the restore goes wrong: exactly one verdict all the same."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from lab.cloud import LabError, running_cloud
from lab.executions import execute
from lab.polling import wait_for
from lab.processes import kill_server
from recovery.checks import CHECKS
from tests.lab.proving import Proving, deploy_verification

KINDS = ["error", "throttled", "unanswered"]
CALLS = [
    "backup:DescribeRestoreJob",
    "backup:PutRestoreValidationResult",
    "rds:DescribeDBInstances",
    "s3:GetObject",
    "s3:ListObjectsV2",
    "s3:PutObject",
]
FUNCTIONS = ["lambda:Describe", "lambda:Check", "lambda:Judge"]
FOR_GOOD = 100


@pytest.fixture(scope="module")
def deployed() -> Iterator[Proving]:
    with running_cloud(waits=False) as cloud:
        yield deploy_verification(cloud)


@pytest.fixture
def proving(deployed: Proving) -> Iterator[Proving]:
    """The deployed verification, without faults before and after."""
    yield deployed
    deployed.inject()


def statuses(proving: Proving, job: str) -> dict[str, str]:
    return {check.name: check.status for check in proving.evidence(job).checks}


def expect_one_verdict(proving: Proving, job: str, verdict: str) -> None:
    assert proving.evidence(job).verdict == verdict, proving.evidence(job).summary
    assert proving.validated(job) == ("SUCCESSFUL" if verdict == "PASS" else "FAILED")


@pytest.mark.parametrize("kind", KINDS)
def test_every_call_of_the_functions_may_go_wrong_once(proving: Proving, kind: str) -> None:
    proving.inject(*({"operation": call, "kind": kind} for call in CALLS))
    job = proving.restore()
    assert proving.ended(job) == ["SUCCEEDED"]
    assert proving.pending_faults() == []
    expect_one_verdict(proving, job, "PASS")


def test_every_function_may_go_wrong_once_in_every_way(proving: Proving) -> None:
    proving.inject(*({"operation": function, "kind": kind} for function in FUNCTIONS for kind in KINDS))
    job = proving.restore()
    assert proving.ended(job) == ["SUCCEEDED"]
    assert proving.pending_faults() == []
    expect_one_verdict(proving, job, "PASS")


@pytest.mark.parametrize(("function", "about"), [("lambda:Describe", ""), ("lambda:Check", "'plan'")])
def test_step_that_fails_for_good_is_judged(proving: Proving, function: str, about: str) -> None:
    proving.inject({"operation": function, "kind": "throttled", "times": FOR_GOOD, "about": about})
    job = proving.restore()
    assert proving.ended(job) == ["FAILED"]
    expect_one_verdict(proving, job, "FAIL")
    assert "Lambda.TooManyRequestsException" in proving.evidence(job).summary


def test_part_that_fails_for_good_leaves_its_check_not_proven_and_the_others_as_they_are(proving: Proving) -> None:
    fault = {"operation": "lambda:Check", "kind": "error", "times": FOR_GOOD, "about": "'part': 0}"}
    proving.inject(fault)
    job = proving.restore()
    assert proving.ended(job) == ["FAILED"]
    expect_one_verdict(proving, job, "FAIL")
    assert statuses(proving, job) == dict.fromkeys(CHECKS, "PASS") | {"identity": "NOT_PROVEN"}
    assert "Lambda.ServiceException" in proving.evidence(job).summary


def test_judge_that_fails_for_good_is_done_without_and_makes_up_for_it_afterwards(proving: Proving) -> None:
    """The machine marks the job, every way that can go wrong included; the machine's own event then has the record."""
    marks = [{"operation": "states:putRestoreValidationResult", "kind": kind} for kind in KINDS]
    proving.inject({"operation": "lambda:Judge", "kind": "error", "times": FOR_GOOD}, *marks)
    job = proving.restore()
    assert proving.ended(job) == ["FAILED"]
    expect_one_verdict(proving, job, "FAIL")
    assert [fault["operation"] for fault in proving.pending_faults()] == ["lambda:Judge"]


def test_event_that_comes_twice_and_late_changes_nothing(proving: Proving) -> None:
    job = proving.restore()
    proving.ended(job)
    proving.send(job)
    proving.send(job, status="FAILED")  # out of order: AWS Backup itself is asked how the job ended
    assert proving.ended(job, times=3) == ["SUCCEEDED"] * 3
    expect_one_verdict(proving, job, "PASS")


def test_restore_of_another_database_has_no_verdict(proving: Proving) -> None:
    proving.send("of-others", sourceResourceArn=f"arn:aws:rds:{proving.region}:{proving.cloud.account}:db:billing")
    assert proving.ended("of-others") == ["SUCCEEDED"]
    assert proving.records("of-others") == []


def test_restore_that_failed_has_a_record_and_no_validation(proving: Proving) -> None:
    (folder,) = (proving.cloud.folder / "recovery-points").iterdir()
    away = folder.rename(folder.with_name("away"))
    try:
        job = proving.restore()
        assert proving.ended(job) == ["FAILED"]
    finally:
        away.rename(folder)
    assert "the restore job ended as FAILED" in proving.evidence(job).summary
    assert proving.validation(job) is None


def test_database_that_never_answers_is_not_proven(proving: Proving) -> None:
    job = proving.restore()
    proving.ended(job)
    found = proving.cloud.clients(proving.region).backup.describe_restore_job(RestoreJobId=job)
    identifier = found["CreatedResourceArn"].rpartition(":")[2]
    kill_server(proving.cloud.folder / "instances" / f"{proving.region}-{identifier}" / "data")
    execution = ask(proving, {"dbInstanceIdentifier": identifier, "restoreStartedAt": datetime.now(UTC).isoformat()})
    assert set(statuses(proving, execution).values()) == {"NOT_PROVEN"}
    assert set(statuses(proving, execution)) == set(CHECKS)


def test_many_parts_are_executions_of_their_own(proving: Proving) -> None:
    """The machine as deployed, but for the bound beyond which there are many."""
    states = proving.cloud.clients(proving.region).states
    definition = states.describe_state_machine(stateMachineArn=proving.machine)["definition"]
    changed = json.loads(definition)
    changed["States"]["FewChecks?"]["Choices"][0]["NumericLessThanEquals"] = 1
    states.update_state_machine(stateMachineArn=proving.machine, definition=json.dumps(changed))
    fault = {"operation": "lambda:Check", "kind": "error", "times": FOR_GOOD, "about": "'part': 0}"}
    try:
        whole = proving.restore()
        assert proving.ended(whole) == ["SUCCEEDED"]
        proving.inject(fault)
        broken = proving.restore()
        assert proving.ended(broken) == ["FAILED"]
    finally:
        states.update_state_machine(stateMachineArn=proving.machine, definition=definition)
    expect_one_verdict(proving, whole, "PASS")
    expect_one_verdict(proving, broken, "FAIL")
    assert statuses(proving, broken) == dict.fromkeys(CHECKS, "PASS") | {"identity": "NOT_PROVEN"}


def test_slice_that_fails_once_is_read_again(proving: Proving) -> None:
    machine = proving.deployment.output("Database", "ManifestStateMachineArn")
    proving.inject({"operation": "lambda:Manifest", "kind": "error", "about": "'part': 0"})
    assert execute(proving.cloud, proving.region, machine)["rows"] == 100
    assert proving.pending_faults() == []


def test_manifest_that_lacks_a_slice_fails_its_machine(proving: Proving) -> None:
    machine = proving.deployment.output("Database", "ManifestStateMachineArn")
    fault = {"operation": "lambda:Manifest", "kind": "error", "times": FOR_GOOD, "about": "'part': 0"}
    proving.inject(fault)
    with pytest.raises(LabError, match="ended FAILED"):
        execute(proving.cloud, proving.region, machine)


def test_recovery_point_that_could_not_be_deleted_is_the_cause_of_the_reviews_failure(proving: Proving) -> None:
    machine = machine_named(proving, "RecoveryPointWatch")
    assert execute(proving.cloud, proving.region, machine)["findings"] == 0
    change = {"arn": proving.point, "status": "EXPIRED", "message": "Access denied"}
    proving.cloud.press("change-recovery-point", proving.region, **change)
    try:
        with pytest.raises(LabError, match="could not be deleted by AWS Backup"):
            execute(proving.cloud, proving.region, machine)
    finally:
        proving.cloud.press("change-recovery-point", proving.region, **change | {"status": "COMPLETED", "message": ""})


def test_restore_test_that_never_happened_is_noticed_and_one_that_was_proven_is_enough(proving: Proving) -> None:
    watch = machine_named(proving, "TestWatch")
    with pytest.raises(LabError, match="NoProof"):
        execute(proving.cloud, proving.region, watch)
    plan = proving.deployment.output("Backup", "RestoreTestingPlanName")
    [job] = proving.cloud.press("run-restore-test", proving.region, plan=plan)
    expect_one_verdict(proving, job, "PASS")
    execute(proving.cloud, proving.region, watch)


def machine_named(proving: Proving, part: str) -> str:
    machines = proving.cloud.clients(proving.region).states.list_state_machines()["stateMachines"]
    (machine,) = (each["stateMachineArn"] for each in machines if part in each["name"])
    return machine


def ask(proving: Proving, request: dict[str, Any]) -> str:
    """Start the verification by hand and wait for its end; returns the execution's name."""
    states = proving.cloud.clients(proving.region).states
    arn = states.start_execution(stateMachineArn=proving.machine, input=json.dumps(request))["executionArn"]

    def ended() -> str | None:
        status = states.describe_execution(executionArn=arn)["status"]
        return status if status != "RUNNING" else None

    assert wait_for("the verification", ended) == "FAILED"
    return arn.rpartition(":")[2]
