"""From a verification's findings to its evidence: whatever is handed over, there is a verdict."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from recovery.check_results import CheckResult
from recovery.evidence import RanBy
from recovery.evidence.judgement import LONGEST_CAUSE, Circumstances, Failure, Restore, evidence_of

END = datetime(2026, 1, 4, 7, tzinfo=UTC)
STARTED = END - timedelta(minutes=20)
CHECKS = [
    CheckResult(name="identity", status="passed", detail="fine"),
    CheckResult(name="heartbeat", status="passed", detail="fine", measurements={"rpo_seconds": 40.0}),
]
TESTED = Restore(
    restore_job_id="job-1",
    is_test=True,
    started_at=STARTED,
    recovery_point_arn="arn:point",
    instance="restored",
    engine_version="18.6",
    manifest_key="manifests/m.json",
)
AFTER_DISASTER = Restore(started_at=STARTED, disaster_time=STARTED, instance="restored")
WHERE = Circumstances(
    environment="test", region="ap-south-1", finished_at=END, ran_by=RanBy(execution="arn:execution", function="arn:f")
)


def test_restore_test_is_held_against_the_rto_alone():
    evidence = evidence_of(TESTED, CHECKS, None, WHERE)
    (objective,) = evidence.objectives
    assert (evidence.verdict, evidence.drill) == ("PASS", "restore-test")
    assert (objective.rto_measured_seconds, objective.rpo_target_seconds) == (1200, None)
    assert evidence.notes[0].startswith("RPO not exercised")


def test_restore_after_a_disaster_is_held_against_the_rpo_too():
    (objective,) = evidence_of(AFTER_DISASTER, CHECKS, None, WHERE).objectives
    assert (objective.rpo_target_seconds, objective.rpo_measured_seconds) == (3600, 40)


def test_record_says_what_where_with_what_and_by_whom():
    evidence = evidence_of(TESTED, CHECKS, None, WHERE)
    assert (evidence.restore_job_id, evidence.instance, evidence.region) == ("job-1", "restored", "ap-south-1")
    assert evidence.versions["postgresql"] == "18.6"
    assert set(evidence.versions) == {"project", "postgresql", "manifest", "recovery_point"}
    assert str(evidence.ran_by) == "arn:execution, arn:f"


def test_optional_checks_are_marked():
    evidence = evidence_of(TESTED, CHECKS, None, replace(WHERE, optional_checks=("heartbeat",)))
    assert {check.name: check.optional for check in evidence.checks} == {"identity": False, "heartbeat": True}


def test_restore_that_failed_is_recorded_unmeasured():
    evidence = evidence_of(replace(TESTED, status="FAILED", instance=None), [], None, WHERE)
    assert (evidence.verdict, evidence.objectives[0].rto_measured_seconds) == ("FAIL", None)
    assert evidence.notes == ("the restore job ended as FAILED",)


def test_error_on_the_way_is_told_and_leaves_the_rto_unmeasured():
    failure = Failure(error="States.Timeout", cause="x" * 5000)
    evidence = evidence_of(TESTED, CHECKS, failure, WHERE)
    assert (evidence.verdict, evidence.objectives[0].rto_measured_seconds) == ("FAIL", None)
    assert evidence.notes == (f"the verification ended early: States.Timeout: {'x' * LONGEST_CAUSE}",)


def test_password_in_a_cause_is_not_recorded():
    failure = Failure(error="Error", cause="connection to postgresql://u:hunter2@host/db failed")
    assert "hunter2" not in evidence_of(TESTED, [], failure, WHERE).model_dump_json()


def test_nothing_known_is_a_verdict_too():
    evidence = evidence_of(Restore(), [], Failure(error="InvalidRequestError", cause="?"), WHERE)
    assert (evidence.verdict, evidence.started_at) == ("FAIL", END)


@pytest.mark.parametrize(
    ("restore", "checks", "name"),
    [
        (replace(AFTER_DISASTER, started_at=END + timedelta(seconds=5)), CHECKS, "RTO of -5.0 s"),
        (AFTER_DISASTER, [CHECKS[1].model_copy(update={"measurements": {"rpo_seconds": -3.0}})], "RPO of -3.0 s"),
    ],
)
def test_duration_that_two_clocks_made_negative_is_unmeasured(restore: Restore, checks: list[CheckResult], name: str):
    evidence = evidence_of(restore, checks, None, WHERE)
    assert evidence.verdict == "FAIL"
    assert evidence.notes[-1].startswith(name)
