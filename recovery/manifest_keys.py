"""Under which keys manifests lie in the evidence bucket."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_STAMP = "%Y%m%dT%H%M%S%fZ"  # sorts as text in the order of time


def manifest_key(database_identifier: str, taken_at: datetime) -> str:
    """``manifests/{database}/{time}.json``."""
    return f"manifests/{database_identifier}/{taken_at.astimezone(UTC).strftime(_STAMP)}.json"


def newest_manifest_key(s3: "S3Client", *, bucket: str, database_identifier: str, not_after: datetime) -> str | None:
    """The newest manifest taken at or before a moment; None when there is none. Raises botocore's ClientError."""
    last = manifest_key(database_identifier, not_after)
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"manifests/{database_identifier}/")
    keys = [entry.get("Key", "") for page in pages for entry in page.get("Contents", [])]
    return max((key for key in keys if key <= last), default=None)
