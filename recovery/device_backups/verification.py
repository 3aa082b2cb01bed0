"""What was uploaded is what the device promised, and an age file."""

import base64
import hashlib
from dataclasses import dataclass
from typing import Literal

from recovery.device_backups import age_header
from recovery.device_backups.bucket import REASON_TAG, VERIFIED_TAG, DeviceBucket

READ_BYTES = 1024 * 1024  # all that is held in memory at a time; a header is far shorter
Reason = Literal["no-checksum", "too-large", "wrong-size", "wrong-checksum", "no-age-header", "cut"]


@dataclass(frozen=True)
class Finding:
    """What a version is. ``reason`` is None of one that is right."""

    reason: Reason | None

    @property
    def tags(self) -> dict[str, str]:
        """The finding as tags of the version."""
        if self.reason is None:
            return {VERIFIED_TAG: "true"}
        return {VERIFIED_TAG: "false", REASON_TAG: self.reason}


def verify(bucket: DeviceBucket, key: str, version: str, *, max_bytes: int) -> Finding | None:
    """Read a version to its end, tag it with what it is, and return that; None when it is gone meanwhile."""
    stored = bucket.head(key, version)
    if stored is None:
        return None
    if stored.size > max_bytes:
        finding = Finding("too-large")
    elif stored.sha256 is None:
        finding = Finding("no-checksum")
    else:
        finding = Finding(_read_and_compare(bucket, key, version, stored.size, stored.sha256))
    bucket.tag(key, version, finding.tags)
    return finding


def _read_and_compare(bucket: DeviceBucket, key: str, version: str, size: int, sha256: str) -> Reason | None:
    digest, read, header = hashlib.sha256(), 0, None
    for chunk in bucket.read(key, version, READ_BYTES):
        if not read:
            header = age_header.header_length(chunk)
        digest.update(chunk)
        read += len(chunk)
    if read != size:
        return "wrong-size"
    if base64.b64encode(digest.digest()).decode() != sha256:
        return "wrong-checksum"
    if header is None:
        return "no-age-header"
    return None if age_header.is_whole(size, header) else "cut"
