"""A primary and its synchronous standby, as the two availability zones of a Multi-AZ instance have them.

RDS goes on without its standby after a failover until that one is rebuilt, and so does the pair: a commit waits for the
standby only from :meth:`Pair.synchronize` on, and a second loss before that is one that Multi-AZ does not cover.
"""

import shutil
import time
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from lab.archive import base_backup
from lab.cloud import LabError
from lab.polling import wait_for
from lab.postgres import HOST, Cluster
from lab.server import make_run_folder

STANDBY = "standby"  # the name under which whichever is the standby signs in
# So many looks without an answer, so far apart, and the primary counts as lost.
MISSED_LOOKS = 2
LOOK_SECONDS = 0.1

_SYNCHRONOUS = """
SELECT 1 FROM pg_stat_replication
WHERE application_name = %s AND state = 'streaming' AND sync_state = 'sync'
"""

SETTINGS = {
    "synchronous_commit": "on",
    # What the standby still needs, and what pg_rewind needs to find where the two parted: that is since the checkpoint
    # that synchronizing them makes. It copies all that is kept, so no more than that.
    "wal_keep_size": "32MB",
}


class Pair:
    """Two clusters under ``folder``. ``primary`` and ``standby`` change places at each failover."""

    def __init__(self, folder: Path) -> None:
        self.primary = Cluster(make_run_folder(folder) / "zone-a", settings=dict(SETTINGS))
        self.standby = Cluster(folder / "zone-b", password=self.primary.password, settings=dict(SETTINGS))

    def start(self) -> None:
        """Make both; the standby streams, but no commit waits for it yet."""
        self.primary.create()
        self.primary.start()
        copy = self.standby.folder.parent / "base"
        base_backup(self.primary, copy)
        self._follow(self.standby, self.primary)
        self.standby.adopt(copy)
        shutil.rmtree(copy)
        (self.standby.data / "standby.signal").touch()
        self.standby.start()

    def destroy(self) -> None:
        """Kill both and delete what they had."""
        self.primary.destroy()
        self.standby.destroy()

    def dsn(self, database: str = "postgres") -> str:
        """A connection string that finds whichever of the two takes writes, as the instance's endpoint does."""
        parameters = conninfo_to_dict(self.primary.dsn(database))
        ports = sorted((self.primary.port, self.standby.port))
        return make_conninfo(
            "",
            **parameters
            | {"host": f"{HOST},{HOST}", "port": ",".join(map(str, ports)), "target_session_attrs": "read-write"},
        )

    def synchronize(self) -> None:
        """Have every commit wait for the standby, and wait until that one has everything from before."""
        self.primary.settings["synchronous_standby_names"] = STANDBY
        self.primary.configure()
        with self.primary.connect() as connection:
            connection.execute("SELECT pg_reload_conf()")
            wait_for("a synchronous standby", lambda: self.is_synchronous or None)
            # The checkpointer is who tells the sessions that they have to wait. It reads its settings before it works,
            # so once it has, no commit goes without the standby.
            connection.execute("CHECKPOINT")
            [(end,)] = connection.execute("SELECT pg_current_wal_flush_lsn()::text").fetchall()
            wait_for(
                "the standby to have everything",
                lambda: connection.execute(
                    "SELECT 1 FROM pg_stat_replication WHERE application_name = %s AND flush_lsn >= %s::pg_lsn",
                    (STANDBY, end),
                ).fetchone(),
            )

    @property
    def is_synchronous(self) -> bool:
        """Whether the primary's commits wait for a standby that is there."""
        with self.primary.connect() as connection:
            return connection.execute(_SYNCHRONOUS, (STANDBY,)).fetchone() is not None

    def await_loss(self) -> None:
        """Look at the primary until it does not answer. Raises :class:`LabError` when it does not go away."""
        missed = 0
        deadline = time.monotonic() + 30
        while missed < MISSED_LOOKS:
            if time.monotonic() > deadline:
                raise LabError("expected the killed primary to be gone, found it answering")
            missed = 0 if _answers(self.primary) else missed + 1
            time.sleep(LOOK_SECONDS)

    def promote(self) -> None:
        """Make the standby the primary. It waits for no standby, for it has none."""
        with self.standby.connect() as connection:
            if connection.execute("SELECT pg_promote(true, 60)").fetchone() != (True,):
                raise LabError(f"expected the standby to be promoted, found:\n{self.standby.log_tail()}")
        self.primary, self.standby = self.standby, self.primary

    def rejoin(self) -> None:
        """Bring the lost server back as the standby of the new primary: its own last commits are wound back."""
        lost = self.standby
        lost.run(
            "pg_rewind",
            *("--target-pgdata", str(lost.data), "--source-server", self.primary.dsn("postgres")),
            "--no-sync",
        )
        self._follow(lost, self.primary)
        lost.configure()  # the winding back took the new primary's settings over
        (lost.data / "standby.signal").touch()
        lost.start()

    def writable(self) -> list[int]:
        """The ports of the servers that take writes: at any time one at most."""
        found: list[int] = []
        for cluster in (self.primary, self.standby):
            if cluster.pid is not None and _answers(cluster):
                with cluster.connect() as connection:
                    if connection.execute("SELECT pg_is_in_recovery()").fetchone() == (False,):
                        found.append(cluster.port)
        return found

    def _follow(self, standby: Cluster, primary: Cluster) -> None:
        standby.settings |= {
            "primary_conninfo": make_conninfo(primary.dsn("replication"), application_name=STANDBY),
            "synchronous_standby_names": "",
        }


def _answers(cluster: Cluster) -> bool:
    try:
        with psycopg.connect(cluster.dsn(), connect_timeout=2) as connection:
            return connection.execute("SELECT 1").fetchone() == (1,)
    except psycopg.Error:
        return False
