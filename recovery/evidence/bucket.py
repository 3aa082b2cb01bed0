"""Evidence in an S3 bucket with versions and object lock."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# S3 asks to repeat a conditional write that met another one of the same key (409). At the second attempt one has won.
CONFLICTING_WRITES = 3


@dataclass(frozen=True)
class EvidenceBucket:
    """A store of evidence. Every method raises botocore's ClientError for what S3 refuses."""

    client: "S3Client"
    name: str

    def written(self, prefix: str) -> Mapping[str, datetime]:
        """Every key under ``prefix``, and when it was written."""
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=prefix)
        return {
            entry["Key"]: entry["LastModified"]
            for page in pages
            for entry in page.get("Contents", [])
            if "Key" in entry and "LastModified" in entry
        }

    def read(self, key: str) -> bytes:
        """The content of a key."""
        return self.client.get_object(Bucket=self.name, Key=key)["Body"].read()

    def rewritten(self, prefix: str) -> list[str]:
        """What was deleted or written again under ``prefix``: the lock keeps the first version, which is named."""
        first: dict[str, str] = {}
        faults: list[str] = []
        for page in self.client.get_paginator("list_object_versions").paginate(Bucket=self.name, Prefix=prefix):
            # Newest first, for each key.
            for version in page.get("Versions", []):
                key = version.get("Key", "")
                if key in first:
                    faults.append(f"{key} was written again; its first version is {version.get('VersionId')}")
                first[key] = version.get("VersionId", "")
            faults += [
                f"{marker.get('Key')} was deleted at {marker.get('LastModified')}; its versions are still there"
                for marker in page.get("DeleteMarkers", [])
            ]
        return sorted(faults)

    def write_once(self, key: str, content: bytes, content_type: str) -> bool:
        """Keep ``content``; False when there already is something under that key, which stands."""
        for _ in range(CONFLICTING_WRITES - 1):
            try:
                return self._write(key, content, content_type)
            except ClientError as error:
                if _code(error) != "ConditionalRequestConflict":
                    raise
        return self._write(key, content, content_type)

    def _write(self, key: str, content: bytes, content_type: str) -> bool:
        try:
            self.client.put_object(
                Bucket=self.name,
                Key=key,
                Body=content,
                ContentType=content_type,
                IfNoneMatch="*",
                # A bucket with object lock takes an object only with a checksum; SHA-256 also serves an auditor.
                ChecksumAlgorithm="SHA256",
            )
        except ClientError as error:
            if _code(error) != "PreconditionFailed":
                raise
            return False
        return True


def _code(error: ClientError) -> str | None:
    return error.response.get("Error", {}).get("Code")
