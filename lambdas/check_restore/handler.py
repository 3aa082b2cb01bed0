"""Checks the restored instance from inside its network, in two steps: plan the parts of all checks, do one part."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel

from lambdas.shared.database import sign_in_with_iam
from lambdas.shared.parts import Parts
from lambdas.shared.restore import RestoreDescription
from lambdas.shared.settings import EvidenceSettings
from lambdas.shared.verification import CheckPlan, check_context
from recovery.bootstrap import VERIFIER_ROLE
from recovery.database import Connection
from recovery.restore_requests import InvalidRequestError
from recovery.verification import STATEMENT_TIMEOUT_SECONDS, PartResult, plan_checks, run_part

logger = Logger()

# What is left to keep the answer when a statement has used up its time.
ANSWER_SECONDS = 15.0


@dataclass(frozen=True, kw_only=True)
class CheckSettings(EvidenceSettings):
    """How the restored database is signed in to, besides where the manifest and the results are kept."""

    database_name: str
    database_tls: Literal["verify-full", "disable"]


class CheckRequest(BaseModel):
    """What the state machine asks: for the plan, or for the part of that number."""

    step: Literal["plan", "part"]
    execution: str
    restore: RestoreDescription
    part: int | None = None


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Plan: answer with how many parts there are. Part: keep its result.

    What is wrong with the database is a result. Raises pydantic's ValidationError for an input that is neither,
    lambdas.shared.verification.NoManifestError, or botocore's errors, which the state machine repeats.
    """
    request = CheckRequest.model_validate(event)
    settings = CheckSettings.read()
    seconds = min(STATEMENT_TIMEOUT_SECONDS, max(context.get_remaining_time_in_millis() / 1000 - ANSWER_SECONDS, 1.0))
    if request.step == "plan":
        return _plan(request, settings, seconds)
    if request.part is None:
        raise InvalidRequestError("expected the number of a part, found none")
    result = _part(request, request.part, settings, seconds)
    logger.info("part done", extra={"result": result.model_dump(mode="json", exclude={"payload"})})
    return {"part": request.part}


def _plan(request: CheckRequest, settings: CheckSettings, seconds: float) -> dict[str, Any]:
    parts = plan_checks(
        lambda: _sign_in(settings, request.restore),
        check_context(settings, request.restore),
        statement_timeout_seconds=seconds,
    )
    Parts(settings, request.execution).put_plan(CheckPlan(parts=parts).model_dump_json())
    logger.info("checks planned", extra={"parts": len(parts)})
    return {"count": len(parts), "parts": list(range(len(parts)))}


def _part(request: CheckRequest, number: int, settings: CheckSettings, seconds: float) -> PartResult:
    parts = Parts(settings, request.execution)
    result = run_part(
        lambda: _sign_in(settings, request.restore),
        _plan_of(parts).parts[number],
        check_context(settings, request.restore),
        statement_timeout_seconds=seconds,
    )
    parts.put(number, result.model_dump_json())
    return result


@lru_cache(maxsize=1)
def _plan_of(parts: Parts) -> CheckPlan:
    """One process does many parts of a plan, which nobody changes once the first part was asked for."""
    return CheckPlan.model_validate_json(parts.get_plan())


def _sign_in(settings: CheckSettings, restore: RestoreDescription) -> Connection:
    instance = restore.instance
    if instance is None:
        raise InvalidRequestError("expected a restored instance to check, found none")
    return sign_in_with_iam(
        host=instance.host,
        port=instance.port,
        database=settings.database_name,
        role=VERIFIER_ROLE,
        tls=settings.database_tls,
        application_name="duskspendr-verify",
    )
