"""The functions of the verification's state machine: describe, check, judge."""

import gzip
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.stub import ANY, Stubber

from lambdas.check_restore.handler import handler as check_restore
from lambdas.describe_restore import handler as describing
from lambdas.describe_restore.handler import RestoreNotReadyError
from lambdas.describe_restore.handler import handler as describe_restore
from lambdas.judge_restore.handler import NotToldError
from lambdas.judge_restore.handler import handler as judge_restore
from lambdas.shared import aws
from lambdas.shared.parts import Parts
from recovery.checks import CHECKS
from recovery.database import Connection
from recovery.manifest_keys import manifest_key
from recovery.verification import PartResult
from tests.lambdas.machines import take_manifest, verify

Stub = Callable[[str], Stubber]
Objects = Callable[[str], Any]

REGION, IDENTIFIER = "ap-south-1", "duskspendr-test"
SOURCE = "arn:aws:rds:ap-south-1:123456789012:db:duskspendr-test"
VAULT = "arn:aws:backup:ap-south-1:123456789012:backup-vault:duskspendr-test"
POINT = "arn:aws:rds:ap-south-1:123456789012:snapshot:awsbackup:job-0"
RESTORED = "arn:aws:rds:ap-south-1:123456789012:db:awsbackup-restore-test-1"


def restore_event(**detail: Any) -> dict[str, Any]:
    return {
        "source": "aws.backup",
        "detail-type": "Restore Job State Change",
        "detail": {
            "restoreJobId": "job-1",
            "status": "COMPLETED",
            "sourceResourceArn": SOURCE,
            "createdResourceArn": RESTORED,
            "recoveryPointArn": POINT,
            "restoreTestingPlanArn": "arn:aws:backup:ap-south-1:123456789012:restore-testing-plan:plan",
        }
        | detail,
    }


def job(**more: Any) -> dict[str, Any]:
    now = datetime.now(UTC)
    known = {
        "RestoreJobId": "job-1",
        "Status": "COMPLETED",
        "SourceResourceArn": SOURCE,
        "CreatedResourceArn": RESTORED,
        "RecoveryPointArn": POINT,
        "BackupVaultArn": VAULT,
        "CreationDate": now,
        "RecoveryPointCreationDate": now,
    } | more
    return {name: value for name, value in known.items() if value is not None}


def instance(connection: Connection | None = None, status: str = "available") -> dict[str, Any]:
    endpoint = {"Address": "127.0.0.1", "Port": connection.info.port if connection else 1}
    found = {"DBInstanceIdentifier": "restored", "DBInstanceStatus": status, "EngineVersion": "18.6"}
    return {"DBInstances": [found | ({"Endpoint": endpoint} if status == "available" else {})]}


def answers(stubbed: Stub, connection: Connection, **more: Any) -> Stubber:
    stubbed("rds").add_response("describe_db_instances", instance(connection))
    backup = stubbed("backup")
    backup.add_response("describe_restore_job", job(**more), {"RestoreJobId": "job-1"})
    return backup


def expect_verdict(backup: Stubber, status: str) -> None:
    expected = {"RestoreJobId": "job-1", "ValidationStatus": status, "ValidationStatusMessage": ANY}
    backup.add_response("put_restore_validation_result", {}, expected)


def test_restored_copy_that_is_intact_passes(database: Connection, context: Any, stubbed: Stub, objects: Objects):
    take_manifest(context)
    backup = answers(stubbed, database)
    expect_verdict(backup, "SUCCESSFUL")
    _, verdict = verify(restore_event(), context)
    assert verdict["verdict"] == "PASS", verdict
    assert verdict["evidence_key"] == "evidence/duskspendr-test/job-1.json"
    evidence = objects(verdict["evidence_key"])
    assert (evidence["drill"], evidence["environment"], evidence["verdict"]) == ("restore-test", "test", "PASS")
    assert 0 < evidence["objectives"][0]["rto_measured_seconds"] < 60
    assert [check["name"] for check in evidence["checks"]] == list(CHECKS)


