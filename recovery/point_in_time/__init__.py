"""Point-in-time restores of the database beside itself: from which backup, with which settings, their doing."""

from recovery.point_in_time.backups import AutomatedBackup, NotInWindowError, choose_backup, read_backups
from recovery.point_in_time.run import Restored, restore
from recovery.point_in_time.settings import InstanceSettings, read_settings, restored_identifier

__all__ = [
    "AutomatedBackup",
    "InstanceSettings",
    "NotInWindowError",
    "Restored",
    "choose_backup",
    "read_backups",
    "read_settings",
    "restore",
    "restored_identifier",
]
