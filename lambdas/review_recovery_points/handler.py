"""Looks for recovery points that cannot be relied on, or that only cost; a state machine calls it twice a day."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from lambdas.shared.aws import backup, rds
from lambdas.shared.metrics import COUNT, SECONDS, publish
from lambdas.shared.settings import Settings
from recovery.json_form import json_form
from recovery.recovery_points import review
from recovery.vault_inventory import read_inventory

logger = Logger()


@dataclass(frozen=True, kw_only=True)
class ReviewSettings(Settings):
    """Which vault of this region it is."""

    vault_name: str


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001 - Lambda's signature
    """Answer with the number of findings and their text; publish how many there are of each
    kind, and the age of the newest recovery point.

    Raises botocore's ClientError: what could not be looked at is not well.
    """
    settings = ReviewSettings.read()
    found = review(read_inventory(backup(), rds(), settings.vault_name), now=datetime.now(UTC))
    kinds = {f"RecoveryPoints{_camel(kind)}": (COUNT, float(count)) for kind, count in found.counts.items()}
    publish(
        settings,
        kinds
        | {
            "RecoveryPointsCosting": (COUNT, found.costing),
            "CopyJobsFailed": (COUNT, found.copies_failed),
            "NewestRecoveryPointAgeSeconds": (SECONDS, found.newest_age_seconds),
        },
    )
    logger.info("recovery points reviewed", extra={"review": json_form(found)})
    return {"vault": found.vault, "findings": len(found.findings), "summary": found.summary}


def _camel(kind: str) -> str:
    return kind.title().replace("_", "")
