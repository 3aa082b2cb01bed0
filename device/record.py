"""``verified.jsonl``: which backups of a folder were read back and found good, in the order in which they were made.

It lets pruning know, without any key, which file must stay, and whether it is still what was verified: entries go by
the SHA-256 of the file, so neither a rename nor a wrong clock misleads it. Losing it costs nothing but that knowledge.
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from device.files import rename, sync_file

_NAME = "verified.jsonl"


@dataclass(frozen=True)
class Verified:
    """One backup that was good when it was written: the hash (hex) and the size in bytes of the file."""

    name: str
    sha256: str
    size: int
    verified_at: str


def read(folder: Path) -> list[Verified]:
    """All entries, oldest first; lines that cannot be read count for nothing. Raises OSError."""
    try:
        lines = (folder / _NAME).read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return []
    return [entry for line in lines if (entry := _parse(line)) is not None]


def add(folder: Path, name: str, sha256: str, size: int, verified_at: datetime) -> None:
    """Note a backup. The caller holds the folder's lock. Raises OSError."""
    entry = Verified(name, sha256, size, verified_at.isoformat())
    _write(folder, [*read(folder), entry])


def forget(folder: Path, names: set[str]) -> None:
    """Drop the entries of backups that were removed. The caller holds the folder's lock. Raises OSError."""
    entries = read(folder)
    left = [entry for entry in entries if entry.name not in names]
    if len(left) < len(entries):
        _write(folder, left)


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, in hex. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write(folder: Path, entries: list[Verified]) -> None:
    partial = folder / f".{_NAME}.partial"
    try:
        partial.write_text("".join(json.dumps(asdict(entry)) + "\n" for entry in entries), encoding="utf-8")
        sync_file(partial)
        rename(partial, folder / _NAME)
    except OSError:
        partial.unlink(missing_ok=True)
        raise


def _parse(line: str) -> Verified | None:
    try:
        return Verified(**json.loads(line))
    except (ValueError, TypeError):
        return None
