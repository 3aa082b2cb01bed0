"""Automated backups of the lab's instances: a base backup and a WAL archive in every region they are kept in."""

import hashlib
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lab.archive import archive_settings, base_backup
from lab.emulator import hooks
from lab.postgres import Cluster
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


def backup_of(record: dict[str, Any], region: str, key: str, folder: Path) -> AutomatedBackup:
    """The automated backup of an instance that is to be kept in a region, under its ``key``.

    RDS keeps it by instance, not by name.
    """
    resource = str(record["DbiResourceId"])
    digest = hashlib.sha256(f"{region}{resource}".encode()).hexdigest()[:24]
    arn = f"arn:aws:rds:{region}:{hooks.account()}:auto-backup:ab-{digest}"
    own_folder = make_run_folder(folder / region / resource, ["wal"])
    return AutomatedBackup(arn, record["DBInstanceIdentifier"], record["DBInstanceArn"], resource, key, own_folder)


def archiving_to(backups: Sequence[AutomatedBackup]) -> dict[str, str]:
    """The settings that make a server archive its log to every one of the backups."""
    settings = archive_settings(backup.wal for backup in backups)
    return settings | {"archive_timeout": str(ARCHIVE_TIMEOUT_SECONDS)} if settings else {}


def description(backup: AutomatedBackup, *, pending: bool) -> str:
    """The backup as DescribeDBInstanceAutomatedBackups shows it; without a window as long as it is ``pending``."""
    window = "" if pending else (
        f"<RestoreWindow><EarliestTime>{backup.earliest_time.isoformat()}</EarliestTime>"
        f"<LatestTime>{backup.latest_time.isoformat()}</LatestTime></RestoreWindow>"
    )  # fmt: skip
    return (
        "<DBInstanceAutomatedBackup>"
        f"<DBInstanceIdentifier>{backup.source_identifier}</DBInstanceIdentifier>"
        f"<DBInstanceArn>{backup.source_arn}</DBInstanceArn><DbiResourceId>{backup.resource_id}</DbiResourceId>"
        f"<DBInstanceAutomatedBackupsArn>{backup.arn}</DBInstanceAutomatedBackupsArn>"
        f"<KmsKeyId>{backup.kms_key_id}</KmsKeyId>"
        f"<Region>{backup.source_region}</Region><Status>{'pending' if pending else 'replicating'}</Status>"
        f"{window}</DBInstanceAutomatedBackup>"
    )


class AutomatedBackups:
    """All that are kept, in whichever region. ``folder`` is where they lie."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._kept: dict[str, AutomatedBackup] = {}
        self._pending: set[str] = set()

    def asked_for(self, record: dict[str, Any], properties: hooks.Properties) -> list[AutomatedBackup]:
        """What a template's instance asks for: in its own region, and where they are replicated to."""
        if not int(properties.get("BackupRetentionPeriod") or 0):
            return []
        keys = {hooks.region(): str(record.get("KmsKeyId") or "")}
        if replicated := str(properties.get("AutomaticBackupReplicationRegion") or ""):
            keys[replicated] = str(properties.get("AutomaticBackupReplicationKmsKeyId") or "")
        return [backup_of(record, region, key, self._folder) for region, key in keys.items()]

    def keep(self, cluster: Cluster, backups: Sequence[AutomatedBackup]) -> None:
        """Begin with a base backup of a server that archives to them already."""
        for backup in backups:
            base_backup(cluster, backup.base)
            self._kept[backup.arn] = backup

    def replicate(self, cluster: Cluster, record: dict[str, Any], key: str) -> None:
        """Keep those of an instance in the current region too; listed at once, with a first backup a little later."""
        backup = backup_of(record, hooks.region(), key, self._folder)
        others = [each for each in self._kept.values() if each.resource_id == backup.resource_id]
        self._kept[backup.arn] = backup
        self._pending.add(backup.arn)

        def work() -> None:
            cluster.settings |= archiving_to([*others, backup])
            cluster.configure()
            with cluster.connect() as connection:
                connection.execute("SELECT pg_reload_conf()")
            self.keep(cluster, [backup])
            self._pending.discard(backup.arn)

        hooks.in_background(work, name=f"replicate-backups-{backup.source_identifier}")

    def rename(self, record: dict[str, Any]) -> None:
        """Follow an instance to its new name."""
        for arn, backup in self._kept.items():
            if backup.resource_id == record["DbiResourceId"]:
                self._kept[arn] = replace(
                    backup, source_identifier=record["DBInstanceIdentifier"], source_arn=record["DBInstanceArn"]
                )

    def destroy_region(self, region: str) -> None:
        """Delete what is kept in a region."""
        for arn in [arn for arn in self._kept if f":{region}:" in arn]:
            shutil.rmtree(self._kept.pop(arn).folder, ignore_errors=True)

    def here(self) -> list[AutomatedBackup]:
        """Those that lie in the current region."""
        return [backup for backup in self._kept.values() if f":{hooks.region()}:" in backup.arn]

    def describe(self, parameters: hooks.Properties) -> hooks.Response:
        """Answer DescribeDBInstanceAutomatedBackups."""
        name, resource = (hooks.parameter(parameters, each) for each in ("DBInstanceIdentifier", "DbiResourceId"))
        items = [
            description(backup, pending=backup.arn in self._pending)
            for backup in self.here()
            if name in ("", backup.source_identifier) and resource in ("", backup.resource_id)
        ]
        result = "DescribeDBInstanceAutomatedBackups"
        return hooks.rds._xml(
            200,
            f"{result}Response",
            f"<{result}Result><DBInstanceAutomatedBackups>{''.join(items)}</DBInstanceAutomatedBackups></{result}Result>",
        )
