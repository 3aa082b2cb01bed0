"""Removing old backups: seven days stay, and the newest verified one always."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, timedelta
from pathlib import Path

from device import record
from device.context import Context
from device.files import locked, sync_folder
from device.folder import backups, existing, newest_verified


@dataclass(frozen=True, kw_only=True)
class Pruned:
    """What went, what stays, and which of those would have stayed at any age."""

    removed: Sequence[Path]
    kept: Sequence[Path]
    newest_verified: Sequence[Path]


def prune(folder: Path, keep_days: int, context: Context) -> Pruned:
    """Remove the backups that are older than ``keep_days``, but never the newest verified one, whatever the clock says.

    When none is there that could be relied upon, nothing is removed. Raises :class:`~device.errors.StorageError` and
    OSError.
    """
    context.step("looking at the backups")
    now = context.clock().astimezone(UTC)
    with locked(existing(folder)):
        found = backups(folder)
        newest = newest_verified(folder, found)
        # A division, since no difference of times is as long as the number of days that one can type.
        days = {each.path: (now - each.taken_at) / timedelta(days=1) for each in found}
        old = [each for each in found if newest and days[each.path] > keep_days and each not in newest]
        for each in old:
            context.step(f"removing {each.path.name}")
            each.path.unlink(missing_ok=True)
        context.step("noting what is left")
        sync_folder(folder)
        kept = [each for each in found if each not in old]
        record.forget(folder, {each.path.name for each in old})
    context.step("done")
    return Pruned(
        removed=[each.path for each in old],
        kept=[each.path for each in kept],
        newest_verified=[each.path for each in newest],
    )
