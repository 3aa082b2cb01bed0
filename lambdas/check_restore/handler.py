"""Runs one check on the restored instance, from inside its network."""

from typing import Any, Literal

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel

from lambdas.shared.database import sign_in_with_iam
from lambdas.shared.evidence_store import get_manifest
from lambdas.shared.restore import RestoreDescription, RestoredInstance
from lambdas.shared.settings import Settings
from recovery.bootstrap import VERIFIER_ROLE
from recovery.checks import CheckContext
from recovery.database import Connection
from recovery.objectives import FULL
from recovery.verification import CheckResult, not_proven, run_check_at

logger = Logger()

# What is left for the answer when a statement has used up its time.
ANSWER_SECONDS = 15.0


class CheckSettings(Settings):
    """Where the manifest is, and how the restored database is signed in to."""

    evidence_bucket: str
    evidence_region: str
    database_name: str
    database_tls: Literal["verify-full", "disable"]


class CheckRequest(BaseModel):
    """One item of the state machine's map."""

    restore: RestoreDescription
    check: str


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer with the check's result; whatever keeps it from running makes it ``not_proven``."""
    name = str(event.get("check"))
    try:
        result = _check(CheckRequest.model_validate(event), context)
    # The reason belongs in the evidence, and the other checks go on.
    except Exception as error:
        logger.exception("check could not run")
        result = not_proven(name, f"could not be checked: {type(error).__name__}: {error}")
    logger.info("check done", extra={"result": result.model_dump(mode="json")})
    return result.model_dump(mode="json")


def _check(request: CheckRequest, context: LambdaContext) -> CheckResult:
    settings = CheckSettings.read()
    restore = request.restore
    instance = restore.instance
    if instance is None:
        return not_proven(request.check, "there is no restored instance to check")
    if restore.manifest_key is None:
        return not_proven(
            request.check,
            "no manifest is as old as the backup that was restored: the manifest function has to run before the backup",
        )
    check = CheckContext(
        manifest=get_manifest(settings.evidence_bucket, settings.evidence_region, restore.manifest_key),
        # A snapshot is held against the moment it was taken; what happened after it is no matter of the snapshot's.
        disaster_time=restore.disaster_time or restore.recovery_point_created_at,
        rpo=FULL.rpo,
        restore_started_at=restore.restore_started_at,
    )
    left = context.get_remaining_time_in_millis() / 1000 - ANSWER_SECONDS
    return run_check_at(
        lambda: _sign_in(settings, instance), request.check, check, statement_timeout_seconds=max(left, 1.0)
    )


def _sign_in(settings: CheckSettings, instance: RestoredInstance) -> Connection:
    return sign_in_with_iam(
        host=instance.host,
        port=instance.port,
        database=settings.database_name,
        role=VERIFIER_ROLE,
        tls=settings.database_tls,
        application_name="duskspendr-verify",
    )
