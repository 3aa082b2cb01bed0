"""Base backups, archives of the write-ahead log, and restores of both to a moment: what RDS's backups are made of."""

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from lab.postgres import Cluster
from lab.server import make_run_folder


def archive_settings(archives: Iterable[Path]) -> dict[str, str]:
    """The settings that make a server copy its log into every one of the folders, each segment whole or not at all.

    Beside each folder there has to be room for a file that is not whole yet.
    """
    copies = " && ".join(
        f'cp "%p" "{archive.parent}/%f.part" && mv "{archive.parent}/%f.part" "{archive}/%f"' for archive in archives
    )
    return {"archive_mode": "on", "archive_command": copies} if copies else {}


def base_backup(source: Cluster, folder: Path, *, with_log: bool = True) -> None:
    """Copy a running cluster's data folder (pg_basebackup).

    ``with_log`` adds the log that it needs to be consistent; without, it has to come from an archive.
    """
    make_run_folder(folder.parent)
    source.run(
        "pg_basebackup",
        *("--dbname", source.dsn("replication"), "--pgdata", str(folder), "--checkpoint", "fast", "--no-sync"),
        *(("--wal-method", "stream") if with_log else ("--wal-method", "none", "--no-manifest")),
    )


def replay(cluster: Cluster, base: Path, archive: Path, moment: datetime | None) -> None:
    """Prepare a cluster to come up as the base backup was at ``moment``, or as late as the archive goes."""
    cluster.settings["restore_command"] = f'cp "{archive}/%f" "%p"'
    if moment is not None:
        # An offset, because names of time zones, Z included, are not known yet when the server reads this.
        target = moment.astimezone(UTC).isoformat(sep=" ")
        cluster.settings |= {"recovery_target_time": target, "recovery_target_action": "promote"}
    cluster.adopt(base)
    (cluster.data / "recovery.signal").touch()
