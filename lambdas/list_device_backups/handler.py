"""GET /v1/backups: which backups the user has, in the bucket of this function's region."""

from dataclasses import asdict
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from lambdas.shared.device_backups import DeviceBucketSettings
from lambdas.shared.http_api import Request, answer
from recovery.device_backups.keys import require_device
from recovery.device_backups.listing import list_backups


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001 - Lambda's signature
    """Answer 200 with one page, or with a refusal."""
    return answer(event, _list)


def _list(request: Request) -> dict[str, Any]:
    device = request.query.get("device")
    page = list_backups(
        DeviceBucketSettings.read().bucket,
        request.owner,
        device=None if device is None else require_device(device),
        token=request.query.get("next"),
    )
    backups = [asdict(backup) | {"created_at": backup.created_at.isoformat()} for backup in page.backups]
    return {"backups": backups, "next": page.next}
