"""What an age file shows without a key: its header, and whether its payload can be whole.

https://c2sp.org/age: a version line, stanzas, a MAC line; then a nonce and chunks of 64 KiB, each with a tag. Backups
fill their last chunk (see ``container.py``), so a file that was cut within a chunk shows it by its size alone.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from device.errors import BackupError, CutError, DamagedError, NewerFormatError, NotABackupError
from device.limits import AGE_CHUNK_BYTES, AGE_MAX_HEADER_BYTES, AGE_NONCE_BYTES, AGE_TAG_BYTES

_MAGIC = b"age-encryption.org/v"
_VERSION = _MAGIC + b"1\n"
_STANZAS = rb"(?:-> [!-~]+(?: [!-~]+)*\n(?:[A-Za-z0-9+/]{64}\n)*[A-Za-z0-9+/]{0,63}\n)+"
_HEADER = re.compile(re.escape(_VERSION) + _STANZAS + rb"--- [A-Za-z0-9+/]{43}\n")
_LAST_LINE = re.compile(rb"\n---[^\n]*\n")
_SEALED_CHUNK_BYTES = AGE_CHUNK_BYTES + AGE_TAG_BYTES
_ANOTHER = "use another backup, or fetch this one again"


@dataclass(frozen=True)
class Structure:
    """Sizes in bytes. ``filled`` is whether the last chunk is full, as every backup of ours leaves it."""

    header: int
    chunks: int
    filled: bool


def structure(path: Path) -> Structure:
    """The structure of an age file, as far as it shows without a key.

    Raises :class:`NotABackupError`, :class:`NewerFormatError`, :class:`DamagedError`, :class:`CutError`, and OSError.
    """
    with path.open("rb") as file:
        beginning = file.read(AGE_MAX_HEADER_BYTES)
        header = _header(beginning, path)
        payload = file.seek(0, 2) - header - AGE_NONCE_BYTES
    chunks, rest = divmod(max(payload, 0), _SEALED_CHUNK_BYTES)
    # A last chunk holds something, except in an age file of nothing.
    if payload <= AGE_TAG_BYTES or 0 < rest <= AGE_TAG_BYTES:
        raise cut(path)
    return Structure(header=header, chunks=chunks + bool(rest), filled=rest == 0)


def cut(path: Path) -> CutError:
    """The error of a file that ends too early."""
    found = f"{path.name} to end after {path.stat().st_size:,} bytes"
    return CutError(expected="a whole backup", found=found, do=_ANOTHER)


def damaged(path: Path, what: str) -> DamagedError:
    """The error of a file that was changed."""
    return DamagedError(expected="a backup as it was written", found=f"{path.name} with {what}", do=_ANOTHER)


def _header(beginning: bytes, path: Path) -> int:
    if not beginning.startswith(_VERSION):
        raise _no_header(beginning, path)
    if header := _HEADER.match(beginning):
        return header.end()
    if _LAST_LINE.search(beginning) or len(beginning) == AGE_MAX_HEADER_BYTES:
        raise damaged(path, "a header that is none of age's")
    raise cut(path)


def _no_header(beginning: bytes, path: Path) -> BackupError:
    if _VERSION.startswith(beginning):
        return cut(path)
    if beginning.startswith(_MAGIC):
        return NewerFormatError(
            expected="an age file of version 1",
            found=repr(beginning[: len(_VERSION)].decode("ascii", "replace")),
            do="update this program, or check the file for damage",
        )
    return NotABackupError(
        expected="an age file, as backup_*.enc are",
        found=f"{path.name}, which begins otherwise",
        do="check that it is the file you meant",
    )
