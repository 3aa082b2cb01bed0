"""A link to one backup, wherever it lies."""

from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus

from recovery.device_backups.bucket import DeviceBucket, Link
from recovery.device_backups.keys import Kind, Owner
from recovery.device_backups.refusals import RefusedError, no_such_backup
from recovery.objectives import DEVICE_LOCAL_BACKUP_RETENTION_DAYS

# Glacier's standard retrieval takes 3 to 5 hours.
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/restoring-objects-retrieval-options.html
RETRIEVAL_SECONDS = 5 * 3600


@dataclass(frozen=True)
class Download:
    """A link and what comes through it. ``size`` is in bytes, ``sha256`` in base64, None where S3 knows none."""

    link: Link
    size: int
    sha256: str | None


def begin_download(
    bucket: DeviceBucket, owner: Owner, *, device: str, version: str, kind: Kind, now: datetime
) -> Download:
    """A link to a version.

    Raises :class:`RefusedError` when there is none, and when it is in the archive, from where it is then fetched.
    """
    auto = kind == "auto"
    key = owner.auto_key(device) if auto else owner.manual_key(device, version)
    version_id = version if auto else None
    # Asked for its tags S3 tells a version that is none from one that it cannot decrypt.
    known = version_id is None or bucket.tags(key, version_id) is not None
    found = bucket.head(key, version_id) if known else None
    if found is None:
        raise no_such_backup(device, version, kind)
    if found.archive != "readable":
        if found.archive == "archived":
            bucket.bring_from_archive(key, DEVICE_LOCAL_BACKUP_RETENTION_DAYS)
        raise RefusedError(
            HTTPStatus.CONFLICT,
            "archived",
            "the backup is being fetched from the archive",
            expected="a backup that can be read now",
            found="one in the archive, which takes up to 5 hours",
            do=f"Ask again then; it stays readable for {DEVICE_LOCAL_BACKUP_RETENTION_DAYS} days.",
            retry_after_seconds=RETRIEVAL_SECONDS,
        )
    return Download(bucket.download_link(key, version_id, now), found.size, found.sha256)
