"""age's X25519 keys: the device's own identity, and the recipients that a backup is encrypted to.

A key file is what ``age-keygen`` writes: comments, and one identity a line.
"""

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from pyrage import IdentityError, RecipientError
from pyrage.x25519 import Identity, Recipient

from device.errors import NotThereError, StorageError, UsageError
from device.files import sync_folder

_PREFIX = "AGE-SECRET-KEY-1"


def generate() -> Identity:
    """A new identity, from the system's own randomness."""
    return Identity.generate()


def key_file_text(identity: Identity, created_at: datetime) -> str:
    """What a key file holds."""
    return f"# created: {created_at:%Y-%m-%dT%H:%M:%SZ}\n# public key: {identity.to_public()}\n{identity}\n"


def write_key_file(path: Path, identity: Identity) -> None:
    """Write a key file that only its owner reads; one that is there already is never written over.

    Raises :class:`StorageError`, :class:`NotThereError` for its folder, and OSError.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise StorageError(
            expected="a new file for the key", found=f"{path}, which is there already", do="choose another name"
        ) from None
    except FileNotFoundError:
        raise NotThereError("a folder for the key", path.parent) from None
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(key_file_text(identity, datetime.now(UTC)))
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        path.unlink()
        raise
    sync_folder(path.parent)


def read_key_file(path: Path) -> list[Identity]:
    """Every identity of a key file. Raises :class:`UsageError` when there is none, and OSError."""
    return parse_identities(path.read_text(encoding="utf-8", errors="replace"), str(path))


def parse_identities(text: str, place: str) -> list[Identity]:
    """Every identity of a key file's text. Raises :class:`UsageError`; no message ever holds a part of a key."""
    lines = [line.strip() for line in text.splitlines()]
    wanted = [line for line in lines if line and not line.startswith("#")]
    if not wanted or not all(line.startswith(_PREFIX) for line in wanted):
        raise UsageError(
            expected=f"identities ({_PREFIX}...) in {place}, one a line",
            found="nothing" if not wanted else "lines that are none",
            do="name the file that `duskspendr-backup keygen` wrote, or the recovery kit",
        )
    try:
        return [Identity.from_str(line) for line in wanted]
    except IdentityError:
        raise UsageError(
            expected=f"identities that were not changed in {place}",
            found="one that cannot be read",
            do="check each letter",
        ) from None


def parse_recipients(texts: Sequence[str]) -> list[Recipient]:
    """Recipients as people write them, each once. Raises :class:`UsageError`."""
    if not texts:
        raise UsageError(expected="at least one recipient", found="none", do="pass --recipient age1...")
    return [_recipient(text) for text in dict.fromkeys(text.strip() for text in texts)]


def _recipient(text: str) -> Recipient:
    if text.startswith(_PREFIX):
        raise UsageError(
            expected="a recipient (age1...)",
            found="a secret key in its place",
            do="pass the public key that `duskspendr-backup keygen` printed, and keep the secret one out of commands",
        )
    try:
        return Recipient.from_str(text)
    except RecipientError:
        raise UsageError(
            expected="a recipient (age1...)", found=repr(text), do="copy it whole from `duskspendr-backup keygen`"
        ) from None
