"""Exactly one verdict a restore, whatever comes: the judge against real restore jobs of the emulated AWS Backup.

After every test the chain of evidence is proven and every record validated against the published schema.
"""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from botocore.exceptions import ClientError, ConnectionClosedError

from lab.cloud import Cloud
from lab.polling import wait_for
from lambdas.judge_restore.handler import AnotherRestoreError
from lambdas.judge_restore.handler import handler as judge
from lambdas.shared import aws
from recovery.evidence.bucket import EvidenceBucket
from recovery.evidence.chain import is_record, link_key, prove, record_key
from recovery.verification import CheckResult

REGION, IDENTIFIER = "ap-south-1", "duskspendr-test"
SOURCE = f"arn:aws:rds:{REGION}:123456789012:db:{IDENTIFIER}"
SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "evidence.schema.json").read_text())
STARTED = (datetime.now(UTC) - timedelta(minutes=20)).isoformat()
PASSED = CheckResult(name="content", status="passed", detail="fine", duration_seconds=1.0)
FAILED = CheckResult(name="content", status="failed", detail="1 row lost", duration_seconds=1.0)
UNPROVEN = CheckResult(name="storage", status="not_proven", detail="no amcheck")
Validation = Callable[[str], str | None]
Found = Callable[..., None]
RESOURCES = {
    "Vault": {"Type": "AWS::Backup::BackupVault", "Properties": {"BackupVaultName": "verdicts"}},
    "Database": {
        "Type": "AWS::RDS::DBInstance",
        "Properties": {
            "DBInstanceIdentifier": IDENTIFIER,
            "Engine": "postgres",
            "EngineVersion": "18",
            "DBName": "money",
            "MasterUsername": "owner",
            "MasterUserPassword": "not-a-secret-of-anyone",
        },
    },
}


@pytest.fixture(scope="module")
def recovery_point(cloud: Cloud) -> Iterator[str]:
    """A recovery point of our database in the emulated AWS Backup."""
    clients = cloud.clients(REGION)
    clients.cloudformation.create_stack(StackName="verdicts", TemplateBody=json.dumps({"Resources": RESOURCES}))
    clients.cloudformation.get_waiter("stack_create_complete").wait(
        StackName="verdicts", WaiterConfig={"Delay": 1, "MaxAttempts": 60}
    )
    job = clients.backup.start_backup_job(
        BackupVaultName="verdicts",
        ResourceArn=f"arn:aws:rds:{REGION}:{cloud.account}:db:{IDENTIFIER}",
        IamRoleArn="arn:aws:iam::123456789012:role/backup",
    )["BackupJobId"]
    done = wait_for("the backup", lambda: ended(clients.backup.describe_backup_job(BackupJobId=job), "State"))
    yield done["RecoveryPointArn"]
    clients.cloudformation.delete_stack(StackName="verdicts")


@pytest.fixture
def restore_job(cloud: Cloud, recovery_point: str) -> str:
    """A restore job that is COMPLETED and has no validation result."""
    backup = cloud.clients(REGION).backup
    job = backup.start_restore_job(
        RecoveryPointArn=recovery_point,
        Metadata={"dbSubnetGroupName": "recovery"},
        IamRoleArn="arn:aws:iam::123456789012:role/backup",
    )["RestoreJobId"]
    done = wait_for("the restore", lambda: ended(backup.describe_restore_job(RestoreJobId=job), "Status"))
    assert done["Status"] == "COMPLETED", done
    return job


def ended(record: Any, field: str) -> dict[str, Any] | None:
    return record if record[field] not in ("RUNNING", "PENDING", "CREATED") else None


@pytest.fixture(autouse=True)
def store(bucket: str) -> Iterator[EvidenceBucket]:
    """The evidence bucket, whose chain holds at the end of every test."""
    store = EvidenceBucket(aws.s3(REGION), bucket)
    yield store
    assert prove(store, IDENTIFIER).fault is None
    for key in records(store):
        jsonschema.validate(json.loads(store.read(key)), SCHEMA)


