"""The judge, when the verification did not end as it should: there is a verdict all the same."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ConnectionClosedError
from botocore.stub import ANY, Stubber

from lambdas.judge_restore.handler import NotToldError
from lambdas.judge_restore.handler import handler as judge_restore
from tests.emitters import emitted_by

Stub = Callable[[str], Stubber]
Objects = Callable[[str], Any]


def restore_event() -> dict[str, Any]:
    source = "arn:aws:rds:ap-south-1:123456789012:db:duskspendr-test"
    detail = {"restoreJobId": "job-1", "status": "COMPLETED", "sourceResourceArn": source}
    return {"source": "aws.backup", "detail-type": "Restore Job State Change", "detail": detail}


def expect_failed(stubbed: Stub) -> None:
    expected = {"RestoreJobId": "job-1", "ValidationStatus": "FAILED", "ValidationStatusMessage": ANY}
    stubbed("backup").add_response("put_restore_validation_result", {}, expected)


@pytest.mark.usefixtures("bucket")
def test_error_on_the_way_is_judged_as_failed(context: Any, stubbed: Stub, objects: Objects):
    expect_failed(stubbed)
    error = {"Error": "RestoreNotReadyError", "Cause": "expected DB instance x to be available"}
    verdict = judge_restore({"input": restore_event(), "error": error, "execution": "execution-1"}, context)
    assert verdict["verdict"] == "FAIL"
    assert "RestoreNotReadyError" in verdict["summary"]
    assert objects("evidence/duskspendr-test/job-1.json")["verdict"] == "FAIL"


@pytest.mark.usefixtures("bucket")
@pytest.mark.parametrize("status", ["TIMED_OUT", "ABORTED", "FAILED"])
def test_execution_that_never_ended_is_judged_from_its_event(
    context: Any, stubbed: Stub, objects: Objects, status: str
):
    expect_failed(stubbed)
    event = {
        "source": "aws.states",
        "detail-type": "Step Functions Execution Status Change",
        "detail": {"name": "execution-1", "status": status, "input": json.dumps(restore_event()), "cause": None},
    }
    assert judge_restore(event, context)["verdict"] == "FAIL"
    assert status in objects("evidence/duskspendr-test/job-1.json")["notes"][0]


@pytest.mark.usefixtures("bucket")
def test_unreadable_request_is_recorded_too(context: Any, objects: Objects):
    error = {"Error": "InvalidRequestError", "Cause": "?"}
    verdict = judge_restore({"input": {"what": 1}, "error": error, "execution": "execution-9"}, context)
    assert verdict["verdict"] == "FAIL"
    assert objects("evidence/duskspendr-test/execution-9.json")["objectives"][0]["rto_measured_seconds"] is None


@pytest.mark.usefixtures("bucket")
def test_verdict_and_measurements_are_published(context: Any, stubbed: Stub, capsys: pytest.CaptureFixture[str]):
    expect_failed(stubbed)
    error = {"Error": "x", "Cause": "y"}
    judge_restore({"input": restore_event(), "error": error, "execution": "execution-1"}, context)
    # What was not measured is not published.
    assert emitted_by("judge_restore", capsys.readouterr().out) == {"RestoreVerified": 0.0}


@pytest.mark.usefixtures("bucket")
def test_verdict_that_is_kept_but_not_told_is_told_apart_whatever_else_fails(
    context: Any, stubbed: Stub, monkeypatch: pytest.MonkeyPatch
):
    """The state machine marks a job only when there is no record that could say otherwise."""

    def fail(*_: object) -> bool:
        raise ConnectionClosedError(endpoint_url="https://s3")

    monkeypatch.setattr("lambdas.judge_restore.handler.seal", fail)
    stubbed("backup").add_client_error("put_restore_validation_result", "ThrottlingException", "slow down")
    error = {"Error": "x", "Cause": "y"}
    with pytest.raises(NotToldError, match=r"the verdict FAIL stands at .*job-1.json; AWS Backup: .*slow down"):
        judge_restore({"input": restore_event(), "error": error, "execution": "execution-1"}, context)
