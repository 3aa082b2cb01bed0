"""CloudFormation custom resource: prepares the database for recovery, once and whenever SchemaVersion changes."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from lambdas.shared.aws import secrets
from lambdas.shared.custom_resource import answer_cloudformation
from lambdas.shared.database import sign_in
from lambdas.shared.settings import DatabaseSettings
from recovery.bootstrap import bootstrap
from recovery.json_form import json_form

logger = Logger()

# One for all time: a new id would make CloudFormation delete the resource of the old one.
PHYSICAL_ID = "continuity-schema"


@dataclass(frozen=True, kw_only=True)
class BootstrapSettings(DatabaseSettings):
    """Where the master user's credentials are."""

    master_secret_arn: str


def handler(event: dict[str, Any], context: LambdaContext) -> None:  # noqa: ARG001 - Lambda's signature
    """Create or update, and answer CloudFormation whatever happens: without an answer it waits for an hour.

    Deletion does nothing: the pulse and the roles are data, and go with the database.
    """
    answer_cloudformation(event, PHYSICAL_ID, _bootstrap)


def _bootstrap(_: Mapping[str, Any]) -> dict[str, str]:
    settings = BootstrapSettings.read()
    secret = json.loads(secrets().get_secret_value(SecretId=settings.master_secret_arn)["SecretString"])
    with sign_in(
        host=settings.database_host,
        port=settings.database_port,
        database=settings.database_name,
        role=secret["username"],
        password=secret["password"],
        tls=settings.database_tls,
        application_name="duskspendr-bootstrap",
    ) as connection:
        report = bootstrap(connection)
    logger.info("database is ready", extra={"report": json_form(report)})
    return {"HeartbeatSequence": str(report.heartbeat.sequence)}
