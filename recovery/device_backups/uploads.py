"""The beginning of an upload: what is asked for, whether it may be, and the link that takes exactly that."""

import base64
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import cast

from recovery.device_backups.bucket import DeviceBucket, Link, StoredVersion
from recovery.device_backups.keys import KINDS, Kind, Owner, stamp_of
from recovery.device_backups.quota import DailyQuota
from recovery.device_backups.refusals import RefusedError, shortened


@dataclass(frozen=True)
class UploadRequest:
    """What a device says of the backup that it is about to upload. ``size`` is in bytes, ``sha256`` in base64."""

    size: int
    sha256: str
    kind: Kind

    @classmethod
    def parse(cls, body: str) -> "UploadRequest":
        """The request in a JSON body. Raises :class:`RefusedError` that names every field that is wrong."""
        try:
            given: object = json.loads(body)
        except (ValueError, RecursionError):
            raise _refused(["body: expected JSON"]) from None
        if not isinstance(given, dict):
            raise _refused(["body: expected an object"])
        values = cast("dict[str, object]", given)
        wrong = [f"{name}: expected {what}" for name, (what, fits) in _FIELDS.items() if not fits(values.get(name))]
        wrong += [f"{shortened(name)}: expected no such field" for name in values if name not in _FIELDS]
        if wrong:
            raise _refused(wrong)
        # JSON has one kind of number: 10.0 is an integer there, and to JSON Schema.
        return cls(int(cast(float, values["size"])), cast(str, values["sha256"]), cast(Kind, values["kind"]))


def _is_size(value: object) -> bool:
    whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    return whole and not isinstance(value, bool) and cast(float, value) >= 1


def _is_base64_of_32_bytes(value: object) -> bool:
    if not isinstance(value, str):
        return False
    try:
        digest = base64.b64decode(value, validate=True)
    except ValueError:
        return False
    return len(digest) == hashlib.sha256().digest_size and base64.b64encode(digest).decode() == value


_FIELDS: dict[str, tuple[str, Callable[[object], bool]]] = {
    "size": ("a whole number of bytes, at least 1", _is_size),
    "sha256": ("the base64 of 32 bytes", _is_base64_of_32_bytes),
    "kind": (" or ".join(KINDS), lambda value: value in KINDS),
}


def _refused(findings: Sequence[str]) -> RefusedError:
    return RefusedError(
        HTTPStatus.BAD_REQUEST,
        "bad-request",
        "the body cannot be used",
        expected='{"size": bytes, "sha256": base64 of 32 bytes, "kind": "auto" or "manual"} and no more',
        found=shortened("; ".join(findings[:5]), 400),
        do="Correct the fields that are named.",
    )


@dataclass(frozen=True)
class UploadRules:
    """What holds for every upload of an environment."""

    max_bytes: int
    encryption_key_arn: str


@dataclass(frozen=True)
class Upload:
    """An upload that may begin: its link and the key it writes."""

    link: Link
    key: str


def begin_upload(
    request: UploadRequest,
    *,
    owner: Owner,
    device: str,
    bucket: DeviceBucket,
    quota: DailyQuota,
    rules: UploadRules,
    now: datetime,
) -> Upload:
    """Give a link for one upload, and count it. ``now`` is in UTC.

    Raises :class:`RefusedError`: too large, already there, or over the quota.
    """
    _require_size(request, rules.max_bytes)
    newest = _newest(bucket, owner, device, request.kind)
    if newest is not None and newest.sha256 == request.sha256 and newest.size == request.size:
        raise RefusedError(
            HTTPStatus.CONFLICT,
            "already-there",
            "the newest backup of this device is this one",
            expected="a backup that is not there yet",
            found=f"the same {request.size} bytes with the same SHA-256",
            do="Nothing: the backup is in the cloud.",
        )
    quota.take(owner, now)
    auto = request.kind == "auto"
    key = owner.auto_key(device) if auto else owner.manual_key(device, stamp_of(now))
    link = bucket.upload_link(
        key,
        size=request.size,
        sha256=request.sha256,
        encryption_key_arn=rules.encryption_key_arn,
        replaces=newest.etag if auto and newest is not None else None,
        now=now,
    )
    return Upload(link, key)


def _newest(bucket: DeviceBucket, owner: Owner, device: str, kind: Kind) -> StoredVersion | None:
    key = owner.auto_key(device) if kind == "auto" else bucket.last_key(owner.manual_prefix(device))
    return None if key is None else bucket.head(key)


def _require_size(request: UploadRequest, max_bytes: int) -> None:
    if request.size > max_bytes:
        raise RefusedError(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            "too-large",
            "the backup is too large",
            expected=f"at most {max_bytes} bytes",
            found=f"{request.size} bytes",
            do="Keep this backup on the device, and tell us: no database of this app should come near.",
        )
