"""Automated backups of the lab's instances: a base backup and a WAL archive in every region they are kept in."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from lab.emulator import hooks
from lab.postgres import Cluster
from lab.server import make_run_folder

# RDS ships its log about every five minutes. The lab does so every second, so that a drill need not wait; the RPO it
# then measures is the lab's.
ARCHIVE_TIMEOUT_SECONDS = 1


@dataclass(frozen=True)
class AutomatedBackup:
    """The base backup and the archived WAL of one instance in one region."""

    arn: str
    source_identifier: str
    source_region: str
    folder: Path

    @property
    def base(self) -> Path:
        """The base backup's data folder."""
        return self.folder / "base"

    @property
    def wal(self) -> Path:
        """The archive of WAL segments."""
        return self.folder / "wal"

    @property
    def latest_time(self) -> datetime:
        """When the newest archived segment arrived."""
        times = [path.stat().st_mtime for path in self.wal.iterdir()] or [self.base.stat().st_mtime]
        return datetime.fromtimestamp(max(times), UTC)


def backups_of(identifier: str, properties: hooks.Properties, folder: Path) -> list[AutomatedBackup]:
    """The automated backups that a template's instance asks for: in its own region, and where they replicate to."""
    if not int(properties.get("BackupRetentionPeriod") or 0):
        return []
    regions = [hooks.region(), str(properties.get("AutomaticBackupReplicationRegion") or "")]
    backups: list[AutomatedBackup] = []
    for region in filter(None, regions):
        digest = hashlib.sha256(f"{region}{identifier}".encode()).hexdigest()[:24]
        arn = f"arn:aws:rds:{region}:{hooks.account()}:auto-backup:ab-{digest}"
        own_folder = make_run_folder(folder / region / identifier, ["wal"])
        backups.append(AutomatedBackup(arn, identifier, hooks.region(), own_folder))
    return backups


def base_backup(source: Cluster, folder: Path) -> None:
    """Copy a running cluster's data folder, with the WAL it needs to be consistent (pg_basebackup)."""
    make_run_folder(folder.parent)
    source.run(
        "pg_basebackup",
        *("--dbname", source.dsn("replication"), "--pgdata", str(folder)),
        *("--checkpoint", "fast", "--wal-method", "stream", "--no-sync"),
    )


def replay(cluster: Cluster, backup: AutomatedBackup, restore_time: str) -> None:
    """Prepare a cluster to come up as the backup was at ``restore_time`` (ISO 8601), or as late as the archive goes."""
    cluster.settings["restore_command"] = f'cp "{backup.wal}/%f" "%p"'
    if restore_time:
        # An offset, because names of time zones, Z included, are not known yet when the server reads this.
        target = datetime.fromisoformat(restore_time).astimezone(UTC).isoformat(sep=" ")
        cluster.settings |= {"recovery_target_time": target, "recovery_target_action": "promote"}
    cluster.adopt(backup.base)
    (cluster.data / "recovery.signal").touch()


def archive_settings(backups: list[AutomatedBackup]) -> dict[str, str]:
    """The settings that make a server archive its WAL to every one of the backups."""
    if not backups:
        return {}
    copies = " && ".join(
        f'cp "%p" "{backup.folder}/%f.part" && mv "{backup.folder}/%f.part" "{backup.wal}/%f"' for backup in backups
    )
    return {"archive_mode": "on", "archive_command": copies, "archive_timeout": str(ARCHIVE_TIMEOUT_SECONDS)}


def description(backup: AutomatedBackup) -> str:
    """The backup as DescribeDBInstanceAutomatedBackups shows it."""
    earliest = datetime.fromtimestamp(backup.base.stat().st_mtime, UTC)
    return (
        "<DBInstanceAutomatedBackup>"
        f"<DBInstanceIdentifier>{backup.source_identifier}</DBInstanceIdentifier>"
        f"<DBInstanceAutomatedBackupsArn>{backup.arn}</DBInstanceAutomatedBackupsArn>"
        f"<Region>{backup.source_region}</Region><Status>replicating</Status>"
        f"<RestoreWindow><EarliestTime>{earliest.isoformat()}</EarliestTime>"
        f"<LatestTime>{backup.latest_time.isoformat()}</LatestTime></RestoreWindow>"
        "</DBInstanceAutomatedBackup>"
    )
