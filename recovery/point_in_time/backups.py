"""The automated backups of a region: the database's own, and those replicated there from the other region."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from recovery.names import Names
from recovery.refusal import RefusedError

if TYPE_CHECKING:
    from mypy_boto3_rds import RDSClient


class NotInWindowError(ValueError):
    """No backup of the region reaches the time; the message gives every window."""


@dataclass(frozen=True, kw_only=True)
class AutomatedBackup:
    """What RDS keeps of one instance in one region; ``earliest`` and ``latest`` bound what can be restored."""

    arn: str
    identifier: str
    resource_id: str
    replicated: bool
    earliest: datetime
    latest: datetime

    @property
    def source(self) -> dict[str, str]:
        """The parameter by which RestoreDBInstanceToPointInTime finds it: of a deleted instance too."""
        if self.replicated:
            return {"SourceDBInstanceAutomatedBackupsArn": self.arn}
        return {"SourceDbiResourceId": self.resource_id}


def read_backups(rds: "RDSClient", names: Names) -> list[AutomatedBackup]:
    """The automated backups of both instances in the client's region. Raises botocore's ClientError or BotoCoreError.

    Those that RDS has not finished a first time, and so have no window, are left out.
    """
    region = rds.meta.region_name
    return [
        _backup(found, region)
        for identifier in (names.instance_identifier, names.replica_identifier)
        for found in _describe(rds, identifier)
        if {"EarliestTime", "LatestTime"} <= set(found.get("RestoreWindow", {}))
    ]


def _describe(rds: "RDSClient", identifier: str) -> list[Any]:
    pages = rds.get_paginator("describe_db_instance_automated_backups").paginate(DBInstanceIdentifier=identifier)
    try:
        return [found for page in pages for found in page["DBInstanceAutomatedBackups"]]
    except rds.exceptions.DBInstanceAutomatedBackupNotFoundFault:
        return []


def _backup(found: Any, region: str) -> AutomatedBackup:  # noqa: ANN401 - botocore's answer
    window = found["RestoreWindow"]
    return AutomatedBackup(
        arn=found.get("DBInstanceAutomatedBackupsArn", ""),
        identifier=found["DBInstanceIdentifier"],
        resource_id=found.get("DbiResourceId", ""),
        # The instance's own ARN: a replicated backup is listed where it lies, of an instance that is elsewhere.
        replicated=f":rds:{region}:" not in found.get("DBInstanceArn", ""),
        earliest=window["EarliestTime"],
        latest=window["LatestTime"],
    )


def choose_backup(backups: Sequence[AutomatedBackup], at: datetime, *, region: str, serving: str) -> AutomatedBackup:
    """The backup that reaches ``at``; of several that of the instance ``serving``, then the newest.

    Raises :class:`RefusedError` when there is none at all, :class:`NotInWindowError` when none reaches that far.
    """
    if not backups:
        raise RefusedError(
            f"expected automated backups of the database in {region}, found none: see whether RDS lists any in the"
            " other region, or restore a recovery point of the vault"
        )
    reaching = [each for each in backups if each.earliest <= at <= each.latest]
    if not reaching:
        windows = "; ".join(
            f"{each.identifier} from {each.earliest.isoformat()} to {each.latest.isoformat()}" for each in backups
        )
        raise NotInWindowError(
            f"--at: expected a time that can be restored in {region} ({windows}), found {at.isoformat()}: give one of"
            " these"
        )
    return max(reaching, key=lambda each: (each.identifier == serving, each.latest))
