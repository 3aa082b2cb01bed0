"""Restore jobs of the emulated AWS Backup, and a bucket of evidence that holds at the end of every test.

The chain is proven and every record validated against the published schema.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from lab.cloud import Cloud
from lab.polling import wait_for
from lambdas.shared import aws
from recovery.check_results import CheckResult
from recovery.evidence.bucket import EvidenceBucket
from recovery.evidence.chain import prove
from tests.lambdas.judgements import IDENTIFIER, PASSED, REGION, Found, Validation, records

SCHEMA = json.loads((Path(__file__).parents[3] / "docs" / "evidence.schema.json").read_text())
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


@pytest.fixture(scope="session")
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
def validation(cloud: Cloud) -> Validation:
    """The validation result that AWS Backup has of a restore job."""
    backup = cloud.clients(REGION).backup
    return lambda job: backup.describe_restore_job(RestoreJobId=job).get("ValidationStatus")
