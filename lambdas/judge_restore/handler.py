"""Last step of the verification: makes the verdict, keeps the evidence and tells AWS Backup."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Literal, cast

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import ClientError
from pydantic import BaseModel

from lambdas.shared.aws import backup
from lambdas.shared.evidence_store import evidence_key, get_evidence, put_evidence
from lambdas.shared.metrics import COUNT, SECONDS, publish
from lambdas.shared.restore import RestoreDescription
from lambdas.shared.settings import EvidenceSettings
from recovery.database import without_secrets
from recovery.evidence import Evidence, judge, records
from recovery.objectives import FULL
from recovery.restore_requests import InvalidRequestError, RestoreRequest, parse_restore_request
from recovery.verification import CheckResult, measured_rpo

logger = Logger()

SNAPSHOT_NOTE = (
    "RPO not exercised: a snapshot is as old as its schedule, and the RPO is kept by the replica and the replicated"
    " backups"
)
LONGEST_MESSAGE = 1000  # AWS Backup documents no limit; this much is enough for a person


class Judgement(BaseModel):
    """What the state machine hands over: results, or the error that ended it; and always what it was asked."""

    execution: str
    input: dict[str, Any]
    restore: RestoreDescription | None = None
    results: tuple[CheckResult, ...] = ()
    error: dict[str, Any] | None = None


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001 - Lambda's signature
    """Record one verdict a restore: a repeat answers with the first, as AWS Backup would not take another either.

    Raises pydantic's ValidationError for an input that is no judgement, or botocore's ClientError.
    """
    settings = EvidenceSettings.read()
    judgement = _read(event)
    request = _request(judgement)
    restore = judgement.restore or _described_by(request)
    key = evidence_key(settings.database_identifier, restore.restore_job_id or judgement.execution)
    evidence = _judge(judgement, restore, settings)
    if put_evidence(settings, key, evidence):
        _publish(settings, evidence)
    else:
        evidence = get_evidence(settings, key)
    if restore.restore_job_id is not None and restore.restore_status == "COMPLETED":
        _tell_backup(restore.restore_job_id, evidence)
    logger.info("restore judged", extra={"verdict": evidence.verdict, "key": key})
    return {"verdict": evidence.verdict, "evidence_key": key, "summary": evidence.summary}


def _read(event: dict[str, Any]) -> Judgement:
    if event.get("detail-type") != "Step Functions Execution Status Change":
        return Judgement.model_validate(event)
    detail = event["detail"]
    return Judgement(
        execution=detail["name"],
        input=json.loads(detail.get("input") or "{}"),
        error={"Error": detail["status"], "Cause": detail.get("cause") or "the verification did not end by itself"},
    )


def _request(judgement: Judgement) -> RestoreRequest | None:
    try:
        return parse_restore_request(judgement.input)
    except InvalidRequestError:
        logger.exception("the verification was asked for something unreadable")
        return None


def _described_by(request: RestoreRequest | None) -> RestoreDescription:
    """As much as the request alone tells, for a verification that failed before it knew more."""
    if request is None:
        return RestoreDescription(ours=True)
    return RestoreDescription(
        ours=True,
        restore_job_id=request.restore_job_id,
        restore_status=request.status,
        restore_test=request.restore_test,
        restore_started_at=request.started_at,
        disaster_time=request.disaster_time,
        recovery_point_arn=request.recovery_point_arn,
    )


def _judge(judgement: Judgement, restore: RestoreDescription, settings: EvidenceSettings) -> Evidence:
    finished = datetime.now(UTC)
    started = restore.restore_started_at
    # A snapshot cannot show the tier's RPO, so it is not held against it. A restore after a disaster is.
    exercised = FULL if restore.disaster_time else replace(FULL, rpo=None)
    proven = restore.restore_status == "COMPLETED" and judgement.error is None
    return Evidence(
        drill="restore-test" if restore.restore_test else "restore",
        environment=settings.environment,
        started_at=started or finished,
        finished_at=finished,
        objectives=(
            judge(
                exercised,
                rto=finished - started if started and proven else None,
                rpo=measured_rpo(judgement.results) if restore.disaster_time else None,
            ),
        ),
        checks=records(judgement.results),
        versions=_versions(restore),
        notes=tuple(_notes(judgement, restore)),
    )


def _versions(restore: RestoreDescription) -> dict[str, str]:
    versions = {"postgresql": restore.instance.engine_version} if restore.instance else {}
    if restore.manifest_key:
        versions["manifest"] = restore.manifest_key
    if restore.recovery_point_arn:
        versions["recovery_point"] = restore.recovery_point_arn
    return versions


def _notes(judgement: Judgement, restore: RestoreDescription) -> list[str]:
    notes: list[str] = []
    if restore.restore_status != "COMPLETED":
        notes.append(f"the restore job ended as {restore.restore_status}")
    if judgement.error is not None:
        name, cause = judgement.error.get("Error", "error"), str(judgement.error.get("Cause", ""))
        notes.append(f"the verification ended early: {name}: {without_secrets(cause)[:LONGEST_MESSAGE]}")
    elif not restore.disaster_time:
        notes.append(SNAPSHOT_NOTE)
    return notes


def _publish(settings: EvidenceSettings, evidence: Evidence) -> None:
    metrics = {"RestoreVerified": (COUNT, 1.0 if evidence.verdict == "PASS" else 0.0)}
    for objective in evidence.objectives:
        if objective.rto_measured_seconds is not None:
            metrics["MeasuredRtoSeconds"] = (SECONDS, objective.rto_measured_seconds)
        if objective.rpo_measured_seconds is not None:
            metrics["MeasuredRpoSeconds"] = (SECONDS, objective.rpo_measured_seconds)
    publish(settings, metrics)


def _tell_backup(restore_job_id: str, evidence: Evidence) -> None:
    status: Literal["SUCCESSFUL", "FAILED"] = "SUCCESSFUL" if evidence.verdict == "PASS" else "FAILED"
    try:
        backup().put_restore_validation_result(
            RestoreJobId=restore_job_id,
            ValidationStatus=status,
            ValidationStatusMessage=evidence.summary[:LONGEST_MESSAGE],
        )
    except ClientError as error:
        # A result that was set before cannot be set again; that is fine when it says the same.
        if error.response.get("Error", {}).get("Code") != "InvalidRequestException":
            raise
        known = cast("str | None", backup().describe_restore_job(RestoreJobId=restore_job_id).get("ValidationStatus"))
        if known != status:
            raise
