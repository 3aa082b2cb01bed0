"""Measures how old this region's copy of the database is; EventBridge calls it every minute while it is a copy."""

from datetime import UTC, datetime
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from lambdas.shared.database import sign_in_with_iam
from lambdas.shared.metrics import SECONDS, publish
from lambdas.shared.settings import DatabaseSettings
from recovery.bootstrap import VERIFIER_ROLE
from recovery.database_measurements import heartbeat_age_seconds

logger = Logger()


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001 - Lambda's signature
    """Publish the age of the newest heartbeat. A copy without one, or that does not answer, is silence: an alarm.

    Raises recovery.database.UnreachableError.
    """
    settings = DatabaseSettings.read()
    with sign_in_with_iam(
        host=settings.database_host,
        port=settings.database_port,
        database=settings.database_name,
        role=VERIFIER_ROLE,
        tls=settings.database_tls,
        application_name="duskspendr-measure-replica",
    ) as connection:
        age = heartbeat_age_seconds(connection, now=datetime.now(UTC))
    if age is not None:
        publish(settings, {"ReplicaHeartbeatAgeSeconds": (SECONDS, age)})
    logger.info("replica measured", extra={"age_seconds": age})
    return {"age_seconds": age}
