"""A primary whose write-ahead log is archived, and real restores of it to any moment since its base backup."""

from datetime import UTC, datetime
from pathlib import Path

from lab.archive import archive_settings, base_backup, replay
from lab.polling import wait_for
from lab.postgres import Cluster
from lab.server import make_run_folder

# Small, so that copies are cheap; and nothing but us touches the files that damage is done to.
SMALL = {
    "shared_buffers": "16MB",
    "autovacuum": "off",
    "max_prepared_transactions": "5",
}


class Source:
    """A cluster of the product's database in ``folder``, with an archive beside it.

    ``settings`` win over the lab's.
    """

    def __init__(self, folder: Path, settings: dict[str, str] | None = None) -> None:
        self.folder = make_run_folder(folder, ["archive"])
        self.archive = folder / "archive"
        self.base = folder / "base"
        self.cluster = Cluster(folder / "primary", settings=SMALL | archive_settings([self.archive]) | (settings or {}))

    def start(self) -> None:
        """Make the cluster, with the roles that RDS gives every instance."""
        self.cluster.create()
        self.cluster.start()
        with self.cluster.connect() as connection:
            connection.execute("CREATE ROLE rds_iam")

    def back_up(self) -> Path:
        """Take the base backup that every restore starts from; returns its data folder."""
        base_backup(self.cluster, self.base, with_log=False)
        return self.base

    def now(self) -> datetime:
        """The server's clock, in UTC."""
        with self.cluster.connect() as connection:
            found = connection.execute("SELECT clock_timestamp()").fetchone()
        return found[0].astimezone(UTC) if found else datetime.now(UTC)

    def ship(self) -> None:
        """Have everything that is committed in the archive, with a commit behind it for a recovery to stop at."""
        with self.cluster.connect() as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS shipped (at timestamptz)")
            connection.execute("INSERT INTO shipped VALUES (clock_timestamp())")
            found = connection.execute("SELECT pg_walfile_name(pg_switch_wal())").fetchone()
        segment = str(found and found[0])
        wait_for(f"WAL segment {segment} in the archive", lambda: (self.archive / segment).exists() or None)

    def restore(self, name: str, moment: datetime) -> Cluster:
        """A cluster of its own, restored as of ``moment`` and promoted. What came before it must have been shipped."""
        restored = Cluster(self.folder / name, password=self.cluster.password, settings=dict(SMALL))
        replay(restored, self.base, self.archive, moment)
        restored.start()
        wait_for("the end of the recovery", lambda: _is_promoted(restored) or None)
        return restored


def _is_promoted(cluster: Cluster) -> bool:
    with cluster.connect() as connection:
        return connection.execute("SELECT pg_is_in_recovery()").fetchone() == (False,)
