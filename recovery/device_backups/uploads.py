"""The beginning of an upload: what is asked for, whether it may be, and the link that takes exactly that."""

import base64
import hashlib
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from recovery.device_backups.bucket import DeviceBucket, Link, StoredVersion
from recovery.device_backups.keys import Kind, Owner, stamp_of
from recovery.device_backups.quota import DailyQuota
from recovery.device_backups.refusals import RefusedError, shortened


def _base64_of_32_bytes(value: str) -> str:
    digest = base64.b64decode(value, validate=True)
    if len(digest) != hashlib.sha256().digest_size or base64.b64encode(digest).decode() != value:
        raise ValueError("expected the base64 of 32 bytes")
    return value


def _whole_number(value: object) -> object:
    """JSON has one kind of number: 10.0 is an integer there, and to JSON Schema."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


class UploadRequest(BaseModel):
    """What a device says of the backup that it is about to upload. ``size`` is in bytes, ``sha256`` in base64."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    size: Annotated[int, BeforeValidator(_whole_number), Field(ge=1)]
    sha256: Annotated[str, AfterValidator(_base64_of_32_bytes)]
    kind: Kind

    @classmethod
    def parse(cls, body: str) -> "UploadRequest":
        """The request in a JSON body. Raises :class:`RefusedError` that names every field that is wrong."""
        try:
            return cls.model_validate_json(body)
        except ValidationError as error:
            found = "; ".join(_finding(dict(each)) for each in error.errors(include_url=False)[:5])
            raise RefusedError(
                HTTPStatus.BAD_REQUEST,
                "bad-request",
                "the body cannot be used",
                expected='{"size": bytes, "sha256": base64 of 32 bytes, "kind": "auto" or "manual"} and no more',
                found=shortened(found, 400),
                do="Correct the fields that are named.",
            ) from None


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


def _finding(error: dict[str, Any]) -> str:
    where = ".".join(str(part) for part in error["loc"]) or "body"
    return f"{shortened(where)}: {error['msg']}"
