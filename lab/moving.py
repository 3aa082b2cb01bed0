"""Two servers to move a database between: the older major as the source, the lab's own as the target."""

import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.sql import SQL, Identifier

from lab.postgres import HOST, Cluster
from lab.server import OLDER_SERVER, make_run_folder, usable_server

DATABASE = "duskspendr"
# What a migration asks of both ends. The sync workers start one after the other, this long apart.
SETTINGS = {
    "max_slot_wal_keep_size": "2GB",
    "max_replication_slots": "16",
    "max_wal_senders": "16",
    "max_worker_processes": "16",
    "wal_retrieve_retry_interval": "200ms",
}


class MovingPair:
    """The two servers under ``folder``, each with an empty database."""

    def __init__(self, folder: Path, *, settings: dict[str, str] | None = None) -> None:
        both = SETTINGS | (settings or {})
        self.source = Cluster(make_run_folder(folder) / "source", settings=dict(both), server=OLDER_SERVER)
        self.target = Cluster(folder / "target", password=self.source.password, settings=dict(both))

    def start(self) -> None:
        """Make and start both."""
        for cluster in (self.source, self.target):
            cluster.create()
            cluster.start()
            self.make_database(cluster, DATABASE)

    def make_database(self, cluster: Cluster, name: str) -> None:
        """An empty database; what had the name is gone."""
        with cluster.connect() as connection:
            connection.execute(SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(Identifier(name)))
            connection.execute(SQL("CREATE DATABASE {}").format(Identifier(name)))

    def dsn(self, database: str = DATABASE) -> str:
        """A connection string that finds whichever of the two takes writes, as an app's with two hosts does."""
        parameters = conninfo_to_dict(self.source.dsn(database))
        return make_conninfo(
            "",
            **parameters
            | {
                "host": f"{HOST},{HOST}",
                "port": f"{self.source.port},{self.target.port}",
                "target_session_attrs": "read-write",
            },
        )

    def destroy(self) -> None:
        """Kill both and delete what they had."""
        self.source.destroy()
        self.target.destroy()


@contextmanager
def tools_on_path(folder: Path) -> Generator[None]:
    """The client of the target's major version first on PATH."""
    before = os.environ["PATH"]
    os.environ["PATH"] = f"{usable_server(folder) / 'bin'}{os.pathsep}{before}"
    try:
        yield
    finally:
        os.environ["PATH"] = before
