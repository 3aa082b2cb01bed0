"""Real PostgreSQL clusters on this machine.

A cluster is a data folder, a free port on 127.0.0.1 and the postmaster that serves them; :mod:`lab.server` says which
binaries and which user.
"""

import contextlib
import os
import random
import secrets
import shutil
import signal
import socket
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import psycopg
from psycopg.conninfo import make_conninfo

from lab.processes import STOP_TIMEOUT_SECONDS, kill_server, postmaster
from lab.server import SERVER, PostgresError, as_user, own, own_tree, usable_server

HOST = "127.0.0.1"
LISTENING_PORTS = (10_000, 32_000)
START_TIMEOUT_SECONDS = 30

# Durability is switched off only where it cannot change what a drill observes: a cluster is killed by signal, never by
# losing the machine, so the kernel still has every write. One slow fsync per commit would only slow the lab.
SETTINGS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "fsync": "off",
    "full_page_writes": "on",
    "wal_level": "logical",  # what RDS sets when rds.logical_replication is on; a superset of replica
    # In the data folder, and gone with it: a killed server would leave POSIX segments in memory for good.
    "dynamic_shared_memory_type": "mmap",
    "shared_buffers": "64MB",
    "min_wal_size": "2MB",  # what is not needed any more is deleted, not kept for later
    "max_connections": "60",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_messages": "warning",
}


def free_port() -> int:
    """A TCP port on 127.0.0.1 that was free a moment ago.

    Below the range from which the kernel takes ports for outgoing connections, so that none of those takes it before
    its server does.
    """
    while True:
        port = random.randint(*LISTENING_PORTS)  # noqa: S311 - a port, not a secret
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind((HOST, port))
            return port


