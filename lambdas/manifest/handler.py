"""Takes the manifest that later restores are proven against; EventBridge calls it every day."""

from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from lambdas.shared.database import sign_in_with_iam
from lambdas.shared.evidence_store import put_manifest
from lambdas.shared.metrics import COUNT, publish
from lambdas.shared.settings import CommaSeparated, DatabaseSettings, EvidenceSettings
from recovery.bootstrap import VERIFIER_ROLE
from recovery.manifest import take_manifest

logger = Logger()


class ManifestSettings(DatabaseSettings, EvidenceSettings):
    """``may_lose_rows`` names the tables whose rows the product itself deletes."""

    may_lose_rows: CommaSeparated = ()


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001 - Lambda's signature
    """Keep a manifest of the database in the recovery region. A failure raises."""
    settings = ManifestSettings.read()
    with sign_in_with_iam(
        host=settings.database_host,
        port=settings.database_port,
        database=settings.database_name,
        role=VERIFIER_ROLE,
        tls=settings.database_tls,
        application_name="duskspendr-manifest",
    ) as connection:
        manifest = take_manifest(connection, may_lose_rows=settings.may_lose_rows)
    key = put_manifest(settings, manifest)
    logger.info("manifest taken", extra={"key": key, "rows": manifest.rows})
    publish(settings, {"ManifestTaken": (COUNT, 1), "ManifestRows": (COUNT, manifest.rows)})
    return {"key": key, "tables": len(manifest.tables), "rows": manifest.rows}
