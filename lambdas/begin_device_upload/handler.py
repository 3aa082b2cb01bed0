"""POST /v1/devices/{device}/backups: a link that takes exactly the backup that the device announces."""

from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from lambdas.shared.aws import dynamodb
from lambdas.shared.device_backups import DeviceBucketSettings, link_body
from lambdas.shared.http_api import Request, answer
from recovery.device_backups.quota import DailyQuota
from recovery.device_backups.uploads import UploadRequest, UploadRules, begin_upload


@dataclass(frozen=True, kw_only=True)
class UploadSettings(DeviceBucketSettings):
    """What an upload is held to."""

    encryption_key_arn: str
    quota_table: str
    uploads_per_day: int
    max_backup_bytes: int


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001 - Lambda's signature
    """Answer 201 with the link, or with a refusal."""
    return answer(event, _begin, status=HTTPStatus.CREATED)


def _begin(request: Request) -> dict[str, Any]:
    settings = UploadSettings.read()
    upload = begin_upload(
        UploadRequest.parse(request.body),
        owner=request.owner,
        device=request.device,
        bucket=settings.bucket,
        quota=DailyQuota(dynamodb(), settings.quota_table, settings.uploads_per_day),
        rules=UploadRules(settings.max_backup_bytes, settings.encryption_key_arn),
        now=datetime.now(UTC),
    )
    return {"upload": link_body(upload.link), "key": upload.key}
