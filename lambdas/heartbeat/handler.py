"""Writes one heartbeat; EventBridge calls it every minute."""

from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from lambdas.shared.database import sign_in_with_iam
from lambdas.shared.metrics import COUNT, PERCENT, publish
from lambdas.shared.settings import DatabaseSettings
from recovery.bootstrap import HEARTBEAT_ROLE
from recovery.database_measurements import connections_used_percent
from recovery.heartbeat import write_heartbeat
from recovery.json_form import json_form

logger = Logger()


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001 - Lambda's signature
    """Append one row to the pulse, and measure how many connections are used.

    A failure raises, and shows as the function's Errors metric.
    """
    settings = DatabaseSettings.read()
    with sign_in_with_iam(
        host=settings.database_host,
        port=settings.database_port,
        database=settings.database_name,
        role=HEARTBEAT_ROLE,
        tls=settings.database_tls,
        application_name="duskspendr-heartbeat",
    ) as connection:
        heartbeat = write_heartbeat(connection)
        publish(settings, {"HeartbeatWritten": (COUNT, 1), "HeartbeatSequence": (COUNT, heartbeat.sequence)})
        publish(settings, {"ConnectionsUsedPercent": (PERCENT, connections_used_percent(connection))})
    logger.info("heartbeat written", extra={"sequence": heartbeat.sequence})
    return json_form(heartbeat)
