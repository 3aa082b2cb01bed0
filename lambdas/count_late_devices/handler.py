"""Counts the devices without a backup of the last two days, on a schedule."""

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from lambdas.shared.aws import s3
from lambdas.shared.metrics import COUNT, PERCENT, publish
from lambdas.shared.settings import Settings
from recovery.device_backups.lateness import count_devices

logger = Logger()


@dataclass(frozen=True, kw_only=True)
class CountSettings(Settings):
    """The bucket in this function's region."""

    device_bucket: str
    aws_region: str


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001 - Lambda's signature
    """Publish how many devices are in time, late and inactive. A failure raises, and silence is an alarm."""
    settings = CountSettings.read()
    count = count_devices(s3(settings.aws_region), settings.device_bucket, now=datetime.now(UTC))
    publish(
        settings,
        {
            "DevicesInTime": (COUNT, count.in_time),
            "DevicesLate": (COUNT, count.late),
            "DevicesInactive": (COUNT, count.inactive),
            "DevicesLatePercent": (PERCENT, count.late_percent),
        },
    )
    logger.info("devices counted", extra={"devices": asdict(count)})
    return asdict(count) | {"late_percent": count.late_percent}
