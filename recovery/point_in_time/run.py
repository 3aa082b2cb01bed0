"""Ask RDS for a point-in-time restore, or find the one that was asked for, and wait for it."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from recovery.instances import describe_instance
from recovery.objectives import FULL
from recovery.pauses import growing_pauses
from recovery.point_in_time.backups import AutomatedBackup
from recovery.point_in_time.settings import FROM_TAG, REQUESTED_TAG, TO_TAG, InstanceSettings
from recovery.refusal import RefusedError

if TYPE_CHECKING:
    from mypy_boto3_rds import RDSClient

POLL_SECONDS = 15.0
# Out of these no instance becomes available by itself.
# https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/accessing-monitoring.html
_LOST = {
    "failed",
    "inaccessible-encryption-credentials",
    "incompatible-network",
    "incompatible-option-group",
    "incompatible-parameters",
    "incompatible-restore",
    "restore-error",
    "storage-full",
}


@dataclass(frozen=True, kw_only=True)
class Restored:
    """A restored instance. Times are UTC; ``resumed`` when an earlier call had asked for it."""

    identifier: str
    status: str
    resumed: bool
    requested_at: datetime
    ended_at: datetime
    host: str | None
    port: int | None
    engine_version: str
    encrypted: bool

    @property
    def available(self) -> bool:
        """Whether it can be connected to."""
        return self.status == "available"

    @property
    def duration(self) -> timedelta:
        """From the first request until it was available, or the waiting ended."""
        return self.ended_at - self.requested_at


def restore(
    rds: "RDSClient",
    backup: AutomatedBackup,
    settings: InstanceSettings,
    *,
    identifier: str,
    at: datetime,
    progress: Callable[[str], None] = lambda _: None,
    timeout: timedelta = FULL.rto,
) -> Restored:
    """Restore ``backup`` as of ``at`` (to the second) into the new instance ``identifier``; wait, at most ``timeout``.

    Safe to repeat: the restore that an earlier call began is waited for. Raises :class:`RefusedError` when another
    instance has the name, botocore's ClientError or BotoCoreError.
    """
    marks = {FROM_TAG: backup.identifier, TO_TAG: at.astimezone(UTC).isoformat(timespec="seconds")}
    found = describe_instance(rds, identifier)
    resumed = found is not None
    if found is None:
        found = _begin(rds, backup, settings, identifier=identifier, at=at, marks=marks)
    requested_at = _check_ours(found, marks)
    deadline, pauses = time.monotonic() + timeout.total_seconds(), growing_pauses(POLL_SECONDS)
    while (status := _status(found)) != "available" and status not in _LOST and time.monotonic() < deadline:
        progress(f"{identifier} is {status}")
        time.sleep(next(pauses))
        found = describe_instance(rds, identifier)
        if found is None:
            raise RefusedError(f"expected the instance {identifier}, found it deleted meanwhile: ask again")
    endpoint = found.get("Endpoint", {})
    return Restored(
        identifier=identifier,
        status=status,
        resumed=resumed,
        requested_at=requested_at,
        ended_at=datetime.now(UTC),
        host=endpoint.get("Address"),
        port=endpoint.get("Port"),
        engine_version=found.get("EngineVersion", "unknown"),
        encrypted=bool(found.get("StorageEncrypted")),
    )


def _begin(
    rds: "RDSClient",
    backup: AutomatedBackup,
    settings: InstanceSettings,
    *,
    identifier: str,
    at: datetime,
    marks: dict[str, str],
) -> Any:  # noqa: ANN401 - botocore's answer
    tags = settings.tags | marks | {REQUESTED_TAG: datetime.now(UTC).isoformat(timespec="seconds")}
    request: Any = {
        **backup.source,
        **settings.parameters,
        "TargetDBInstanceIdentifier": identifier,
        "RestoreTime": at,
        "Tags": [{"Key": key, "Value": value} for key, value in sorted(tags.items())],
    }
    try:
        # With our tags, whether or not the answer shows them already.
        return rds.restore_db_instance_to_point_in_time(**request)["DBInstance"] | {"TagList": request["Tags"]}
    except rds.exceptions.DBInstanceAlreadyExistsFault:
        # Two calls at once, or the answer to the first attempt was lost.
        return describe_instance(rds, identifier) or {}


def _check_ours(found: Any, marks: dict[str, str]) -> datetime:  # noqa: ANN401 - botocore's answer
    """When the restore was asked for. Raises :class:`RefusedError` for an instance that is no such restore."""
    tags = {tag.get("Key"): tag.get("Value") for tag in found.get("TagList", [])}
    if any(tags.get(key) != value for key, value in marks.items()):
        raise RefusedError(
            f"expected no instance {found.get('DBInstanceIdentifier')}, found one that is not this restore: rename or"
            " remove it, or restore another second"
        )
    return datetime.fromisoformat(tags[REQUESTED_TAG])


def _status(found: Any) -> str:  # noqa: ANN401 - botocore's answer
    return str(found.get("DBInstanceStatus", ""))
