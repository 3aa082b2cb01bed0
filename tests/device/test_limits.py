"""The client's numbers are the project's."""

from continuity import sign_in
from device import limits
from device.cloud.login import REDIRECT_URIS
from recovery import objectives


def test_backups_stay_on_the_device_as_long_as_the_spec_says():
    assert limits.KEEP_DAYS == objectives.DEVICE_LOCAL_BACKUP_RETENTION_DAYS


def test_sign_in_comes_back_to_where_the_user_pool_allows():
    assert REDIRECT_URIS == sign_in.LOOPBACK_REDIRECTS
