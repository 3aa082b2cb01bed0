"""POST /v1/devices/{device}/backups/{version}/download: a link to one backup in this function's region."""

from datetime import UTC, datetime
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from lambdas.shared.device_backups import DeviceBucketSettings, link_body
from lambdas.shared.http_api import Request, answer
from recovery.device_backups.downloads import begin_download
from recovery.device_backups.keys import require_kind, require_version


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001 - Lambda's signature
    """Answer 200 with the link, or with a refusal."""
    return answer(event, _link)


def _link(request: Request) -> dict[str, Any]:
    download = begin_download(
        DeviceBucketSettings.read().bucket,
        request.owner,
        device=request.device,
        version=require_version(request.path["version"]),
        kind=require_kind(request.query.get("kind", "auto")),
        now=datetime.now(UTC),
    )
    return {"download": link_body(download.link), "size": download.size, "sha256": download.sha256}