def test_one_flipped_row_fails_and_is_told_to_aws_backup(
    database: Connection, context: Any, stubbed: Stub, objects: Objects
):
    take_manifest(context)
    database.execute("UPDATE notes SET body = 'Note 7' WHERE id = 7")
    backup = answers(stubbed, database)
    expect_verdict(backup, "FAILED")
    _, verdict = verify(restore_event(), context)
    assert verdict["verdict"] == "FAIL"
    assert "public.notes" in verdict["summary"]
    assert objects(verdict["evidence_key"])["verdict"] == "FAIL"


def test_row_flipped_through_a_trigger_that_dates_it_fails(database: Connection, context: Any, stubbed: Stub):
    database.execute("ALTER TABLE notes ADD updated_at timestamptz NOT NULL DEFAULT now() - interval '1 day'")
    take_manifest(context)
    database.execute("UPDATE notes SET body = 'Note 7', updated_at = now() + interval '1 minute' WHERE id = 7")
    expect_verdict(answers(stubbed, database), "FAILED")
    _, verdict = verify(restore_event(), context)
    assert verdict["verdict"] == "FAIL"
    assert "somebody wrote to the copy" in verdict["summary"]


def test_snapshot_is_not_passed_off_as_proof_of_the_rpo(
    database: Connection, context: Any, stubbed: Stub, objects: Objects
):
    take_manifest(context)
    expect_verdict(answers(stubbed, database), "SUCCESSFUL")
    _, verdict = verify(restore_event(), context)
    evidence = objects(verdict["evidence_key"])
    assert evidence["objectives"][0]["rpo_target_seconds"] is None
    assert "RPO not exercised" in evidence["notes"][0]


def test_direct_request_measures_the_rpo(database: Connection, context: Any, stubbed: Stub, objects: Objects):
    take_manifest(context)
    stubbed("rds").add_response("describe_db_instances", instance(database), {"DBInstanceIdentifier": "restored"})
    now = datetime.now(UTC)
    request = {
        "dbInstanceIdentifier": "restored",
        "restoreStartedAt": now.isoformat(),
        "disasterTime": now.isoformat(),
    }
    _, verdict = verify(request, context)
    assert verdict["verdict"] == "PASS", verdict
    assert verdict["evidence_key"] == "evidence/duskspendr-test/execution-1.json"
    (objective,) = objects(verdict["evidence_key"])["objectives"]
    assert objective["rpo_target_seconds"] == 3600
    assert 0 <= objective["rpo_measured_seconds"] < 60


def test_repeat_keeps_the_first_verdict(database: Connection, context: Any, stubbed: Stub, objects: Objects):
    take_manifest(context)
    backup = answers(stubbed, database)
    expect_verdict(backup, "SUCCESSFUL")
    state, first = verify(restore_event(), context)
    before = objects(first["evidence_key"])
    expect_verdict(backup, "SUCCESSFUL")
    del state["plan"], state["answers"]
    assert judge_restore(state, context) == first
    assert objects(first["evidence_key"]) == before


def test_validation_result_set_before_is_fine_when_it_says_the_same(database: Connection, context: Any, stubbed: Stub):
    take_manifest(context)
    backup = answers(stubbed, database)
    backup.add_client_error("put_restore_validation_result", "InvalidRequestException", "already set")
    backup.add_response("describe_restore_job", job(ValidationStatus="SUCCESSFUL"))
    _, verdict = verify(restore_event(), context)
    assert verdict["verdict"] == "PASS"


def test_validation_result_that_says_otherwise_raises(database: Connection, context: Any, stubbed: Stub):
    take_manifest(context)
    backup = answers(stubbed, database)
    backup.add_client_error("put_restore_validation_result", "InvalidRequestException", "already set")
    backup.add_response("describe_restore_job", job(ValidationStatus="FAILED"))
    with pytest.raises(NotToldError, match="already set"):
        verify(restore_event(), context)


@pytest.mark.usefixtures("bucket")
def test_restore_of_another_database_is_left_alone(context: Any):
    """Without one call to AWS."""
    other = restore_event(sourceResourceArn=SOURCE.replace("duskspendr-test", "billing"))
    assert describe_restore({"input": other}, context)["ours"] is False


