"""Takes the manifest that later restores are proven against, in three steps: plan it, read its slices, assemble it."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel

from lambdas.shared.database import sign_in_with_iam
from lambdas.shared.manifests import put_manifest
from lambdas.shared.metrics import COUNT, publish
from lambdas.shared.parts import Parts
from lambdas.shared.settings import DatabaseSettings, EvidenceSettings
from recovery.bootstrap import VERIFIER_ROLE
from recovery.database import Connection
from recovery.manifest_taking import ManifestPlan, SliceReading, assemble, plan_manifest, read_slice
from recovery.restore_requests import InvalidRequestError

logger = Logger()


@dataclass(frozen=True, kw_only=True)
class ManifestSettings(DatabaseSettings, EvidenceSettings):
    """``may_lose_rows`` names the tables whose rows the product itself deletes."""

    may_lose_rows: tuple[str, ...] = ()


class ManifestRequest(BaseModel):
    """What the state machine asks: for the plan, for the part of that number, or for the whole."""

    step: Literal["plan", "part", "assemble"]
    execution: str
    part: int | None = None


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001 - Lambda's signature
    """Plan: answer how many slices there are. Part: keep a slice. Assemble: keep the manifest and answer with its key.

    Raises pydantic's ValidationError for an input that is none of them, what recovery.manifest raises, or botocore's
    errors; the state machine repeats what can be repeated.
    """
    settings, request = ManifestSettings.read(), ManifestRequest.model_validate(event)
    parts = Parts(settings, request.execution)
    if request.step == "plan":
        return _plan(settings, parts)
    if request.step == "assemble":
        return _assemble(settings, parts)
    if request.part is None:
        raise InvalidRequestError("expected the number of a slice, found none")
    with _sign_in(settings) as connection:
        content = read_slice(connection, _plan_of(parts), request.part)
    parts.put(request.part, content.model_dump_json())
    return {"part": request.part}


def _plan(settings: ManifestSettings, parts: Parts) -> dict[str, Any]:
    with _sign_in(settings) as connection:
        plan = plan_manifest(connection, may_lose_rows=settings.may_lose_rows)
    parts.put_plan(plan.model_dump_json())
    logger.info("manifest planned", extra={"slices": len(plan.slices)})
    return {"count": len(plan.slices), "parts": list(range(len(plan.slices)))}


def _assemble(settings: ManifestSettings, parts: Parts) -> dict[str, Any]:
    plan = _plan_of(parts)
    readings = (SliceReading.model_validate_json(parts.get(number)) for number in sorted(parts.done()))
    manifest = assemble(plan, readings)
    key = put_manifest(settings, manifest)
    logger.info("manifest taken", extra={"key": key, "rows": manifest.rows})
    publish(settings, {"ManifestTaken": (COUNT, 1), "ManifestRows": (COUNT, manifest.rows)})
    return {"key": key, "tables": len(manifest.tables), "rows": manifest.rows}


@lru_cache(maxsize=1)
def _plan_of(parts: Parts) -> ManifestPlan:
    """One process reads many slices of a plan, which nobody changes once the first slice was asked for."""
    return ManifestPlan.model_validate_json(parts.get_plan())


def _sign_in(settings: ManifestSettings) -> Connection:
    return sign_in_with_iam(
        host=settings.database_host,
        port=settings.database_port,
        database=settings.database_name,
        role=VERIFIER_ROLE,
        tls=settings.database_tls,
        application_name="duskspendr-manifest",
    )