@pytest.fixture(autouse=True)
def found(monkeypatch: pytest.MonkeyPatch) -> Found:
    """Say what the checks found, in place of the parts' results: nothing amiss, unless a test says otherwise."""

    def find(*results: CheckResult) -> None:
        def answer(*_: object) -> tuple[CheckResult, ...]:
            return results

        monkeypatch.setattr("lambdas.judge_restore.handler._results", answer)

    find(PASSED)
    return find


@pytest.fixture
def validation(cloud: Cloud) -> Callable[[str], str | None]:
    """The validation result that AWS Backup has of a restore job."""
    backup = cloud.clients(REGION).backup
    return lambda job: backup.describe_restore_job(RestoreJobId=job).get("ValidationStatus")


def records(store: EvidenceBucket) -> list[str]:
    return [key for key in store.written("evidence/") if is_record(key)]


def event(job: str, source: str | None = SOURCE) -> dict[str, Any]:
    detail = {"restoreJobId": job, "status": "COMPLETED", "sourceResourceArn": source}
    return {"source": "aws.backup", "detail-type": "Restore Job State Change", "detail": detail}


def judgement(job: str, **restore: Any) -> dict[str, Any]:
    """As the state machine hands it over, but for the results."""
    known = {"ours": True, "restore_job_id": job, "restore_test": True, "restore_started_at": STARTED}
    arn = f"arn:aws:states:{REGION}:123456789012:execution:machine:execution-1"
    return {
        "execution": "execution-1",
        "execution_arn": arn,
        "input": event(job),
        "restore": known | restore,
    }


def direct(execution: str, instance: str = "restored") -> dict[str, Any]:
    """A restore that AWS Backup has no job of."""
    host = {"identifier": instance, "host": "127.0.0.1", "port": 1, "engine_version": "18.6"}
    return {
        "execution": execution,
        "input": {"dbInstanceIdentifier": instance, "restoreStartedAt": STARTED},
        "restore": {"ours": True, "restore_started_at": STARTED, "instance": host},
    }


def stopped(job: str, status: str = "TIMED_OUT", source: str | None = SOURCE) -> dict[str, Any]:
    """The event of an execution that did not end by itself."""
    detail = {"name": "execution-1", "status": status, "input": json.dumps(event(job, source)), "cause": None}
    return {"source": "aws.states", "detail-type": "Step Functions Execution Status Change", "detail": detail}


class Faulty:
    """A client whose one operation goes wrong once, before or after it has worked."""

    def __init__(self, client: Any, operation: str, fault: Exception, *, works: bool = False, of: str = "") -> None:
        self._client, self._operation, self._works, self._of = client, operation, works, of
        self._faults = [fault]

    def of_region(self, _region: str) -> "Faulty":
        return self

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._client, name)
        if name != self._operation:
            return real

        def call(**arguments: Any) -> Any:
            if not self._faults or self._of not in arguments.get("Key", ""):
                return real(**arguments)
            fault = self._faults.pop()
            if self._works:
                real(**arguments)
            raise fault

        return call


def refused(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": code}}, "operation")


LOST_ANSWER = ConnectionClosedError(endpoint_url="https://aws")


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
    with pytest.raises((type(fault), RuntimeError)):
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
    with pytest.raises((ClientError, RuntimeError), match="already SUCCESSFUL"):
        judge(judgement(restore_job), context)
    assert json.loads(store.read(record_key(IDENTIFIER, restore_job)))["verdict"] == "FAIL"


def test_judges_of_two_regions_take_turns(context: Any, store: EvidenceBucket):
    with ThreadPoolExecutor(8) as judges:
        asked = [direct(f"execution-{number // 2}") for number in range(8)]
        answers = [judges.submit(judge, each, context) for each in asked]
        assert {answer.result()["verdict"] for answer in answers} == {"PASS"}
    assert (len(records(store)), prove(store, IDENTIFIER).records) == (4, 4)


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
