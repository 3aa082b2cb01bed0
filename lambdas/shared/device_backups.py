"""What the functions around device backups share: their settings, and links as the API writes them."""

from dataclasses import dataclass
from typing import Any

from lambdas.shared.aws import device_s3
from lambdas.shared.settings import Settings
from recovery.device_backups.bucket import DeviceBucket, Link


@dataclass(frozen=True, kw_only=True)
class DeviceBucketSettings(Settings):
    """The bucket in this function's own region; Lambda gives AWS_REGION."""

    device_bucket: str
    aws_region: str

    @property
    def bucket(self) -> DeviceBucket:
        """The bucket, with its client."""
        return DeviceBucket(device_s3(self.aws_region), self.device_bucket)


def link_body(link: Link) -> dict[str, Any]:
    """A link as the API writes it."""
    return {
        "method": link.method,
        "url": link.url,
        "headers": link.headers,
        "expires_at": link.expires_at.isoformat(),
    }
