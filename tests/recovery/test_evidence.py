"""Evidence: the verdict follows from what was measured, and unmeasured is never met."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError

from recovery.evidence import CheckRecord, Evidence, ObjectiveResult, judge, records
from recovery.objectives import FULL
from recovery.verification import CheckResult

MET = judge(FULL, rto=timedelta(hours=1), rpo=timedelta(minutes=5))
PASSED = CheckResult(name="content", status="passed", detail="fine", duration_seconds=1.0)


def evidence(
    *, objectives: tuple[ObjectiveResult, ...] = (MET,), checks: tuple[CheckRecord, ...] | None = None
) -> Evidence:
    return Evidence(
        drill="restore",
        environment="test",
        started_at=datetime(2026, 1, 1, tzinfo=UTC),
        finished_at=datetime(2026, 1, 1, 1, tzinfo=UTC),
        objectives=objectives,
        checks=records([PASSED]) if checks is None else checks,
        versions={"postgresql": "18.6"},
    )


def test_everything_met_passes():
    assert evidence().verdict == "PASS"


@pytest.mark.parametrize(
    ("rto", "rpo", "verdict"),
    [
        (FULL.rto, FULL.rpo, "PASS"),
        (FULL.rto + timedelta(seconds=1), timedelta(0), "FAIL"),
        (timedelta(0), timedelta(hours=1, seconds=1), "FAIL"),
        (None, timedelta(0), "FAIL"),
        (timedelta(0), None, "FAIL"),
        (None, None, "FAIL"),
    ],
)
def test_objective_is_met_only_by_what_was_measured(rto: timedelta | None, rpo: timedelta | None, verdict: str):
    assert judge(FULL, rto=rto, rpo=rpo).verdict == verdict


def test_tier_without_an_rpo_is_judged_by_its_rto():
    assert judge(replace(FULL, rpo=None), rto=timedelta(0), rpo=None).verdict == "PASS"


def test_negative_duration_is_refused():
    with pytest.raises(ValidationError, match="compare the clocks"):
        judge(FULL, rto=timedelta(seconds=-1), rpo=None)


@pytest.mark.parametrize("status", ["failed", "not_proven"])
def test_check_that_did_not_pass_fails_the_whole(status: str):
    bad = PASSED.model_copy(update={"status": status, "detail": "3 rows lost"})
    record = evidence(checks=records([PASSED, bad]))
    assert record.verdict == "FAIL"
    assert "3 rows lost" in record.summary


def test_without_checks_or_objectives_nothing_passes():
    assert evidence(checks=()).verdict == "FAIL"
    assert "no check ran" in evidence(checks=()).summary
    assert evidence(objectives=()).verdict == "FAIL"


def test_unmeasured_values_are_null_and_read_unmeasured():
    record = evidence(objectives=(judge(FULL, rto=None, rpo=None),))
    written = json.loads(record.model_dump_json())["objectives"][0]
    assert written["rto_measured_seconds"] is None
    assert written["rpo_measured_seconds"] is None
    assert "RTO unmeasured of 14400 s, RPO unmeasured of 3600 s" in record.summary


def test_file_holds_every_field_the_reader_expects():
    written = json.loads(evidence().model_dump_json())
    assert {"drill", "environment", "started_at", "finished_at", "verdict", "objectives", "checks", "versions"} <= set(
        written
    )
    assert written["verdict"] == "PASS"
    assert written["objectives"][0] == {
        "tier": 3,
        "name": "full",
        "rto_target_seconds": 14400.0,
        "rto_measured_seconds": 3600.0,
        "rpo_target_seconds": 3600.0,
        "rpo_measured_seconds": 300.0,
        "verdict": "PASS",
    }
    check = written["checks"][0]
    assert (check["name"], check["status"], check["detail"], check["duration_seconds"]) == (
        "content",
        "PASS",
        "fine",
        1,
    )


def test_verdict_written_into_the_file_by_hand_is_not_believed():
    written = json.loads(evidence(checks=()).model_dump_json()) | {"verdict": "PASS"}
    assert Evidence.model_validate(written).verdict == "FAIL"
