"""Backups in the cloud: signing in, and moving encrypted files there and back.

What the network needs is imported where it is used: requests and Authlib take 24 MB and 0.2 s, which nobody should pay
who makes a backup.
"""

from typing import TYPE_CHECKING

from device.cloud.account import AccountFile

if TYPE_CHECKING:
    from device.cloud.backups import CloudBackups


def cloud_backups() -> "CloudBackups":
    """The cloud side of whoever is signed in on this device, or will have to."""
    from device.cloud.backups import CloudBackups

    return CloudBackups(AccountFile())
