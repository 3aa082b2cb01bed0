"""Everything of one user is deleted, in both regions, in as many calls as it takes."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from recovery.device_backups.bucket import DeviceBucket
from recovery.device_backups.keys import KINDS, Owner
from recovery.device_backups.refusals import RefusedError

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import ObjectIdentifierTypeDef

STATUS_READERS = 16
RETRY_AFTER_SECONDS = 300


@dataclass(frozen=True)
class Deletion:
    """How many versions this call deleted, in both regions, and how many are still there as far as one look shows: at
    most 1000 a region and kind are counted.
    """

    deleted: int
    remaining: int


def delete_everything(
    bucket: DeviceBucket, replica: DeviceBucket, owner: Owner, *, time_left: Callable[[], bool]
) -> Deletion:
    """Delete every version of the owner while there is time, first here and then in the recovery region.

    Deletions are not replicated, so the replica's versions are deleted there. A version whose copy is still on its way
    stays until the copy has arrived: otherwise it would arrive afterwards, and stay. Raises :class:`RefusedError` when
    the recovery region does not answer; what was deleted here until then stays deleted.
    """
    deleted = _delete(bucket, owner, time_left, arrived=lambda versions: _replicated(bucket, versions))
    try:
        copies = _delete(replica, owner, time_left, arrived=list)
        remaining = _count(bucket, owner) + _count(replica, owner)
    except (BotoCoreError, ClientError) as error:
        if not _silent(error):
            raise
        raise RefusedError(
            HTTPStatus.SERVICE_UNAVAILABLE,
            "recovery-region-silent",
            "the copies in the recovery region are not deleted yet",
            expected="an answer of the recovery region",
            found=f"none ({type(error).__name__}); {deleted} versions were deleted in the primary region",
            do="Ask again later, until nothing remains: the account's backups are not gone before.",
            retry_after_seconds=RETRY_AFTER_SECONDS,
        ) from error
    return Deletion(deleted + copies, remaining)


def _delete(
    bucket: DeviceBucket,
    owner: Owner,
    time_left: Callable[[], bool],
    *,
    arrived: "Callable[[list[ObjectIdentifierTypeDef]], list[ObjectIdentifierTypeDef]]",
) -> int:
    deleted = 0
    for kind in KINDS:
        while time_left():
            done = bucket.delete(arrived(bucket.versions(owner.prefix(kind))))
            deleted += done
            if not done:  # nothing is left, or nothing whose copy has arrived
                break
    return deleted


def _replicated(bucket: DeviceBucket, versions: "list[ObjectIdentifierTypeDef]") -> "list[ObjectIdentifierTypeDef]":
    """Those whose copy is not on its way."""

    def waits(version: "ObjectIdentifierTypeDef") -> bool:
        return bucket.is_on_its_way(version["Key"], version.get("VersionId", ""))

    with ThreadPoolExecutor(STATUS_READERS) as readers:
        waiting = list(readers.map(waits, versions))
    return [version for version, wait in zip(versions, waiting, strict=True) if not wait]


def _count(bucket: DeviceBucket, owner: Owner) -> int:
    return sum(len(bucket.versions(owner.prefix(kind))) for kind in KINDS)


def _silent(error: BotoCoreError | ClientError) -> bool:
    """Whether it is the service that fails, not the request."""
    if isinstance(error, ClientError):
        return error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0) >= HTTPStatus.INTERNAL_SERVER_ERROR
    return True
