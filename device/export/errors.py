"""What keeps a database from being exported, or an export from being read."""

from typing import ClassVar

from device.errors import BackupError


class ExportError(BackupError):
    """A database that the format cannot hold exactly, or a file that is no export."""

    code: ClassVar[str] = "export"
