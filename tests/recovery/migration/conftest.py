"""Two servers of different major versions, shared by the tests of a module, and a new pair of databases a test."""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from lab.moving import MovingPair, tools_on_path
from lab.postgres import Cluster
from lab.server import make_run_folder
from recovery.migration.replication import drop_slots


@dataclass(frozen=True)
class Databases:
    """A source and an empty target."""

    source: str
    target: str

    def on_source(self, query: str) -> list[tuple[object, ...]]:
        return _run(self.source, query)

    def on_target(self, query: str) -> list[tuple[object, ...]]:
        return _run(self.target, query)

    def defy(self, dsn: str, query: str, *settings: str) -> None:
        """As a session that switches off for itself what it can."""
        _run(dsn, query, "default_transaction_read_only = off", *settings)

    def spoil_target(self, query: str) -> None:
        """As replication itself would, past every fence."""
        self.defy(self.target, query, "session_replication_role = replica")


def _run(dsn: str, query: str, *settings: str) -> list[tuple[object, ...]]:
    with psycopg.connect(dsn, autocommit=True) as connection:
        for each in settings:
            connection.execute(f"SET {each}".encode())
        cursor = connection.execute(query.encode())
        return cursor.fetchall() if cursor.description else []


@pytest.fixture(scope="module")
def pair() -> Iterator[MovingPair]:
    with tempfile.TemporaryDirectory(prefix="continuity-test-") as name:
        folder = make_run_folder(Path(name))
        pair = MovingPair(folder / "pair")
        try:
            pair.start()
            with tools_on_path(folder / "pair"):
                yield pair
        finally:
            pair.destroy()


@pytest.fixture
def databases(pair: MovingPair) -> Iterator[Databases]:
    """A new one on each server, and nothing of it left afterwards, whatever the test left half done."""
    name = f"test_{uuid4().hex[:12]}"
    for cluster in (pair.source, pair.target):
        pair.make_database(cluster, name)
    yield Databases(pair.source.dsn(name), pair.target.dsn(name))
    for cluster in (pair.source, pair.target):
        _forget(cluster, name)


def _forget(cluster: Cluster, database: str) -> None:
    with cluster.connect(database) as connection:
        connection.execute("SET default_transaction_read_only = off")
        for (name,) in connection.execute(
            "SELECT subname FROM pg_subscription AS s JOIN pg_database AS d ON d.oid = s.subdbid WHERE datname = %s",
            (database,),
        ).fetchall():
            for action in ("ALTER SUBSCRIPTION {} DISABLE", "ALTER SUBSCRIPTION {} SET (slot_name = NONE)"):
                connection.execute(SQL(action).format(Identifier(name)))
            connection.execute(SQL("DROP SUBSCRIPTION {}").format(Identifier(name)))
        drop_slots(connection, ["%"])
        connection.execute("DROP PUBLICATION IF EXISTS continuity_migration")
        for (name,) in connection.execute("SELECT rolname FROM pg_roles WHERE rolname LIKE 'continuity%'").fetchall():
            connection.execute(SQL("DROP ROLE {}").format(Identifier(name)))
    with cluster.connect() as connection:
        connection.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(database)))


@pytest.fixture
def app(databases: Databases) -> Databases:
    """A source with what applications have: keys and foreign keys, parts, a sequence, a generated column, no key."""
    databases.on_source("""
CREATE TABLE people (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL UNIQUE);
CREATE TABLE things (id bigserial PRIMARY KEY, owner int NOT NULL REFERENCES people, price numeric(12, 2),
                     gross numeric GENERATED ALWAYS AS (price * 1.18) STORED, seen timestamptz DEFAULT now());
CREATE INDEX things_owner ON things (owner);
CREATE TABLE parts (day date, n int, note text, PRIMARY KEY (day, n)) PARTITION BY RANGE (day);
CREATE TABLE parts_old PARTITION OF parts FOR VALUES FROM ('2020-01-01') TO ('2026-01-01');
CREATE TABLE parts_new PARTITION OF parts FOR VALUES FROM ('2026-01-01') TO ('2030-01-01');
CREATE TABLE notes (body text, at timestamptz DEFAULT now());
ALTER TABLE notes REPLICA IDENTITY FULL;
CREATE MATERIALIZED VIEW totals AS SELECT owner, sum(price) AS total FROM things GROUP BY owner;
INSERT INTO people (name) SELECT 'person ' || n FROM generate_series(1, 200) n;
INSERT INTO things (owner, price) SELECT 1 + n % 200, n FROM generate_series(1, 5000) n;
INSERT INTO parts SELECT date '2025-01-01' + n % 700, n, 'part ' || n FROM generate_series(1, 1000) n;
INSERT INTO notes (body) SELECT 'same' FROM generate_series(1, 100) n;
""")
    return databases
