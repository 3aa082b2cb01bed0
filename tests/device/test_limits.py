"""The client's numbers are the project's."""

from device import limits
from recovery import objectives


def test_backups_stay_on_the_device_as_long_as_the_spec_says():
    assert limits.KEEP_DAYS == objectives.AUTOMATED_BACKUP_RETENTION_DAYS
