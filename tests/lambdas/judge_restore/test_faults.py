"""Exactly one verdict a restore, although AWS fails the judge: once before a call has worked, once after it."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lambdas.judge_restore.handler import NotToldError
from lambdas.judge_restore.handler import handler as judge
from lambdas.shared import aws
from recovery.evidence.bucket import EvidenceBucket
from recovery.evidence.chain import prove
from tests.lambdas.judgements import (
    IDENTIFIER,
    LOST_ANSWER,
    REGION,
    Faulty,
    Validation,
    direct,
    judgement,
    records,
    refused,
    stopped,
)

BACKUP_FAULTS = [
    (refused("ThrottlingException"), False),
    (refused("ServiceUnavailableException"), False),
    (LOST_ANSWER, True),
]


@pytest.mark.parametrize(("fault", "works"), BACKUP_FAULTS)
def test_result_that_aws_backup_does_not_take_at_first_is_told_by_the_repeat(
    context: Any,
    restore_job: str,
    store: EvidenceBucket,
    validation: Validation,
    monkeypatch: pytest.MonkeyPatch,
    fault: Exception,
    works: bool,
):
    client = Faulty(aws.backup(), "put_restore_validation_result", fault, works=works)
    monkeypatch.setattr("lambdas.judge_restore.handler.backup", lambda: client)
    asked = judgement(restore_job)
    with pytest.raises(NotToldError):
        judge(asked, context)
    assert judge(asked, context)["verdict"] == "PASS"
    assert (len(records(store)), validation(restore_job)) == (1, "SUCCESSFUL")


STORE_FAULTS = [
    (f"{IDENTIFIER}/", refused("SlowDown"), False),
    (f"{IDENTIFIER}/", LOST_ANSWER, True),
    (".html", refused("SlowDown"), False),
    (".html", LOST_ANSWER, True),
    ("chain/", refused("SlowDown"), False),
    ("chain/", LOST_ANSWER, True),
]


@pytest.mark.parametrize(("key", "fault", "works"), STORE_FAULTS)
def test_judgement_that_crashed_half_way_is_completed_by_the_repeat(
    context: Any,
    store: EvidenceBucket,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    key: str,
    fault: Exception,
    works: bool,
):
    client = Faulty(aws.s3(REGION), "put_object", fault, works=works, of=key)
    monkeypatch.setattr("lambdas.shared.evidence_store.s3", client.of_region)
    with pytest.raises(type(fault)):
        judge(direct("execution-1"), context)
    judge(direct("execution-1"), context)
    assert (len(records(store)), prove(store, IDENTIFIER).records) == (1, 1)
    published = capsys.readouterr().out.count('"RestoreVerified":[1.0]')
    # Only when all was stored and just the last answer lost, there is nothing left to tell that it was not published.
    assert published == (0 if (key, works) == ("chain/", True) else 1)


def test_conflicting_write_is_repeated_as_s3_asks(context: Any, store: EvidenceBucket, monkeypatch: pytest.MonkeyPatch):
    client = Faulty(aws.s3(REGION), "put_object", refused("ConditionalRequestConflict"), of="chain/")
    monkeypatch.setattr("lambdas.shared.evidence_store.s3", client.of_region)
    judge(direct("execution-1"), context)
    assert prove(store, IDENTIFIER).records == 1


def test_seal_that_fails_for_good_leaves_aws_backup_with_what_is_recorded(
    context: Any, restore_job: str, validation: Validation, monkeypatch: pytest.MonkeyPatch
):
    """The machine's last resort would call it FAILED; what is set before cannot be changed."""
    client = Faulty(aws.s3(REGION), "put_object", refused("AccessDenied"), of="chain/")
    monkeypatch.setattr("lambdas.shared.evidence_store.s3", client.of_region)
    with pytest.raises(ClientError, match="AccessDenied"):
        judge(judgement(restore_job), context)
    assert validation(restore_job) == "SUCCESSFUL"
    judge(stopped(restore_job, "FAILED"), context)  # the event of the execution that failed with it


def test_judges_of_two_regions_take_turns(context: Any, store: EvidenceBucket):
    with ThreadPoolExecutor(8) as judges:
        asked = [direct(f"execution-{number // 2}") for number in range(8)]
        answers = [judges.submit(judge, each, context) for each in asked]
        assert {answer.result()["verdict"] for answer in answers} == {"PASS"}
    assert (len(records(store)), prove(store, IDENTIFIER).records) == (4, 4)
