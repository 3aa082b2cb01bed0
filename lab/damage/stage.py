"""The stage of the damages: a product's database with a past, its manifest, and a real restore of it to copy from."""

import hashlib
import secrets
import shutil
import tempfile
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg

from lab import workload
from lab.damage.source import SMALL, Source
from lab.postgres import Cluster
from lab.server import folder_in_memory, make_run_folder
from recovery.bootstrap import VERIFIER_ROLE, bootstrap
from recovery.checks import CHECKS
from recovery.heartbeat import GENESIS, write_heartbeat
from recovery.manifest import Manifest
from recovery.manifest_taking import take_manifest
from recovery.objectives import FULL, HEARTBEAT_INTERVAL
from recovery.verification import Verification, verify

DATABASE = "duskspendr"
OWNER = "duskspendr"
PRISTINE = "pristine"
SCHEMA = Path(__file__).with_name("stage.sql")

USERS, TRANSACTIONS = 500, 5_000
OLDER_HEARTBEATS = 120

# No part of a check of a database this small takes as long, in seconds, on a machine however busy.
STATEMENT_TIMEOUT_SECONDS = 20.0

Connection = psycopg.Connection[Any]


class Stage:
    """Everything that a damage needs, under ``folder``; :meth:`build` makes it, :meth:`destroy` removes it."""

    manifest: Manifest
    restored: Cluster
    # The moment that the restore was asked for, one before the manifest, and when the restore began.
    asked_for: datetime
    before_manifest: datetime
    restore_started_at: datetime

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.source = Source(folder)
        self.stopped = folder / "stopped"

    def build(self) -> None:
        """Fill a primary, back it up, go on writing, take the manifest, lose the primary, restore. Takes seconds."""
        self.source.start()
        create(self.source.cluster)
        self.source.back_up()
        with self.source.cluster.connect(DATABASE) as connection:
            _purchase(connection)
            self.before_manifest = self.source.now()
            write_heartbeat(connection)
            self.manifest = take_manifest(connection, may_lose_rows=workload.MAY_LOSE_ROWS)
            _budget(connection)
            write_heartbeat(connection)
        self.asked_for = self.source.now()
        self.source.ship()
        self.restore_started_at = self.source.now()
        self.source.cluster.kill()
        self.restored = self.source.restore("restored", self.asked_for)
        with self.restored.connect() as admin:  # nobody needs them here, and every copy would carry them along
            for template in ("template0", "template1"):
                admin.execute(f"ALTER DATABASE {template} IS_TEMPLATE false".encode())
                admin.execute(f"DROP DATABASE {template}".encode())
        self.restored.stop()
        shutil.copytree(self.restored.data, self.stopped)
        self.restored.start()
        with self.restored.connect() as admin:
            admin.execute(f"ALTER DATABASE {DATABASE} RENAME TO {PRISTINE}".encode())

    def destroy(self) -> None:
        """Stop the servers and delete their folders."""
        self.source.cluster.destroy()
        if hasattr(self, "restored"):
            self.restored.destroy()

    def fresh_database(self) -> None:
        """Make the restored cluster's database anew, as the restore left it."""
        with self.restored.connect() as admin:
            admin.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)".encode())
            admin.execute(f"CREATE DATABASE {DATABASE} OWNER {OWNER} TEMPLATE {PRISTINE} STRATEGY file_copy".encode())
            # The grants on a database itself do not come with a template.
            admin.execute(
                "UPDATE pg_database SET datacl = (SELECT datacl FROM pg_database WHERE datname = %s)"
                " WHERE datname = %s",
                (PRISTINE, DATABASE),
            )

    @contextmanager
    def copied_cluster(self) -> Generator[Cluster]:
        """A copy of the restored cluster, stopped in order and not yet started, deleted afterwards."""
        copy = Cluster(
            self.folder / f"copy-{secrets.token_hex(4)}", password=self.restored.password, settings=dict(SMALL)
        )
        try:
            copy.adopt(self.stopped)
            yield copy
        finally:
            copy.destroy()

    def verify(
        self,
        cluster: Cluster,
        *,
        database: str = DATABASE,
        disaster_time: datetime | None = None,
        checks: Sequence[str] = tuple(CHECKS),
        statement_timeout_seconds: float = STATEMENT_TIMEOUT_SECONDS,
    ) -> Verification:
        """Verify as the deployed functions do: as the verifying role, with what the restore was asked for."""
        return verify(
            cluster.dsn(database, user=VERIFIER_ROLE),
            self.manifest,
            disaster_time=disaster_time or self.asked_for,
            rpo=FULL.rpo,
            restore_started_at=self.restore_started_at,
            checks=checks,
            statement_timeout_seconds=statement_timeout_seconds,
            workers=1,
        )