@pytest.mark.usefixtures("bucket")
def test_job_that_turns_out_to_be_anothers_is_left_alone(context: Any, stubbed: Stub):
    stubbed("backup").add_response("describe_restore_job", job(SourceResourceArn=SOURCE.replace("-test", "-prod")))
    assert describe_restore({"input": restore_event(sourceResourceArn=None)}, context)["ours"] is False


@pytest.mark.usefixtures("bucket")
def test_failed_restore_is_recorded_without_any_check(context: Any, stubbed: Stub, objects: Objects):
    stubbed("backup").add_response("describe_restore_job", job(Status="FAILED"))
    state, verdict = verify(restore_event(status="FAILED"), context)
    assert (state["restore"]["checkable"], verdict["verdict"]) == (False, "FAIL")
    evidence = objects(verdict["evidence_key"])
    assert "the restore job ended as FAILED" in evidence["notes"]
    assert evidence["objectives"][0]["rto_measured_seconds"] is None


@pytest.mark.usefixtures("bucket")
def test_instance_that_does_not_become_available_is_an_error(context: Any, stubbed: Stub):
    context.remaining_seconds = 1
    stubbed("backup").add_response("describe_restore_job", job())
    stubbed("rds").add_response("describe_db_instances", instance(status="modifying"))
    with pytest.raises(RestoreNotReadyError, match="found it modifying"):
        describe_restore({"input": restore_event()}, context)


