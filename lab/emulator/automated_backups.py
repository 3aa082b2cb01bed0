"""Automated backups of the lab's instances: a base backup and a WAL archive in every region they are kept in."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lab.archive import archive_settings
from lab.emulator import hooks
from lab.server import make_run_folder

# RDS ships its log about every five minutes. The lab does so every second, so that a drill need not wait; the RPO it
# then measures is the lab's.
ARCHIVE_TIMEOUT_SECONDS = 1


@dataclass(frozen=True)
class AutomatedBackup:
    """The base backup and the archived WAL of one instance in one region.

    ``kms_key_id`` is that region's key, which an instance restored from it has, too.
    https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_StartDBInstanceAutomatedBackupsReplication.html
    """

    arn: str
    source_identifier: str
    source_arn: str
    resource_id: str
    kms_key_id: str
    folder: Path

    @property
    def source_region(self) -> str:
        """Where the instance is."""
        return self.source_arn.split(":")[3]

    @property
    def base(self) -> Path:
        """The base backup's data folder."""
        return self.folder / "base"

    @property
    def wal(self) -> Path:
        """The archive of WAL segments."""
        return self.folder / "wal"

    @property
    def earliest_time(self) -> datetime:
        """When the base backup was finished."""
        return datetime.fromtimestamp(self.base.stat().st_mtime, UTC)

    @property
    def latest_time(self) -> datetime:
        """When the newest archived segment arrived."""
        times = [path.stat().st_mtime for path in self.wal.iterdir()] or [self.base.stat().st_mtime]
        return datetime.fromtimestamp(max(times), UTC)


def backups_of(record: dict[str, Any], properties: hooks.Properties, folder: Path) -> list[AutomatedBackup]:
    """The automated backups that a template's instance asks for: in its own region, and where they replicate to."""
    identifier = str(record["DBInstanceIdentifier"])
    if not int(properties.get("BackupRetentionPeriod") or 0):
        return []
    keys = {hooks.region(): str(record.get("KmsKeyId") or "")}
    if replicated := str(properties.get("AutomaticBackupReplicationRegion") or ""):
        keys[replicated] = str(properties.get("AutomaticBackupReplicationKmsKeyId") or "")
    backups: list[AutomatedBackup] = []
    for region, key in keys.items():
        digest = hashlib.sha256(f"{region}{identifier}".encode()).hexdigest()[:24]
        arn = f"arn:aws:rds:{region}:{hooks.account()}:auto-backup:ab-{digest}"
        own_folder = make_run_folder(folder / region / identifier, ["wal"])
        backups.append(
            AutomatedBackup(arn, identifier, record["DBInstanceArn"], record["DbiResourceId"], key, own_folder)
        )
    return backups


def archiving_to(backups: list[AutomatedBackup]) -> dict[str, str]:
    """The settings that make a server archive its log to every one of the backups."""
    settings = archive_settings(backup.wal for backup in backups)
    return settings | {"archive_timeout": str(ARCHIVE_TIMEOUT_SECONDS)} if settings else {}


def description(backup: AutomatedBackup) -> str:
    """The backup as DescribeDBInstanceAutomatedBackups shows it."""
    return (
        "<DBInstanceAutomatedBackup>"
        f"<DBInstanceIdentifier>{backup.source_identifier}</DBInstanceIdentifier>"
        f"<DBInstanceArn>{backup.source_arn}</DBInstanceArn><DbiResourceId>{backup.resource_id}</DbiResourceId>"
        f"<DBInstanceAutomatedBackupsArn>{backup.arn}</DBInstanceAutomatedBackupsArn>"
        f"<KmsKeyId>{backup.kms_key_id}</KmsKeyId>"
        f"<Region>{backup.source_region}</Region><Status>replicating</Status>"
        f"<RestoreWindow><EarliestTime>{backup.earliest_time.isoformat()}</EarliestTime>"
        f"<LatestTime>{backup.latest_time.isoformat()}</LatestTime></RestoreWindow>"
        "</DBInstanceAutomatedBackup>"
    )
