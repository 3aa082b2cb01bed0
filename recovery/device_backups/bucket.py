"""The bucket of device backups as both regions have it; every call is bound to keys that :mod:`.keys` made."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import parse_qs, urlsplit

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import ObjectIdentifierTypeDef

# How long a link works. S3 looks at it when a request begins, so a slow upload may end later.
LINK_LIFETIME = timedelta(minutes=15)
DELETABLE_VERSIONS = 1000  # the most that S3 deletes in one call
VERIFIED_TAG, REASON_TAG = "verified", "reason"
# How S3 tells of a key or version that is not there, or is a delete marker (405), to a HEAD, whose answer has no body,
# and to a GET. A HEAD's 400 may be a malformed version as well as a key that is switched off, so it is none of these.
_NOT_THERE = frozenset({"404", "405", "NoSuchKey", "NoSuchVersion", "MethodNotAllowed"})
_NO_VERSION = "InvalidArgument"  # what a GET's answer calls a malformed version
Archive = Literal["readable", "archived", "coming"]


@dataclass(frozen=True)
class StoredVersion:
    """One version of an object. ``sha256`` is in base64, None where S3 knows none."""

    size: int
    etag: str
    sha256: str | None
    archive: Archive


@dataclass(frozen=True)
class Link:
    """A signed request for whoever holds it, until ``expires_at``. ``headers`` have to be sent as they are."""

    method: Literal["GET", "PUT"]
    url: str
    headers: dict[str, str]
    expires_at: datetime


@dataclass(frozen=True)
class DeviceBucket:
    """``client`` has to sign with Signature Version 4. Methods raise botocore's errors where nothing else is said."""

    client: "S3Client"
    name: str

    def head(self, key: str, version: str | None = None) -> StoredVersion | None:
        """What is known of a version, or of the current one; None when there is none."""
        chosen: Any = {} if version is None else {"VersionId": version}
        try:
            found = self.client.head_object(Bucket=self.name, Key=key, ChecksumMode="ENABLED", **chosen)
        except ClientError as error:
            if _code(error) in _NOT_THERE:
                return None
            raise
        return StoredVersion(
            size=found["ContentLength"],
            etag=found["ETag"],
            sha256=found.get("ChecksumSHA256"),
            archive=_archive(found.get("StorageClass"), found.get("Restore")),
        )

    def is_on_its_way(self, key: str, version: str) -> bool:
        """Whether a version's copy in the other region is still to come. Needs no right to read the content."""
        try:
            found = self.client.head_object(Bucket=self.name, Key=key, VersionId=version)
        except ClientError as error:
            if _code(error) in _NOT_THERE:  # a delete marker, which is not copied
                return False
            raise
        return found.get("ReplicationStatus") == "PENDING"

    def last_key(self, prefix: str) -> str | None:
        """The last of the keys under ``prefix`` in the order of their text; None without any."""
        last = None
        for page in self.client.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=prefix):
            for entry in page.get("Contents", []):
                last = entry.get("Key", last)
        return last

    def has_key_after(self, prefix: str, key: str) -> bool:
        """Whether a key under ``prefix`` follows ``key`` in the order of their text."""
        page = self.client.list_objects_v2(Bucket=self.name, Prefix=prefix, StartAfter=key, MaxKeys=1)
        return bool(page.get("Contents"))

    def read(self, key: str, version: str, chunk_bytes: int) -> Iterator[bytes]:
        """A version's content as it comes in, of which only one chunk is held at a time."""
        body = self.client.get_object(Bucket=self.name, Key=key, VersionId=version)["Body"]
        with closing(body):
            yield from body.iter_chunks(chunk_bytes)

    def tags(self, key: str, version: str) -> dict[str, str] | None:
        """A version's tags; None when there is no such version."""
        try:
            found = self.client.get_object_tagging(Bucket=self.name, Key=key, VersionId=version)
        except ClientError as error:
            if _code(error) in {*_NOT_THERE, _NO_VERSION}:
                return None
            raise
        return {tag["Key"]: tag["Value"] for tag in found["TagSet"]}

    def verified(self, key: str, version: str) -> bool | None:
        """What the verification found; None while it has not."""
        return {"true": True, "false": False}.get((self.tags(key, version) or {}).get(VERIFIED_TAG, ""))

    def tag(self, key: str, version: str, tags: dict[str, str]) -> None:
        """Give a version these tags and no others; its content is not touched."""
        self.client.put_object_tagging(
            Bucket=self.name,
            Key=key,
            VersionId=version,
            Tagging={"TagSet": [{"Key": name, "Value": value} for name, value in tags.items()]},
        )

    def bring_from_archive(self, key: str, days: int) -> None:
        """Have an archived object made readable for ``days``."""
        self.client.restore_object(
            Bucket=self.name,
            Key=key,
            RestoreRequest={"Days": days, "GlacierJobParameters": {"Tier": "Standard"}},
        )

    def versions(self, prefix: str) -> "list[ObjectIdentifierTypeDef]":
        """The first versions and delete markers under ``prefix``, at most DELETABLE_VERSIONS."""
        page = self.client.list_object_versions(Bucket=self.name, Prefix=prefix, MaxKeys=DELETABLE_VERSIONS)
        found = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
        return [{"Key": each.get("Key", ""), "VersionId": each.get("VersionId", "")} for each in found]

    def delete(self, versions: "Sequence[ObjectIdentifierTypeDef]") -> int:
        """Delete versions for good and return how many were. Raises RuntimeError when S3 keeps one."""
        if not versions:
            return 0
        answer = self.client.delete_objects(Bucket=self.name, Delete={"Objects": list(versions), "Quiet": True})
        kept = answer.get("Errors", [])
        if kept:
            raise RuntimeError(
                f"expected S3 to delete {len(versions)} versions, found {len(kept)} kept: {kept[0].get('Code')}"
            )
        return len(versions)

    def upload_link(
        self, key: str, *, size: int, sha256: str, encryption_key_arn: str, replaces: str | None, now: datetime
    ) -> Link:
        """A link that takes exactly these bytes, once.

        It works only while ``replaces`` (an ETag) is the current version, or while there is none; its own upload ends
        that.
        """
        condition: Any = {"IfNoneMatch": "*"} if replaces is None else {"IfMatch": replaces}
        url = self.client.generate_presigned_url(
            "put_object",
            Params={
                "Bucket": self.name,
                "Key": key,
                "ContentLength": size,
                "ChecksumSHA256": sha256,
                "ServerSideEncryption": "aws:kms",
                "SSEKMSKeyId": encryption_key_arn,
                **condition,
            },
            ExpiresIn=int(LINK_LIFETIME.total_seconds()),
        )
        values = {
            "content-length": str(size),
            "if-match" if replaces else "if-none-match": replaces or "*",
            "x-amz-checksum-sha256": sha256,
            "x-amz-server-side-encryption": "aws:kms",
            "x-amz-server-side-encryption-aws-kms-key-id": encryption_key_arn,
        }
        unsigned = set(values) - signed_headers(url)
        if unsigned:
            raise RuntimeError(f"expected every header of the upload to be signed, found {sorted(unsigned)} unsigned")
        return Link("PUT", url, values, now + LINK_LIFETIME)

    def download_link(self, key: str, version: str | None, now: datetime) -> Link:
        """A link to a version, or to the current one."""
        chosen = {} if version is None else {"VersionId": version}
        url = self.client.generate_presigned_url(
            "get_object",
            Params={"Bucket": self.name, "Key": key, **chosen},
            ExpiresIn=int(LINK_LIFETIME.total_seconds()),
        )
        return Link("GET", url, {}, now + LINK_LIFETIME)


def signed_headers(url: str) -> set[str]:
    """The headers that a presigned request has to carry unchanged."""
    (names,) = parse_qs(urlsplit(url).query).get("X-Amz-SignedHeaders", [""])
    return set(names.split(";"))


def _archive(storage_class: str | None, restore: str | None) -> Archive:
    if storage_class != "GLACIER":
        return "readable"
    if restore is None:
        return "archived"
    return "coming" if 'ongoing-request="true"' in restore else "readable"


def _code(error: ClientError) -> str:
    return error.response.get("Error", {}).get("Code", "")
