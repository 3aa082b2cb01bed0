"""Exactly one verdict a restore, whatever comes: the judge against real restore jobs of the emulated AWS Backup."""

import json
from typing import Any

import pytest

from lab.cloud import Cloud
from lambdas.judge_restore.handler import AnotherRestoreError, NotToldError
from lambdas.judge_restore.handler import handler as judge
from recovery.evidence.bucket import EvidenceBucket
from recovery.evidence.chain import link_key, record_key
from tests.lambdas.judgements import (
    FAILED,
    IDENTIFIER,
    PASSED,
    REGION,
    SOURCE,
    UNPROVEN,
    Found,
    Validation,
    direct,
    judgement,
    records,
    stopped,
)


def test_intact_restore_is_one_record_one_link_and_one_result(
    context: Any, restore_job: str, store: EvidenceBucket, validation: Validation
):
    answer = judge(judgement(restore_job), context)
    assert answer["verdict"] == "PASS"
    name = f"evidence/{IDENTIFIER}/{restore_job}"
    assert set(store.written("evidence/")) == {f"{name}.json", f"{name}.html", link_key(IDENTIFIER, 1)}
    assert validation(restore_job) == "SUCCESSFUL"


def test_record_says_who_ran_it_where_and_that_the_lab_did(context: Any, store: EvidenceBucket):
    judge(judgement("job-1", restore_status="FAILED"), context)
    record = json.loads(store.read(record_key(IDENTIFIER, "job-1")))
    assert record["ran_by"] == {
        "execution": f"arn:aws:states:{REGION}:123456789012:execution:machine:execution-1",
        "function": f"arn:aws:lambda:{REGION}:123456789012:function:test version 7",
        "operator": None,
    }
    assert (record["region"], record["lab"], record["restore_job_id"]) == (REGION, True, "job-1")


def test_event_that_comes_twice_leaves_the_first_verdict(
    context: Any, restore_job: str, store: EvidenceBucket, validation: Validation, found: Found
):
    """And what AWS Backup is told the second time is what is recorded, not what was found then."""
    first = judge(judgement(restore_job), context)
    before = dict(store.written("evidence/"))
    found(FAILED)
    assert judge(judgement(restore_job), context) == first
    assert store.written("evidence/") == before
    assert validation(restore_job) == "SUCCESSFUL"


def test_stop_that_comes_before_the_verdict_is_the_verdict(
    context: Any, restore_job: str, store: EvidenceBucket, validation: Validation
):
    assert judge(stopped(restore_job), context)["verdict"] == "FAIL"
    late = judge(judgement(restore_job), context)
    assert (late["verdict"], "TIMED_OUT" in late["summary"]) == ("FAIL", True)
    assert (len(records(store)), validation(restore_job)) == (1, "FAILED")


def test_stop_that_comes_after_the_verdict_changes_nothing(
    context: Any, restore_job: str, store: EvidenceBucket, validation: Validation
):
    first = judge(judgement(restore_job), context)
    assert judge(stopped(restore_job), context) == first
    assert (len(records(store)), validation(restore_job)) == (1, "SUCCESSFUL")


def test_restore_that_failed_has_evidence_and_no_result(
    context: Any, restore_job: str, store: EvidenceBucket, validation: Validation
):
    """AWS Backup describes the validation of completed jobs only."""
    answer = judge(judgement(restore_job, restore_status="FAILED"), context)
    assert (answer["verdict"], len(records(store))) == ("FAIL", 1)
    assert validation(restore_job) is None


@pytest.mark.parametrize("source", [SOURCE.replace(IDENTIFIER, "billing"), None])
def test_restore_of_another_database_has_no_verdict_of_ours(
    context: Any,
    restore_job: str,
    store: EvidenceBucket,
    validation: Validation,
    monkeypatch: pytest.MonkeyPatch,
    source: str | None,
):
    """An event that does not say whose restore it is leaves that to DescribeRestoreJob."""
    if source is None:
        monkeypatch.setenv("DATABASE_IDENTIFIER", "billing")
    assert judge(stopped(restore_job, source=source), context)["verdict"] == "NOT_OURS"
    assert (records(store), validation(restore_job)) == ([], None)


def test_event_that_does_not_say_whose_restore_it_is_is_judged_when_it_is_ours(
    context: Any, restore_job: str, validation: Validation
):
    assert judge(stopped(restore_job, source=None), context)["verdict"] == "FAIL"
    assert validation(restore_job) == "FAILED"


def test_verdict_that_comes_after_the_validation_window_is_recorded(
    context: Any, cloud: Cloud, restore_job: str, store: EvidenceBucket, validation: Validation
):
    cloud.clients(REGION).backup.put_restore_validation_result(RestoreJobId=restore_job, ValidationStatus="TIMED_OUT")
    assert judge(judgement(restore_job), context)["verdict"] == "PASS"
    assert (len(records(store)), validation(restore_job)) == (1, "TIMED_OUT")


def test_result_that_somebody_else_set_otherwise_is_an_error(
    context: Any, cloud: Cloud, restore_job: str, store: EvidenceBucket, found: Found
):
    cloud.clients(REGION).backup.put_restore_validation_result(RestoreJobId=restore_job, ValidationStatus="SUCCESSFUL")
    found(FAILED)
    with pytest.raises(NotToldError, match="already SUCCESSFUL"):
        judge(judgement(restore_job), context)
    assert json.loads(store.read(record_key(IDENTIFIER, restore_job)))["verdict"] == "FAIL"


def test_name_of_an_execution_that_is_used_again_does_not_bring_back_an_old_verdict(context: Any):
    judge(direct("drill", "restored-in-january"), context)
    with pytest.raises(AnotherRestoreError, match="start the verification under another name"):
        judge(direct("drill", "restored-in-june"), context)


def test_input_that_is_no_object_is_recorded_too(context: Any, store: EvidenceBucket):
    detail = {"name": "execution-1", "status": "FAILED", "input": "[1]", "cause": None}
    judge({"detail-type": "Step Functions Execution Status Change", "detail": detail}, context)
    assert records(store) == [record_key(IDENTIFIER, "execution-1")]


@pytest.mark.parametrize(("optional", "verdict"), [("", "FAIL"), ("identity", "FAIL"), ("storage, identity", "PASS")])
def test_check_that_the_environment_makes_optional_is_excused(
    context: Any,
    store: EvidenceBucket,
    found: Found,
    monkeypatch: pytest.MonkeyPatch,
    optional: str,
    verdict: str,
):
    monkeypatch.setenv("OPTIONAL_CHECKS", optional)
    found(PASSED, UNPROVEN)
    assert judge(direct("execution-1"), context)["verdict"] == verdict
    record = json.loads(store.read(record_key(IDENTIFIER, "execution-1")))
    assert record["checks"][1]["optional"] is (verdict == "PASS")
