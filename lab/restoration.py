"""Restores in the recovery region, and their proof by the deployed state machine."""

import json
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from lab.cloud import Cloud, LabError
from lab.deployment import Deployment
from lab.polling import wait_for
from recovery.evidence import Evidence

if TYPE_CHECKING:
    from mypy_boto3_rds.type_defs import DBInstanceAutomatedBackupTypeDef

FINAL_VALIDATIONS = {"SUCCESSFUL", "FAILED", "TIMED_OUT"}


@dataclass(frozen=True)
class Restored:
    """A restored instance. ``dsn`` is the superuser's."""

    identifier: str
    started_at: datetime
    dsn: str


def restore_to_latest(cloud: Cloud, deployment: Deployment, disaster: datetime) -> Restored:
    """Restore the replicated automated backups to their latest time. Raises :class:`LabError` when that fails."""
    region = deployment.recovery_region
    rds = cloud.clients(region).rds
    identifier = f"{deployment.output('Database', 'InstanceIdentifier')}-restored-{disaster:%H%M%S}"
    backup = _automated_backup(cloud, deployment, region).get("DBInstanceAutomatedBackupsArn", "")
    started = datetime.now(UTC)
    rds.restore_db_instance_to_point_in_time(
        SourceDBInstanceAutomatedBackupsArn=backup,
        TargetDBInstanceIdentifier=identifier,
        UseLatestRestorableTime=True,
        EnableIAMDatabaseAuthentication=True,
    )

    def status() -> str | None:
        [instance] = rds.describe_db_instances(DBInstanceIdentifier=identifier)["DBInstances"]
        found = instance.get("DBInstanceStatus", "")
        return found if found != "creating" else None

    if wait_for("the restored instance", status) != "available":
        raise LabError(f"the restore of {identifier} failed:\n{cloud.log_tail()}")
    return Restored(identifier, started, listed_dsn(cloud, region, identifier))


def listed_dsn(cloud: Cloud, region: str, identifier: str) -> str:
    """The superuser's way into an instance of a region."""
    found = [each for each in cloud.listing("instances") if each["region"] == region]
    return next(each["dsn"] for each in found if each["identifier"] == identifier)


def latest_restorable_time(cloud: Cloud, deployment: Deployment, region: str) -> datetime | None:
    """Up to when the automated backups in a region reach, None while RDS does not say."""
    return _automated_backup(cloud, deployment, region).get("RestoreWindow", {}).get("LatestTime")


def _automated_backup(cloud: Cloud, deployment: Deployment, region: str) -> "DBInstanceAutomatedBackupTypeDef":
    source = deployment.output("Database", "InstanceIdentifier")
    rds = cloud.clients(region).rds
    [found] = rds.describe_db_instance_automated_backups(DBInstanceIdentifier=source)["DBInstanceAutomatedBackups"]
    return found


def start_proof(cloud: Cloud, deployment: Deployment, restored: Restored, disaster: datetime) -> str:
    """Start the recovery region's verification for a restore that AWS Backup has no job of; returns the execution."""
    request = {
        "dbInstanceIdentifier": restored.identifier,
        "restoreStartedAt": restored.started_at.isoformat(),
        "disasterTime": disaster.isoformat(),
    }
    return cloud.clients(deployment.recovery_region).states.start_execution(
        stateMachineArn=deployment.output("RecoveryStandby", "VerificationStateMachineArn"),
        name=f"drill-{uuid.uuid4()}",
        input=json.dumps(request),
    )["executionArn"]


def wait_for_proof(cloud: Cloud, deployment: Deployment, execution: str) -> Evidence:
    """The evidence that the verification wrote. Raises :class:`LabError` when it ended without any."""
    clients = cloud.clients(deployment.recovery_region)

    def ended() -> str | None:
        status = clients.states.describe_execution(executionArn=execution)["status"]
        return status if status != "RUNNING" else None

    status = wait_for("the verification", ended)
    bucket = deployment.output("RecoveryFoundation", "EvidenceBucketName")
    name = execution.split(":")[-1]
    objects = clients.s3.list_objects_v2(Bucket=bucket, Prefix="evidence/").get("Contents", [])
    keys = [key for each in objects if (key := each.get("Key", "")).endswith(f"/{name}.json")]
    if not keys:
        described = clients.states.describe_execution(executionArn=execution)
        raise LabError(
            f"the verification ended {status} without evidence: {described.get('error')} {described.get('cause')}"
        )
    return Evidence.model_validate_json(clients.s3.get_object(Bucket=bucket, Key=keys[0])["Body"].read())


def restore_test(cloud: Cloud, deployment: Deployment) -> tuple[str, str]:
    """Run the recovery region's restore-testing plan; returns the validation's status and message.

    Nothing else is done here: the restore's event has to start the verification, and that has to give the result.
    """
    backup = cloud.clients(deployment.recovery_region).backup
    plan = deployment.output("RecoveryStandby", "RestoreTestingPlanName")
    [job] = cloud.press("run-restore-test", deployment.recovery_region, plan=plan)

    def validated() -> tuple[str, str] | None:
        found = backup.describe_restore_job(RestoreJobId=job)
        status = str(found.get("ValidationStatus", ""))
        return (status, found.get("ValidationStatusMessage", "")) if status in FINAL_VALIDATIONS else None

    return wait_for("the validation of the restore test", validated)
