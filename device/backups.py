"""The client's front: everything one can do with the backups of one database.

What only a restore or a pruning needs is imported then, so that a small backup does not wait for it.
"""

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from pyrage.x25519 import Identity, Recipient

from device import creation
from device.context import Context
from device.creation import BackupResult
from device.files import work_folder
from device.limits import KEEP_DAYS
from device.manifest import Manifest

if TYPE_CHECKING:
    from device.pruning import Pruned
    from device.restoring import RestoreResult

Uploaded = TypeVar("Uploaded")


class BackupManager:
    """Backups of ``database`` in ``folder``, encrypted to ``recipients``, opened by ``identities``.

    Each method raises :class:`~device.errors.BackupError` of the cause, and OSError; nothing is half done then.
    """

    def __init__(
        self,
        database: Path,
        folder: Path,
        *,
        recipients: Sequence[Recipient] = (),
        identities: Sequence[Identity] = (),
        context: Context | None = None,
    ) -> None:
        self.database = database
        self.folder = folder
        self._recipients = recipients
        self._identities = identities
        self._context = context or Context()

    def create_local_backup(self) -> BackupResult:
        """Make a backup in the folder. With identities it is decrypted too, as a restore would."""
        return creation.create(self.database, self.folder, self._recipients, self._context, identities=self._identities)

    def create_cloud_backup(self, upload: Callable[[Path], Uploaded]) -> tuple[BackupResult, Uploaded]:
        """Make a backup in the folder and hand it to ``upload``; when that fails, the backup stays on the device."""
        made = self.create_local_backup()
        self._context.step("uploading the backup")
        return made, upload(made.path)

    def restore(self, backup: Path) -> "RestoreResult":
        """Bring a backup back in the database's place."""
        from device import restoring

        return restoring.restore(backup, self.database, self._identities, self._context)

    def undo(self) -> "RestoreResult":
        """Take the last restore back."""
        from device import restoring

        return restoring.undo(self.database, self._identities, self._context)

    def verify(self, backup: Path) -> Manifest:
        """Prove that a backup can be restored."""
        return verify_backup(backup, self._identities, self._context)

    def prune(self, keep_days: int = KEEP_DAYS) -> "Pruned":
        """Remove what is older, never the newest verified backup."""
        from device import pruning

        return pruning.prune(self.folder, keep_days, self._context)


def verify_backup(backup: Path, identities: Sequence[Identity], context: Context) -> Manifest:
    """Do all that a restore does but for the last step, in the system's folder for temporary files.

    Raises :class:`~device.errors.BackupError` of what is wrong, and OSError.
    """
    from device import restoring
    from device.folder import existing_backup

    existing_backup(backup)
    place = Path(tempfile.gettempdir())
    creation.remove_leftovers(place)
    with work_folder(place, creation.WORK_PREFIX) as work:
        context.step("unpacking the backup")
        manifest = restoring.unpack(backup, identities, work / "plain")
        context.step("checking the unpacked database")
        restoring.prepare(work / "plain", manifest, context)
    return manifest
