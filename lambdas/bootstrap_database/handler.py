"""CloudFormation custom resource: prepares the database for recovery, once and whenever SchemaVersion changes."""

import json
from typing import Any

import urllib3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from lambdas.shared.aws import secrets
from lambdas.shared.database import sign_in
from lambdas.shared.settings import DatabaseSettings
from recovery.bootstrap import BootstrapReport, bootstrap
from recovery.database import without_secrets

logger = Logger()

# One for all time: a new id would make CloudFormation delete the resource of the old one.
PHYSICAL_ID = "continuity-schema"
# CloudFormation takes at most 4096 bytes of answer; the reason must leave room for the rest.
LONGEST_REASON = 1000


class BootstrapSettings(DatabaseSettings):
    """Where the master user's credentials are."""

    master_secret_arn: str


def handler(event: dict[str, Any], context: LambdaContext) -> None:
    """Create or update, and answer CloudFormation whatever happens: without an answer it waits for an hour.

    Deletion does nothing: the pulse and the roles are data, and go with the database.
    """
    status, reason, data = "SUCCESS", "", {}
    try:
        if event["RequestType"] != "Delete":
            report = _bootstrap()
            logger.info("database is ready", extra={"report": report.model_dump(mode="json")})
            data = {"HeartbeatSequence": str(report.heartbeat.sequence)}
    # Whatever went wrong belongs in the answer.
    except Exception as error:
        logger.exception("bootstrap failed")
        status, reason = "FAILED", f"the database could not be prepared: {without_secrets(str(error))}"
    _answer(event, status, reason or f"see log stream {context.log_stream_name}", data)


def _bootstrap() -> BootstrapReport:
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
        return bootstrap(connection)


def _answer(event: dict[str, Any], status: str, reason: str, data: dict[str, str]) -> None:
    body = {
        "Status": status,
        "Reason": reason[:LONGEST_REASON],
        "PhysicalResourceId": event.get("PhysicalResourceId") or PHYSICAL_ID,
        "StackId": event["StackId"],
        "RequestId": event["RequestId"],
        "LogicalResourceId": event["LogicalResourceId"],
        "Data": data,
    }
    # The URL is presigned for a request without a content type.
    response = urllib3.request(
        "PUT",
        event["ResponseURL"],
        body=json.dumps(body).encode(),
        headers={"Content-Type": ""},
        retries=urllib3.Retry(5, backoff_factor=0.5, status_forcelist=(500, 503), allowed_methods=None),
        timeout=10.0,
    )
    if response.status >= 400:
        raise RuntimeError(f"expected CloudFormation to take the answer, found HTTP {response.status}")
