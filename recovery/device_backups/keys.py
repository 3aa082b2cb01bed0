"""Where a device's backups lie: keys that are made of the token's subject and the device's name, and of nothing else.

``auto-backups/{user}/{device}`` is one versioned key a device; ``manual-backups/{user}/{device}/{stamp}`` is one key a
backup. ``user`` is a hash of fixed length, so no subject, whatever is in it, is the beginning of another's prefix.
"""

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Literal

from recovery.device_backups.refusals import RefusedError, bad_request

Kind = Literal["auto", "manual"]
KINDS: tuple[Kind, ...] = ("auto", "manual")
PREFIXES: dict[Kind, str] = {"auto": "auto-backups/", "manual": "manual-backups/"}

DEVICE_PATTERN = r"[a-z0-9-]{1,64}"
# S3's version ids are opaque, at most 1024 bytes and safe in URLs; a manual backup's version is the stamp in its key.
VERSION_PATTERN = r"[A-Za-z0-9._~-]{1,1024}"
_STAMP = "%Y%m%dT%H%M%S%fZ"  # sorts as text in the order of time
_STAMP_PATTERN = r"\d{8}T\d{12}Z"
_KEY = re.compile(rf"(auto|manual)-backups/([0-9a-f]{{64}})/({DEVICE_PATTERN})(?:/({_STAMP_PATTERN}))?")


@dataclass(frozen=True)
class Owner:
    """The user that a token speaks for. ``user`` is the SHA-256 of the token's subject, in hexadecimal."""

    user: str

    @classmethod
    def of(cls, subject: object) -> "Owner":
        """The owner named by a token's claim ``sub``. Raises :class:`RefusedError` for a claim that names nobody."""
        if not isinstance(subject, str) or not subject:
            raise _nobody("a missing or empty one")
        try:
            return cls(hashlib.sha256(subject.encode()).hexdigest())
        except UnicodeEncodeError:  # half a surrogate pair, which JSON can spell and no text contains
            raise _nobody("one that is no Unicode text") from None

    def prefix(self, kind: Kind) -> str:
        """What all keys of this user and kind start with, and nobody else's."""
        return f"{PREFIXES[kind]}{self.user}/"

    def auto_key(self, device: str) -> str:
        """The one key of a device's automatic backups."""
        return f"{self.prefix('auto')}{device}"

    def manual_prefix(self, device: str) -> str:
        """What the keys of a device's manual backups start with."""
        return f"{self.prefix('manual')}{device}/"

    def manual_key(self, device: str, stamp: str) -> str:
        """The key of one manual backup."""
        return f"{self.manual_prefix(device)}{stamp}"


@dataclass(frozen=True)
class BackupKey:
    """A key of the bucket in its parts; ``stamp`` is None of automatic backups."""

    kind: Kind
    user: str
    device: str
    stamp: str | None


def parse_key(key: str) -> BackupKey | None:
    """A key in its parts; None for one that this service does not make."""
    match = _KEY.fullmatch(key)
    if match is None or (match[1] == "manual") != (match[4] is not None):
        return None
    return BackupKey("manual" if match[1] == "manual" else "auto", match[2], match[3], match[4])


def stamp_of(moment: datetime) -> str:
    """The last part of a manual backup's key. ``moment`` is in UTC."""
    return moment.strftime(_STAMP)


def require_device(device: str) -> str:
    """``device`` as it was given. Raises :class:`RefusedError` for a name that no device can have."""
    if not re.fullmatch(DEVICE_PATTERN, device):
        raise bad_request(
            "bad-device",
            "the device's name cannot be used",
            expected="1 to 64 of a-z, 0-9 and -",
            found=device,
            do="Give the device a name of these characters and keep it.",
        )
    return device


def require_kind(kind: str) -> Kind:
    """``kind`` as one of KINDS. Raises :class:`RefusedError` for any other."""
    for known in KINDS:
        if kind == known:
            return known
    raise bad_request(
        "bad-kind",
        "there is no such kind of backup",
        expected=" or ".join(KINDS),
        found=kind,
        do="Ask for one of the two kinds.",
    )


def require_version(version: str) -> str:
    """``version`` as it was given. Raises :class:`RefusedError` for what can be no version."""
    if not re.fullmatch(VERSION_PATTERN, version):
        raise bad_request(
            "bad-version",
            "this can be no version",
            expected="a version out of GET /v1/backups",
            found=version,
            do="List the backups and take a version as it stands there.",
        )
    return version


def _nobody(found: str) -> RefusedError:
    return RefusedError(
        HTTPStatus.UNAUTHORIZED,
        "no-subject",
        "the token names no user",
        expected="a token with the claim sub",
        found=found,
        do="Sign in again; if that does not help, the issuer's tokens cannot be used here.",
    )
