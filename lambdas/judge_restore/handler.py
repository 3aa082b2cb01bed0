"""Last step of the verification: makes the verdict, keeps the evidence and tells AWS Backup."""

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Literal, cast

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import BotoCoreError, ClientError
from pydantic import BaseModel

from lambdas.shared.aws import backup
from lambdas.shared.evidence_store import evidence_bucket
from lambdas.shared.metrics import COUNT, SECONDS, publish
from lambdas.shared.parts import Parts
from lambdas.shared.restore import RestoreDescription
from lambdas.shared.settings import EvidenceSettings
from lambdas.shared.verification import CheckPlan, StoredResults, check_context
from recovery.check_results import CheckResult
from recovery.evidence import Evidence, RanBy
from recovery.evidence.chain import keep, record_key, seal
from recovery.evidence.judgement import Circumstances, Failure, Restore, evidence_of
from recovery.evidence.page import page_of
from recovery.restore_requests import InvalidRequestError, RestoreRequest, parse_restore_request
from recovery.verification import conclude

logger = Logger()

LONGEST_MESSAGE = 1000  # AWS Backup documents no limit; this much is enough for a person
# How AWS Backup refuses a second result: its reference names both errors and says of neither when.
REFUSALS = {"InvalidRequestException", "InvalidParameterValueException"}


class AnotherRestoreError(RuntimeError):
    """The name under which evidence would be kept has that of another restore."""


class NotToldError(RuntimeError):
    """The verdict is recorded, and AWS Backup did not take it: whoever asks again finds the same verdict."""


@dataclass(frozen=True, kw_only=True)
class JudgeSettings(EvidenceSettings):
    """Besides where evidence is kept: where this runs, and which checks may be left not proven.

    ``aws_endpoint_url`` is set where AWS is emulated, and nowhere else.
    """

    aws_region: str
    aws_endpoint_url: str | None = None
    optional_checks: tuple[str, ...] = ()


class Answer(BaseModel):
    """What the state machine knows of one part of the checks; the result itself is stored."""

    part: int
    error: str | None = None


