"""Evidence: the verdict follows from what was measured, and unmeasured is never met."""

import getpass
import json
import os
import tomllib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jsonschema
import pytest
from pydantic import ValidationError

from recovery.check_results import CheckResult
from recovery.evidence import CheckRecord, Evidence, ObjectiveResult, evidence_schema, judge, records, this_operator
from recovery.objectives import FULL
from recovery.version import VERSION

ROOT = Path(__file__).parents[2]
SCHEMA = ROOT / "docs" / "evidence.schema.json"
MET = judge(FULL, rto=timedelta(hours=1), rpo=timedelta(minutes=5))
PASSED = CheckResult(name="content", status="passed", detail="fine", duration_seconds=1.0)
UNPROVEN = CheckResult(name="storage", status="not_proven", detail="amcheck cannot be had", duration_seconds=0.1)


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


def test_optional_check_that_is_not_proven_is_excused_and_named():
    record = evidence(checks=records([PASSED, UNPROVEN], ["storage"]))
    assert record.verdict == "PASS"
    assert "storage NOT_PROVEN (optional, excused): amcheck cannot be had" in record.summary


def test_only_the_optional_check_is_excused():
    assert evidence(checks=records([PASSED, UNPROVEN], ["heartbeat"])).verdict == "FAIL"


def test_optional_check_that_failed_fails():
    failed = UNPROVEN.model_copy(update={"status": "failed"})
    record = evidence(checks=records([PASSED, failed], ["storage"]))
    assert record.verdict == "FAIL"
    assert "excused" not in record.summary


def test_with_every_check_excused_nothing_is_proven():
    record = evidence(checks=records([UNPROVEN], ["storage"]))
    assert record.verdict == "FAIL"
    assert "every check was excused" in record.summary


def test_published_schema_is_that_of_the_code():
    """Run with UPDATE_SNAPSHOTS=1 to publish a change, after thinking of those who read the records of old."""
    text = json.dumps(evidence_schema(), indent=2) + "\n"
    if os.environ.get("UPDATE_SNAPSHOTS"):
        SCHEMA.write_text(text)
    assert SCHEMA.read_text() == text


def test_record_validates_against_the_published_schema():
    record = evidence(objectives=(judge(FULL, rto=None, rpo=None),), checks=records([PASSED, UNPROVEN], ["storage"]))
    jsonschema.validate(json.loads(record.model_dump_json()), json.loads(SCHEMA.read_text()))


@pytest.mark.parametrize("field", ["format", "verdict", "region", "ran_by", "checks"])
def test_schema_asks_for_what_every_record_says(field: str):
    written = json.loads(evidence().model_dump_json())
    del written[field]
    with pytest.raises(jsonschema.ValidationError, match=field):
        jsonschema.validate(written, json.loads(SCHEMA.read_text()))


def test_record_of_another_format_is_refused():
    written = json.loads(evidence().model_dump_json()) | {"format": 2}
    with pytest.raises(ValidationError, match="format"):
        Evidence.model_validate(written)


def test_operator_is_the_user_of_the_system():
    assert this_operator().operator == getpass.getuser()


def test_version_in_records_is_that_of_the_project():
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"] == VERSION
