"""Reads the evidence again, twice a day: is its chain whole, and how long ago was anything proven?"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import Json

from lambdas.shared.evidence_store import evidence_bucket
from lambdas.shared.metrics import COUNT, SECONDS, publish
from lambdas.shared.settings import EvidenceSettings
from recovery.evidence.ages import proof_ages
from recovery.evidence.chain import prove

logger = Logger()


@dataclass(frozen=True, kw_only=True)
class ReviewSettings(EvidenceSettings):
    """Whose restores count: those of this function's region. Faults of the chain that people have explained."""

    aws_region: str
    explained_faults: Json[tuple[str, ...]]


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001 - Lambda's signature
    """Publish whether the chain has a fault that nobody explained, and how old the proofs are, as far as there are any.

    Raises botocore's errors, and pydantic's ValidationError for a damaged record: both are silence, and an alarm.
    """
    settings = ReviewSettings.read()
    store, database = evidence_bucket(settings), settings.database_identifier
    proof = prove(store, database, explained=settings.explained_faults)
    publish(settings, {"EvidenceFaults": (COUNT, int(proof.fault is not None))})
    ages = proof_ages(store, database, region=settings.aws_region, now=datetime.now(UTC), is_doubtful=proof.is_doubtful)
    known = {"RestoreProofAgeSeconds": ages.restore_seconds, "RegionTestAgeSeconds": ages.region_test_seconds}
    found = {name: (SECONDS, age) for name, age in known.items() if age is not None}
    if found:
        publish(settings, found)
    logger.info(
        "evidence reviewed",
        extra={"records": proof.records, "fault": proof.fault, "explained": proof.explained, "ages": known},
    )
    return {"records": proof.records, "fault": proof.fault, **known}