class Judgement(BaseModel):
    """What the state machine came to: all of it, or as much as there is beside the error that ended it."""

    execution: str
    execution_arn: str | None = None
    input: Any
    restore: RestoreDescription | None = None
    plan: dict[str, Any] | None = None
    answers: tuple[Answer, ...] = ()
    error: dict[str, Any] | None = None


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Record one verdict a restore. A repeat answers with the first and completes what the first left undone.

    Raises pydantic's ValidationError for an input that is no judgement, AnotherRestoreError, NotToldError, or
    botocore's ClientError.
    """
    settings = JudgeSettings.read()
    judgement = _read(event)
    restore = _restore(judgement, settings)
    if restore is None:
        logger.info("not a restore of ours", extra={"execution": judgement.execution})
        return {"verdict": "NOT_OURS", "evidence_key": None, "summary": "a restore of another database: not judged"}
    store, database = evidence_bucket(settings), settings.database_identifier
    key = record_key(database, restore.restore_job_id or judgement.execution)
    made = evidence_of(
        restore, _results(judgement, settings), _failure(judgement), _circumstances(judgement, settings, context)
    )
    evidence, is_first = keep(store, key, made)
    _require_same_restore(key, evidence, made)
    # AWS Backup comes before the seal: should the seal fail for good, what AWS Backup holds is still what is recorded.
    # And the record is sealed whether or not AWS Backup takes the verdict.
    untold = _untold(restore, key, evidence)
    try:
        is_sealed_now = seal(store, database, key, lambda: page_of(evidence))
        if is_first or is_sealed_now:
            _publish(settings, evidence)
    finally:
        if untold is not None:  # before whatever the seal raised: the machine must not mark the job without the record
            raise untold
    logger.info("restore judged", extra={"verdict": evidence.verdict, "key": key})
    return {"verdict": evidence.verdict, "evidence_key": key, "summary": evidence.summary}


def _read(event: dict[str, Any]) -> Judgement:
    if event.get("detail-type") != "Step Functions Execution Status Change":
        return Judgement.model_validate(event)
    detail = event["detail"]
    return Judgement(
        execution=detail["name"],
        execution_arn=detail.get("executionArn"),
        input=json.loads(detail.get("input") or "{}"),
        error={"Error": detail["status"], "Cause": detail.get("cause") or "the verification did not end by itself"},
    )


def _results(judgement: Judgement, settings: EvidenceSettings) -> tuple[CheckResult, ...]:
    """The checks as far as they were planned; a part that left no result is not proven."""
    if judgement.plan is None or judgement.restore is None:
        return ()
    parts = Parts(settings, judgement.execution)
    plan = CheckPlan.model_validate_json(parts.get_plan())
    errors = {answer.part: answer.error for answer in judgement.answers if answer.error}
    stored = StoredResults(parts, plan, errors)
    results = conclude(check_context(settings, judgement.restore), plan.parts, stored)
    if stored.unread:
        raise stored.unread[0]
    return results


def _failure(judgement: Judgement) -> Failure | None:
    if judgement.error is None:
        return None
    return Failure(error=str(judgement.error.get("Error", "error")), cause=str(judgement.error.get("Cause", "")))


def _circumstances(judgement: Judgement, settings: JudgeSettings, context: LambdaContext) -> Circumstances:
    return Circumstances(
        environment=settings.environment,
        region=settings.aws_region,
        finished_at=datetime.now(UTC),
        ran_by=RanBy(
            execution=judgement.execution_arn or judgement.execution,
            function=f"{context.invoked_function_arn} version {context.function_version}",
        ),
        optional_checks=settings.optional_checks,
        lab=settings.aws_endpoint_url is not None,
    )


def _restore(judgement: Judgement, settings: EvidenceSettings) -> Restore | None:
    """The restore as far as it is known; None for one of another database."""
    if judgement.restore is not None:
        return _described(judgement.restore) if judgement.restore.ours else None
    try:
        request = parse_restore_request(judgement.input)
    except InvalidRequestError:
        logger.exception("the verification was asked for something unreadable")
        return Restore()
    if request.restore_job_id is not None and request.source_arn is None:
        # The event is best effort and did not say whose restore it is.
        job = backup().describe_restore_job(RestoreJobId=request.restore_job_id)
        request = replace(request, source_arn=job.get("SourceResourceArn"))
    return _asked(request) if request.is_about(settings.database_identifier) else None


def _described(found: RestoreDescription) -> Restore:
    return Restore(
        restore_job_id=found.restore_job_id,
        status=found.restore_status,
        is_test=found.restore_test,
        started_at=found.restore_started_at,
        disaster_time=found.disaster_time,
        recovery_point_arn=found.recovery_point_arn,
        instance=found.instance.identifier if found.instance else None,
        engine_version=found.instance.engine_version if found.instance else None,
        manifest_key=found.manifest_key,
    )


def _asked(request: RestoreRequest) -> Restore:
    """As much as the request alone tells, for a verification that failed before it knew more."""
    return Restore(
        restore_job_id=request.restore_job_id,
        status=request.status,
        is_test=request.restore_test,
        started_at=request.started_at,
        disaster_time=request.disaster_time,
        recovery_point_arn=request.recovery_point_arn,
        instance=request.instance_identifier,
    )


def _require_same_restore(key: str, evidence: Evidence, made: Evidence) -> None:
    """A restore job's id is its own for ever; an execution's name is free again after 90 days, and in either region."""
    if evidence.restore_job_id is not None or made.instance is None:
        return
    if any(getattr(evidence, name) != getattr(made, name) for name in ("region", "instance", "started_at")):
        expected, found = (f"{each.instance} in {each.region}, {each.started_at}" for each in (made, evidence))
        raise AnotherRestoreError(
            f"expected no evidence at {key}, or that of this restore ({expected}), found that of another ({found}):"
            " start the verification under another name"
        )


def _publish(settings: EvidenceSettings, evidence: Evidence) -> None:
    metrics = {"RestoreVerified": (COUNT, 1.0 if evidence.verdict == "PASS" else 0.0)}
    for objective in evidence.objectives:
        if objective.rto_measured_seconds is not None:
            metrics["MeasuredRtoSeconds"] = (SECONDS, objective.rto_measured_seconds)
        if objective.rpo_measured_seconds is not None:
            metrics["MeasuredRpoSeconds"] = (SECONDS, objective.rpo_measured_seconds)
    publish(settings, metrics)


def _untold(restore: Restore, key: str, evidence: Evidence) -> NotToldError | None:
    """Tell AWS Backup, where it has a job that completed; what it did not take comes back as the error to raise."""
    if restore.restore_job_id is None or not restore.completed:
        return None
    try:
        _tell_backup(restore.restore_job_id, evidence)
    except (ClientError, BotoCoreError) as error:
        return NotToldError(f"the verdict {evidence.verdict} stands at {key}; AWS Backup: {error}")
    return None


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
        if error.response.get("Error", {}).get("Code") not in REFUSALS:
            raise
        known = cast("str | None", backup().describe_restore_job(RestoreJobId=restore_job_id).get("ValidationStatus"))
        if known == "TIMED_OUT":
            # The validation window closed before this verdict came. The evidence stands; nothing can be told any more.
            logger.warning("AWS Backup's validation window had closed", extra={"verdict": evidence.verdict})
        elif known != status:
            raise