@dataclass
class Cluster:
    """One PostgreSQL cluster under ``folder`` (which must be reachable by any user; see :func:`make_run_folder`).

    ``settings`` are added to ``postgresql.conf`` and win over the lab's own. ``iam_authentication`` is RDS's switch:
    without it members of rds_iam cannot sign in. ``server`` is the package whose server it is.
    """

    folder: Path
    superuser: str = "postgres"
    password: str = field(default_factory=lambda: secrets.token_urlsafe(18), repr=False)
    port: int = field(default_factory=free_port)
    settings: dict[str, str] = field(default_factory=dict[str, str])
    iam_authentication: bool = True
    server: str = SERVER

    @property
    def data(self) -> Path:
        """The data folder (PGDATA)."""
        return self.folder / "data"

    @property
    def version(self) -> str:
        """``PostgreSQL`` and the major version that the data folder is of."""
        return f"PostgreSQL {(self.data / 'PG_VERSION').read_text().strip()}"

    @property
    def log(self) -> Path:
        """The server's log file."""
        return self.folder / "server.log"

    @property
    def pid(self) -> int | None:
        """Process id of the running postmaster, None when there is none."""
        server = postmaster(self.data)
        return server.pid if server is not None else None

    def dsn(self, database: str = "postgres", *, user: str | None = None, password: str | None = None) -> str:
        """A libpq connection string, for the superuser unless ``user`` says otherwise."""
        return make_conninfo(
            host=HOST,
            port=self.port,
            dbname=database,
            user=user or self.superuser,
            password=password or (self.password if user is None else None),
        )

    def create(self) -> None:
        """Run initdb. Raises :class:`PostgresError`."""
        self._make_folder()
        secret = self.folder / "superuser"
        secret.write_text(self.password)
        own(secret)
        secret.chmod(0o600)
        self.run(
            "initdb",
            *("--pgdata", str(self.data), "--username", self.superuser, "--pwfile", str(secret)),
            *("--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C.UTF-8", "--data-checksums"),
            "--no-sync",
            # Whoever archives every second keeps a whole segment for it, however little was written: everything lies in
            # memory, and with the usual 16 MB a minute of one instance would take a gigabyte.
            *("--wal-segsize", "1"),
        )
        self.configure()

    def configure(self) -> None:
        """Write the lab's settings and access rules over whatever the data folder came with."""
        lines = [f"{name} = '{_quoted(value)}'" for name, value in (SETTINGS | self.settings).items()]
        (self.data / "postgresql.conf").write_text("\n".join([f"port = {self.port}", *lines, ""]))
        # As on RDS, members of rds_iam sign in without a password of their own, and only where IAM authentication is
        # switched on. The token itself is not checked: this server has no TLS and no PAM.
        rules = [
            f"host all +rds_iam {HOST}/32 {'trust' if self.iam_authentication else 'reject'}",
            f"host replication all {HOST}/32 scram-sha-256",
            f"host all all {HOST}/32 scram-sha-256",
        ]
        (self.data / "pg_hba.conf").write_text("\n".join([*rules, ""]))
        for name in ("postgresql.conf", "pg_hba.conf"):
            own(self.data / name)

    def adopt(self, base_backup: Path) -> None:
        """Take a copy of ``base_backup`` (a data folder) as this cluster's own, ready to be configured."""
        self._make_folder()
        shutil.copytree(base_backup, self.data, symlinks=True)
        for stale in ("postmaster.pid", "postmaster.opts", "postgresql.auto.conf"):
            (self.data / stale).unlink(missing_ok=True)
        own_tree(self.data)
        self.data.chmod(0o700)
        self.configure()

    def start(self) -> None:
        """Start the postmaster and wait until it accepts connections.

        Raises :class:`PostgresError` with the end of the server's log after START_TIMEOUT_SECONDS.
        """
        self._make_folder()
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                [str(self._binary("postgres")), "-D", str(self.data)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # a Ctrl-C at the terminal reaches us, and we stop the server in order
                cwd=self.folder,
                **as_user(),
            )
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        while not self.accepts_connections():
            if process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                process.kill()  # it may not have written its id yet
                raise PostgresError(f"PostgreSQL in {self.folder} did not start:\n{self.log_tail()}")
            time.sleep(0.03)

    def accepts_connections(self) -> bool:
        """Whether the server answers (pg_isready: also true of a standby, false while it is recovering)."""
        command = [str(self._binary("pg_isready")), "--quiet", "--host", HOST, "--port", str(self.port)]
        return subprocess.run(command, check=False, timeout=10).returncode == 0

    def stop(self) -> None:
        """Shut down in order (fast mode); kill what does not stop within STOP_TIMEOUT_SECONDS."""
        server = postmaster(self.data)
        if server is None:
            return
        with contextlib.suppress(psutil.NoSuchProcess):
            server.send_signal(signal.SIGINT)
        deadline = time.monotonic() + STOP_TIMEOUT_SECONDS
        while self.pid is not None and time.monotonic() < deadline:
            time.sleep(0.02)
        self.kill()

    def kill(self) -> None:
        """Kill the postmaster and its children at once, as a lost instance would be: nothing is flushed."""
        kill_server(self.data)
        (self.data / "postmaster.pid").unlink(missing_ok=True)

    def destroy(self) -> None:
        """Kill the server and delete everything it had: data, WAL and log."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def connect(self, database: str = "postgres") -> psycopg.Connection:
        """An autocommit connection of the superuser."""
        return psycopg.connect(self.dsn(database), autocommit=True, connect_timeout=10)

    def run(self, binary: str, *arguments: str, env: dict[str, str] | None = None) -> str:
        """Run one of the server's binaries as the cluster's user and return what it printed.

        Raises :class:`PostgresError` when it fails.
        """
        done = subprocess.run(
            [str(self._binary(binary)), *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            cwd=self.folder,
            env=os.environ | {"PGPASSWORD": self.password} | (env or {}),
            timeout=300,
            **as_user(),
        )
        if done.returncode:
            output = (done.stdout + done.stderr).strip()[-2000:]
            raise PostgresError(f"{binary} ended with {done.returncode} in {self.folder}:\n{output}")
        return done.stdout

    def log_tail(self, lines: int = 15) -> str:
        """The last lines of the server's log."""
        if not self.log.exists():
            return "(no log)"
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def _binary(self, name: str) -> Path:
        return usable_server(self.folder.parent, self.server) / "bin" / name

    def _make_folder(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        own(self.folder)


def _quoted(value: str) -> str:
    return value.replace("'", "''")
