"""Reads every backup that arrives, tags it with what it is, and tells of those that are not right."""

from dataclasses import dataclass
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from lambdas.shared.aws import s3
from lambdas.shared.metrics import COUNT, publish
from lambdas.shared.settings import Settings
from recovery.device_backups.bucket import DeviceBucket
from recovery.device_backups.verification import verify

logger = Logger()


@dataclass(frozen=True, kw_only=True)
class VerificationSettings(Settings):
    """The bucket that the events are about, in this function's region."""

    device_bucket: str
    aws_region: str
    max_backup_bytes: int


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001 - Lambda's signature
    """Verify the version that S3's event Object Created names. Whatever fails raises: the event is kept then.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html
    """
    settings = VerificationSettings.read()
    created = event["detail"]["object"]
    key, version = str(created["key"]), str(created["version-id"])
    bucket = DeviceBucket(s3(settings.aws_region), settings.device_bucket)
    finding = verify(bucket, key, version, max_bytes=settings.max_backup_bytes)
    if finding is None:
        logger.info("the version is gone, nothing to verify", extra={"key": key, "version": version})
        return {"verified": None}
    refused = finding.reason is not None
    publish(settings, {"DeviceBackupsVerified": (COUNT, not refused), "DeviceBackupsRefused": (COUNT, refused)})
    (logger.error if refused else logger.info)(
        "device backup verified", extra={"key": key, "version": version, "reason": finding.reason}
    )
    return {"verified": not refused, "reason": finding.reason}
