"""The backups of a folder, and which of them can be relied upon."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from device import record
from device.age_file import structure
from device.errors import BackupError, NotThereError

_NAME = re.compile(r"backup_(.+)\.enc")


@dataclass(frozen=True, kw_only=True)
class Backup:
    """One file. ``taken_at`` is what its name says (UTC), or when it was last written if that says nothing.

    ``recorded`` is whether the folder's record has its name; only its hash tells whether it is still what was verified.
    """

    path: Path
    taken_at: datetime
    size: int
    recorded: bool


def backups(folder: Path) -> list[Backup]:
    """Every ``backup_*.enc`` of a folder, newest first. Raises :class:`NotThereError` and OSError."""
    names = {entry.name for entry in record.read(existing(folder))}
    found = [
        Backup(path=path, taken_at=_taken_at(match[1], path), size=path.stat().st_size, recorded=path.name in names)
        for path in folder.iterdir()
        if (match := _NAME.fullmatch(path.name)) and path.is_file()
    ]
    return sorted(found, key=lambda each: (each.taken_at, each.path.name), reverse=True)


def existing(folder: Path) -> Path:
    """The folder, which has to be there. Raises :class:`NotThereError`."""
    if not folder.is_dir():
        raise NotThereError("a folder of backups", folder)
    return folder


def existing_backup(path: Path) -> Path:
    """The backup, which has to be there. Raises :class:`NotThereError`."""
    if not path.is_file():
        raise NotThereError("a backup file", path)
    return path


def newest_verified(folder: Path, found: list[Backup]) -> list[Backup]:
    """The newest backup that is still, byte for byte, what was verified when it was made. Raises OSError.

    Two, when the clock and the order in which they were made name different ones: the clock was wrong then, and it is
    not known when. Where nothing verified is left, the newest that is whole as far as that shows without a key.
    """
    entries = record.read(folder)
    known = {entry.sha256 for entry in entries}
    by_clock = next((each for each in found if known and record.sha256_of(each.path) in known), None)
    if by_clock is None:
        return [each for each in found if _is_whole(each.path)][:1]
    by_name = {each.path.name: each for each in found}
    by_order = next(
        (
            by_name[entry.name]
            for entry in reversed(entries)
            if entry.name in by_name and record.sha256_of(by_name[entry.name].path) == entry.sha256
        ),
        by_clock,
    )
    return [by_clock] if by_order is by_clock else [by_clock, by_order]


def _is_whole(path: Path) -> bool:
    try:
        return structure(path).filled
    except BackupError:
        return False


def _taken_at(text: str, path: Path) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return datetime.fromtimestamp(path.stat().st_mtime, UTC)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
