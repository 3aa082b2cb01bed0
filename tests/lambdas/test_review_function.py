"""The daily look through a vault, as the function does it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from lambdas.review_recovery_points.handler import handler
from tests.emitters import EMITTERS, emitted_by

Stub = Callable[[str], Stubber]

VAULT, ARN = "duskspendr-test-primary", "arn:aws:backup:ap-south-1:123456789012:backup-vault:duskspendr-test-primary"
NOW = datetime.now(UTC)
POINT = {"RecoveryPointArn": "arn:point-1", "Status": "COMPLETED", "CreationDate": NOW - timedelta(days=1)}
LEFT = {"InstanceCreateTime": NOW - timedelta(days=3)}


@pytest.fixture
def aws(bucket: str, stubbed: Stub, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Answers of AWS about a vault: its points, its jobs, the region's instances."""
    del bucket
    monkeypatch.setenv("VAULT_NAME", VAULT)

    def answer(*, points: list[Any], copies: list[Any] | None = None, instances: list[Any] | None = None) -> None:
        backup = stubbed("backup")
        vault = {"BackupVaultName": VAULT, "BackupVaultArn": ARN, "CreationDate": NOW - timedelta(days=30)}
        backup.add_response("describe_backup_vault", vault, {"BackupVaultName": VAULT})
        backup.add_response(
            "list_recovery_points_by_backup_vault", {"RecoveryPoints": points}, {"BackupVaultName": VAULT}
        )
        backup.add_response("list_backup_jobs", {"BackupJobs": []}, {"ByBackupVaultName": VAULT})
        backup.add_response("list_copy_jobs", {"CopyJobs": copies or []}, {"ByResourceType": "RDS"})
        stubbed("rds").add_response("describe_db_instances", {"DBInstances": instances or []})

    return answer


def test_vault_in_order_has_no_findings(aws: Callable[..., None], context: Any) -> None:
    aws(points=[POINT])
    assert handler({}, context)["findings"] == 0


def test_findings_are_told_in_words(aws: Callable[..., None], context: Any) -> None:
    aws(points=[POINT, POINT | {"Status": "EXPIRED", "StatusMessage": "Access denied"}])
    answer = handler({}, context)
    assert answer["findings"] == 1
    assert "arn:point-1 could not be deleted by AWS Backup" in answer["summary"]


def test_findings_are_counted_in_metrics_of_every_kind(
    aws: Callable[..., None], context: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    aws(points=[POINT, POINT | {"Status": "EXPIRED"}])
    handler({}, context)
    found = emitted_by("review_recovery_points", capsys.readouterr().out)
    assert set(found) == EMITTERS["review_recovery_points"]
    assert (found["RecoveryPointsExpired"], found["RecoveryPointsLeftOver"]) == (1.0, 0.0)


def test_failed_copies_are_counted_from_the_list_of_copy_jobs(
    aws: Callable[..., None], context: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = {"CopyJobId": "c", "CreationDate": NOW - timedelta(hours=8), "SourceBackupVaultArn": ARN}
    others = copy | {"SourceBackupVaultArn": "arn:of-another-vault"}
    aws(points=[POINT], copies=[copy | {"State": "FAILED"}, others | {"State": "FAILED"}])
    handler({}, context)
    assert emitted_by("review_recovery_points", capsys.readouterr().out)["CopyJobsFailed"] == 1


def test_what_should_be_gone_is_counted_and_the_newest_dated(
    aws: Callable[..., None], context: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    warned = POINT | {"StatusMessage": "something was skipped"}
    aws(points=[warned, POINT | {"Status": "EXPIRED", "CreationDate": NOW - timedelta(days=9)}])
    handler({}, context)
    found = emitted_by("review_recovery_points", capsys.readouterr().out)
    assert (found["RecoveryPointsCosting"], found["RecoveryPointsWarned"]) == (1.0, 1.0)
    assert found["NewestRecoveryPointAgeSeconds"] == pytest.approx(86_400, abs=3_600)


@pytest.mark.parametrize("field", ["SourceBackupVaultArn", "DestinationBackupVaultArn"])
def test_copies_out_of_and_into_the_vault_are_looked_at(aws: Callable[..., None], context: Any, field: str) -> None:
    failed = {"CopyJobId": "copy-1", "State": "FAILED", "CreationDate": NOW}
    aws(points=[POINT], copies=[failed | {field: ARN}, failed | {"CopyJobId": "other", field: f"{ARN}-of-others"}])
    assert "copy job copy-1 ended FAILED" in handler({}, context)["summary"]


@pytest.mark.parametrize(
    ("instance", "findings"),
    [
        ({"DBInstanceIdentifier": "awsbackup-restore-test-1"}, 1),
        ({"DBInstanceIdentifier": "renamed", "TagList": [{"Key": "awsbackup-restore-test", "Value": "x"}]}, 1),
        ({"DBInstanceIdentifier": "duskspendr-prod", "TagList": [{"Key": "Project", "Value": "x"}]}, 0),
    ],
)
def test_only_instances_of_restore_tests_are_left_over(
    aws: Callable[..., None], context: Any, instance: dict[str, Any], findings: int
) -> None:
    aws(points=[POINT], instances=[LEFT | instance])
    assert handler({}, context)["findings"] == findings


@pytest.mark.usefixtures("bucket")
def test_vault_that_cannot_be_looked_at_raises(context: Any, stubbed: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAULT_NAME", VAULT)
    stubbed("backup").add_client_error("describe_backup_vault", "AccessDeniedException")
    stubbed("rds")
    with pytest.raises(ClientError, match="AccessDenied"):
        handler({}, context)
