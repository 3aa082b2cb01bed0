"""Which backups a user has, page by page."""

import base64
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from recovery.device_backups.bucket import DeviceBucket
from recovery.device_backups.keys import KINDS, Kind, Owner, parse_key
from recovery.device_backups.refusals import bad_request

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import ListObjectVersionsOutputTypeDef, ObjectVersionTypeDef

# Each version of a page costs one more call, for its tags: so many take well under a second side by side.
PAGE_VERSIONS = 50
TAG_READERS = 10


@dataclass(frozen=True)
class Backup:
    """One backup as a device sees it. ``size`` is in bytes, ``newest`` of its device and kind."""

    device: str
    version: str
    kind: Kind
    size: int
    created_at: datetime
    verified: bool | None
    newest: bool


@dataclass(frozen=True)
class Page:
    """Some of the backups, and the token of the next page; None of the last."""

    backups: tuple[Backup, ...]
    next: str | None


@dataclass(frozen=True)
class _Place:
    """Where a page begins: after this version of this key below the owner's prefix."""

    kind: Kind
    key: str = ""
    version: str = ""


@dataclass(frozen=True)
class _Entry:
    key: str
    version_id: str
    backup: Backup


def list_backups(
    bucket: DeviceBucket, owner: Owner, *, device: str | None, token: str | None, page_versions: int = PAGE_VERSIONS
) -> Page:
    """One page, automatic backups first; of all devices unless one is named.

    Raises :class:`RefusedError` for a token that no page gave.
    """
    place = _Place("auto") if token is None else _read(token)
    entries: list[_Entry] = []
    following: _Place | None = place
    while following is not None and len(entries) < page_versions:
        found, following = _part_of_page(bucket, owner, device, following, page_versions - len(entries))
        entries += found

    def with_finding(entry: _Entry) -> Backup:
        return replace(entry.backup, verified=bucket.verified(entry.key, entry.version_id))

    with ThreadPoolExecutor(TAG_READERS) as readers:
        backups = tuple(readers.map(with_finding, entries))
    return Page(backups, None if following is None else _write(following))


def _part_of_page(
    bucket: DeviceBucket, owner: Owner, device: str | None, place: _Place, limit: int
) -> tuple[list[_Entry], _Place | None]:
    """Up to ``limit`` entries of one kind from ``place`` on, and where it goes on."""
    base = owner.prefix(place.kind)
    wanted = "" if device is None else device if place.kind == "auto" else f"{device}/"
    markers: Any = {"KeyMarker": base + place.key, "VersionIdMarker": place.version} if place.key else {}
    page = bucket.client.list_object_versions(Bucket=bucket.name, Prefix=base + wanted, MaxKeys=limit, **markers)
    found = list(_entries(bucket, place.kind, page))
    mine = [entry for entry in found if device is None or entry.backup.device == device]
    # Another device whose name begins like this one sorts behind it.
    if page.get("IsTruncated") and len(mine) == len(found):
        key = page.get("NextKeyMarker", "").removeprefix(base)
        return mine, _Place(place.kind, key, page.get("NextVersionIdMarker", ""))
    later = KINDS[KINDS.index(place.kind) + 1 :]
    return mine, _Place(later[0]) if later else None


def _entries(bucket: DeviceBucket, kind: Kind, page: "ListObjectVersionsOutputTypeDef") -> Iterator[_Entry]:
    versions = page.get("Versions", [])
    for position, version in enumerate(versions):
        key = parse_key(version.get("Key", ""))
        if key is None or (kind == "manual" and not version.get("IsLatest")):
            continue
        newest = bool(version.get("IsLatest"))
        if kind == "manual":
            newest = _is_last_of_device(bucket, versions, position, truncated=bool(page.get("IsTruncated")))
        yield _Entry(
            version.get("Key", ""),
            version.get("VersionId", ""),
            Backup(
                device=key.device,
                version=key.stamp or version.get("VersionId", ""),
                kind=kind,
                size=version.get("Size", 0),
                created_at=version["LastModified"],  # pyright: ignore[reportTypedDictNotRequiredAccess]
                verified=None,
                newest=newest,
            ),
        )


def _is_last_of_device(
    bucket: DeviceBucket, versions: "list[ObjectVersionTypeDef]", position: int, *, truncated: bool
) -> bool:
    """Whether no newer manual backup of the same device follows, on this page or on the next."""
    key = versions[position].get("Key", "")
    prefix = key.rpartition("/")[0] + "/"
    if position + 1 < len(versions):
        return not versions[position + 1].get("Key", "").startswith(prefix)
    return not truncated or not bucket.has_key_after(prefix, key)


def _write(place: _Place) -> str:
    return base64.urlsafe_b64encode(json.dumps([place.kind, place.key, place.version]).encode()).decode()


def _read(token: str) -> _Place:
    """Where a token says. It holds no more than a place below the prefix of whoever sends it."""
    try:
        kind, key, version = json.loads(base64.b64decode(token.encode(), altchars=b"-_", validate=True))
        if kind in KINDS and isinstance(key, str) and isinstance(version, str):
            return _Place(kind, key, version)
    except (ValueError, TypeError):
        pass
    raise bad_request(
        "bad-token",
        "this is no page of the list",
        expected="the value next of the page before",
        found=token,
        do="Begin the list again without it.",
    )
