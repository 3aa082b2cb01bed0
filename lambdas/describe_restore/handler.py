"""First step of the verification: which restore is it, is it ours, and what is it to be held against?"""

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from lambdas.shared.aws import backup, rds
from lambdas.shared.manifest_keys import newest_manifest_key
from lambdas.shared.restore import RestoreDescription, RestoredInstance
from lambdas.shared.settings import EvidenceSettings
from recovery.objectives import FULL
from recovery.restore_requests import InvalidRequestError, RestoreRequest, instance_of, parse_restore_request

logger = Logger()

# A job is COMPLETED when its instance is available, but RDS may at once take that for a backup or a modification.
POLL_SECONDS = 5.0


class RestoreNotReadyError(RuntimeError):
    """The restored instance is not available."""


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Describe the restore, for the steps that cannot reach AWS's APIs from inside the network.

    The event's ``input`` is what the state machine was started with. Raises :class:`RestoreNotReadyError` when the
    instance is still not available near the end of the function's time, InvalidRequestError or botocore's ClientError.
    """
    settings = EvidenceSettings.read()
    description = _describe(parse_restore_request(event["input"]), settings, context)
    logger.info("restore described", extra={"restore": description.payload})
    return description.payload


def _describe(request: RestoreRequest, settings: EvidenceSettings, context: LambdaContext) -> RestoreDescription:
    if not request.is_about(settings.database_identifier):
        return RestoreDescription(ours=False, restore_job_id=request.restore_job_id)
    description = RestoreDescription(
        ours=True,
        restore_status=request.status,
        restore_test=request.restore_test,
        restore_started_at=request.started_at,
        disaster_time=request.disaster_time,
        recovery_point_arn=request.recovery_point_arn,
    )
    identifier = request.instance_identifier
    if request.restore_job_id is not None:
        description, identifier = _with_job(description, request, settings)
    if not description.ours or description.restore_status != "COMPLETED":
        return description
    if identifier is None:
        raise InvalidRequestError(f"expected the ARN of a restored DB instance, found none in {request!r}")
    return replace(
        description, instance=_instance(identifier, context), manifest_key=_manifest_key(description, settings)
    )


def _with_job(
    description: RestoreDescription, request: RestoreRequest, settings: EvidenceSettings
) -> tuple[RestoreDescription, str | None]:
    """The job as AWS Backup knows it now; the event is best effort and can be old."""
    job = backup().describe_restore_job(RestoreJobId=request.restore_job_id or "")
    asked = replace(request, source_arn=job.get("SourceResourceArn") or request.source_arn)
    known = replace(
        description,
        ours=asked.is_about(settings.database_identifier),
        restore_job_id=request.restore_job_id,
        restore_status=job.get("Status") or request.status,
        restore_started_at=job.get("CreationDate") or request.started_at,
        recovery_point_arn=job.get("RecoveryPointArn") or request.recovery_point_arn,
        recovery_point_created_at=job.get("RecoveryPointCreationDate") or _recovery_point_created_at(job),
    )
    return known, instance_of(job.get("CreatedResourceArn")) or request.instance_identifier


def _recovery_point_created_at(job: Any) -> datetime | None:  # noqa: ANN401 - botocore's answer
    vault, arn = job.get("BackupVaultArn"), job.get("RecoveryPointArn")
    if not vault or not arn:
        return None
    vault_name = vault.rpartition(":")[2]
    return backup().describe_recovery_point(BackupVaultName=vault_name, RecoveryPointArn=arn)["CreationDate"]


def _manifest_key(description: RestoreDescription, settings: EvidenceSettings) -> str | None:
    """The newest manifest of which the restored copy has to hold everything; None when there is none."""
    if description.recovery_point_created_at is not None:
        return newest_manifest_key(settings, not_after=description.recovery_point_created_at)
    disaster = description.disaster_time or datetime.now(UTC)
    # A copy within the RPO may lack what a manifest of the last moments has seen, but nothing of an older one. A young
    # database has only the last moments' to offer.
    rpo = FULL.rpo or timedelta()
    return newest_manifest_key(settings, not_after=disaster - rpo) or newest_manifest_key(settings, not_after=disaster)


def _instance(identifier: str, context: LambdaContext) -> RestoredInstance:
    while True:
        (found,) = rds().describe_db_instances(DBInstanceIdentifier=identifier)["DBInstances"]
        status, endpoint = found.get("DBInstanceStatus"), found.get("Endpoint", {})
        host, port = endpoint.get("Address"), endpoint.get("Port")
        if status == "available" and host and port:
            version = found.get("EngineVersion", "unknown")
            return RestoredInstance(identifier=identifier, host=host, port=port, engine_version=version)
        if context.get_remaining_time_in_millis() / 1000 < 2 * POLL_SECONDS:
            raise RestoreNotReadyError(
                f"expected DB instance {identifier} to be available, found it {status}: start the verification again"
                " when it is"
            )
        time.sleep(POLL_SECONDS)