@contextmanager
def temporary_stage() -> Generator[Stage]:
    """A stage in a temporary folder, built, and removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="continuity-lab-", dir=folder_in_memory()) as name:
        stage = Stage(make_run_folder(Path(name)) / "stage")
        try:
            stage.build()
            yield stage
        finally:
            stage.destroy()


def create(cluster: Cluster, *, users: int = USERS, transactions: int = TRANSACTIONS) -> None:
    """Create the product's database with its owner, its roles and an hour's pulse, and fill it."""
    with cluster.connect() as admin:
        admin.execute(
            f"CREATE ROLE {OWNER} LOGIN; CREATE ROLE api LOGIN; CREATE ROLE reporting; GRANT reporting TO api"
        )
        admin.execute(f"CREATE DATABASE {DATABASE} OWNER {OWNER}".encode())
    with cluster.connect(DATABASE) as connection:
        connection.execute(f"SET ROLE {OWNER}".encode())
        workload.create(connection, users=users, transactions=transactions)
        connection.execute(SCHEMA.read_bytes())
        connection.execute("RESET ROLE")
        bootstrap(connection)
        # Row security would hide rows from it, and what is hidden cannot be proven.
        connection.execute(f"ALTER ROLE {VERIFIER_ROLE} BYPASSRLS".encode())
        connection.execute("TRUNCATE continuity.heartbeat")
        beat_since(connection, OLDER_HEARTBEATS * HEARTBEAT_INTERVAL)
        connection.execute("ANALYZE")


def beat_since(connection: Connection, age: timedelta) -> None:
    """Continue the chain as if it had beaten each minute since ``age`` ago: the hashes are right, the times made up."""
    for number in range(age // HEARTBEAT_INTERVAL):
        forge_heartbeat(connection, age - number * HEARTBEAT_INTERVAL)


def forge_heartbeat(connection: Connection, age: timedelta) -> None:
    """Continue the chain by one row that was not written when it says, but that long ago."""
    newest = connection.execute("SELECT sequence, hash FROM continuity.heartbeat ORDER BY sequence DESC LIMIT 1")
    sequence, previous = newest.fetchone() or (0, GENESIS)
    [(now,)] = connection.execute("SELECT clock_timestamp() AT TIME ZONE 'UTC'").fetchall()
    line = f"{sequence + 1}|{now - age:%Y-%m-%dT%H:%M:%S.%fZ}|{previous}"
    connection.execute(
        "INSERT INTO continuity.heartbeat VALUES (%s, %s::timestamp AT TIME ZONE 'UTC', %s, %s)",
        (sequence + 1, now - age, previous, hashlib.sha256(line.encode()).hexdigest()),
    )


def _purchase(connection: Connection) -> None:
    """What the product does all day: purchases that change balances, and codes that expire."""
    connection.execute(
        """
        UPDATE linked_accounts SET balance_paisa = balance_paisa - 4200
        WHERE id IN (SELECT id FROM linked_accounts ORDER BY id LIMIT 100);
        INSERT INTO transactions (user_id, account_id, kind, amount_paisa, category, occurred_at)
        SELECT user_id, id, 'debit', 4200, 'food', now() FROM linked_accounts ORDER BY id LIMIT 100;
        DELETE FROM auth_otps WHERE id IN (SELECT id FROM auth_otps LIMIT 5);
        """
    )


def _budget(connection: Connection) -> None:
    """A change after the manifest. Of a table of which no damage takes single rows: it may hide its neighbours."""
    connection.execute(
        """
        UPDATE budgets SET limit_paisa = limit_paisa + 100 WHERE id IN (SELECT id FROM budgets LIMIT 20);
        INSERT INTO transactions (user_id, kind, amount_paisa, category, occurred_at)
        SELECT id, 'debit', 4200, 'food', now() FROM users ORDER BY id LIMIT 100;
        DELETE FROM auth_otps WHERE id IN (SELECT id FROM auth_otps LIMIT 5);
        """
    )