def test_instance_that_is_still_modifying_is_waited_for(
    database: Connection, context: Any, stubbed: Stub, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(describing, "POLL_SECONDS", 0.01)
    stubbed("backup").add_response("describe_restore_job", job())
    rds = stubbed("rds")
    rds.add_response("describe_db_instances", instance(status="modifying"))
    rds.add_response("describe_db_instances", instance(database))
    assert describe_restore({"input": restore_event()}, context)["instance"]["port"] == database.info.port


def test_newest_manifest_that_is_as_old_as_the_backup_is_taken(database: Connection, context: Any, stubbed: Stub):
    older, newer, too_new = (take_manifest(context)["key"] for _ in range(3))
    backed_up = datetime.strptime(newer.split("/")[-1], "%Y%m%dT%H%M%S%fZ.json").replace(tzinfo=UTC)
    answers(stubbed, database, RecoveryPointCreationDate=backed_up)
    key = describe_restore({"input": restore_event()}, context)["manifest_key"]
    assert older < key == newer < too_new


@pytest.mark.parametrize(("ages_minutes", "chosen"), [((30, 90, 150), 90), ((30, 20), 20)])
def test_copy_within_the_rpo_is_held_against_a_manifest_it_must_hold_whole(
    database: Connection, bucket: str, context: Any, stubbed: Stub, ages_minutes: tuple[int, ...], chosen: int
):
    disaster = datetime.now(UTC)
    keys = {age: manifest_key(IDENTIFIER, disaster - timedelta(minutes=age)) for age in ages_minutes}
    for key in keys.values():
        aws.s3(REGION).put_object(Bucket=bucket, Key=key, Body=b"{}")
    stubbed("rds").add_response("describe_db_instances", instance(database))
    started = disaster.isoformat()
    request = {"dbInstanceIdentifier": "restored", "restoreStartedAt": started, "disasterTime": started}
    assert describe_restore({"input": request}, context)["manifest_key"] == keys[chosen]


def test_creation_date_of_the_recovery_point_is_asked_for_when_the_job_does_not_say(
    database: Connection, context: Any, stubbed: Stub
):
    created = datetime(2026, 1, 1, tzinfo=UTC)
    backup = answers(stubbed, database, RecoveryPointCreationDate=None)
    backup.add_response(
        "describe_recovery_point",
        {"CreationDate": created},
        {"BackupVaultName": "duskspendr-test", "RecoveryPointArn": POINT},
    )
    restore = describe_restore({"input": restore_event()}, context)
    assert datetime.fromisoformat(restore["recovery_point_created_at"]) == created
    assert restore["manifest_key"] is None


def test_without_a_manifest_nothing_is_proven(database: Connection, context: Any, stubbed: Stub, objects: Objects):
    expect_verdict(answers(stubbed, database), "FAILED")
    _, verdict = verify(restore_event(), context)
    assert verdict["verdict"] == "FAIL"
    assert "NoManifestError: expected a manifest" in verdict["summary"]
    assert objects(verdict["evidence_key"])["objectives"][0]["rto_measured_seconds"] is None


@pytest.fixture
def restore(database: Connection, context: Any, stubbed: Stub) -> dict[str, Any]:
    """What the state machine carries to the checks of a database whose manifest was taken."""
    take_manifest(context)
    answers(stubbed, database)
    return {"execution": "execution-1", "restore": describe_restore({"input": restore_event()}, context)}


def result_of(bucket: str, part: int) -> PartResult:
    key = f"parts/{IDENTIFIER}/execution-1/{part}.json.gz"
    body = aws.s3(REGION).get_object(Bucket=bucket, Key=key)["Body"].read()
    return PartResult.model_validate_json(gzip.decompress(body))


def test_plan_has_parts_of_every_check(restore: dict[str, Any], context: Any, bucket: str):
    plan = check_restore({"step": "plan", **restore}, context)
    assert plan["parts"] == list(range(plan["count"]))
    for part in plan["parts"]:
        check_restore({"step": "part", "part": part, **restore}, context)
    assert {result_of(bucket, part).part.check for part in plan["parts"]} == set(CHECKS)


def test_answers_stay_small_enough_for_the_state_machine(restore: dict[str, Any], context: Any):
    """256 KiB hold the plan's numbers and the answers of more than ten thousand parts."""
    check_restore({"step": "plan", **restore}, context)
    assert len(json.dumps(check_restore({"step": "part", "part": 0, **restore}, context))) < 15


def test_unreachable_instance_is_not_proven_and_gives_no_token_away(restore: dict[str, Any], context: Any, bucket: str):
    restore["restore"]["instance"]["port"] = 1
    plan = check_restore({"step": "plan", **restore}, context)
    for part in plan["parts"]:
        check_restore({"step": "part", "part": part, **restore}, context)
        result = result_of(bucket, part)
        assert result.status == "not_proven"
        assert "X-Amz" not in result.detail


@pytest.mark.parametrize("more", [{}, {"step": "vibes"}, {"step": "part"}])
def test_step_that_is_none_is_an_error(restore: dict[str, Any], context: Any, more: dict[str, Any]):
    with pytest.raises(ValueError, match=r"validation error|expected the number of a part"):
        check_restore({**restore, **more}, context)


def test_part_without_a_result_leaves_its_check_not_proven_with_the_error(
    restore: dict[str, Any], context: Any, stubbed: Stub, objects: Objects
):
    plan = check_restore({"step": "plan", **restore}, context)
    parts = [check_restore({"step": "part", "part": part, **restore}, context) for part in plan["parts"][1:]]
    expect_verdict(stubbed("backup"), "FAILED")
    answered = [{"part": 0, "error": "Sandbox.Timedout"}, *parts]
    state = {"input": restore_event(), **restore, "plan": plan, "answers": answered}
    verdict = judge_restore(state, context)
    checks = {check["name"]: check for check in objects(verdict["evidence_key"])["checks"]}
    assert [name for name, check in checks.items() if check["status"] != "PASS"] == ["identity"]
    assert checks["identity"]["status"] == "NOT_PROVEN"
    assert "Sandbox.Timedout" in checks["identity"]["detail"]


def test_result_that_cannot_be_read_makes_no_verdict(
    restore: dict[str, Any], context: Any, bucket: str, monkeypatch: pytest.MonkeyPatch
):
    """What AWS refuses now it gives to the repetition; a verdict would stand for ever."""
    plan = check_restore({"step": "plan", **restore}, context)
    check_restore({"step": "part", "part": 0, **restore}, context)
    refused = ClientError({"Error": {"Code": "SlowDown", "Message": "slow down"}}, "GetObject")

    def refuse(_parts: Parts, _number: int) -> bytes:
        raise refused

    monkeypatch.setattr(Parts, "get", refuse)
    with pytest.raises(ClientError, match="slow down"):
        judge_restore({"input": restore_event(), **restore, "plan": plan, "answers": []}, context)
    assert "Contents" not in aws.s3(REGION).list_objects_v2(Bucket=bucket, Prefix="evidence/")
