"""Rows of a restored copy back into the live database: after a user's error, and undone."""

from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import uuid4

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from lab.postgres import Cluster
from recovery.database import connect
from recovery.refusal import RefusedError
from recovery.repair.repairing import Repair, compare, repair, undo
from recovery.repair.selection import select

TABLE = "public.bought"
SETUP = """
CREATE TABLE bought (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, what text, price numeric(9, 2), tags jsonb,
                     gross numeric GENERATED ALWAYS AS (price * 2) STORED, created_at timestamptz NOT NULL,
                     updated_at timestamptz NOT NULL);
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.updated_at := now(); RETURN NEW; END';
CREATE TRIGGER touch BEFORE UPDATE ON bought FOR EACH ROW EXECUTE FUNCTION touch();
INSERT INTO bought (what, price, tags, created_at, updated_at)
SELECT 'thing ' || n, n + 0.25, jsonb_build_array(n, 'ä'), d, d
FROM generate_series(1, 100) n, LATERAL (SELECT timestamptz '2026-01-01 00:00Z' + n * interval '1 day' AS d) AS day;
CREATE TABLE keyless (v int);
"""


@pytest.fixture
def both(cluster: Cluster, dsn: str) -> Iterator[tuple[str, str]]:
    """The live database after a user's error, and a copy from before it."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(SETUP)
        name = connection.info.dbname
    copy = f"copy_{uuid4().hex[:12]}"
    with cluster.connect() as admin:
        admin.execute(
            SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy").format(Identifier(copy), Identifier(name))
        )
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("DELETE FROM bought WHERE id BETWEEN 10 AND 12")
        connection.execute("UPDATE bought SET price = 0 WHERE id = 50")
        connection.execute(
            "INSERT INTO bought (what, created_at, updated_at) VALUES ('since', '2026-02-01Z', '2026-02-01Z')"
        )
    yield dsn, cluster.dsn(copy)
    with cluster.connect() as admin:
        admin.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(copy)))


def run(both: tuple[str, str], *, dry: bool = False, with_added: bool = False, until: datetime | None = None) -> Repair:
    with connect(both[0], application_name="test") as live, connect(both[1], application_name="test") as copy:
        selection = select(live, copy, TABLE, column="created_at", since=None, until=until)
        return (compare if dry else repair)(live, copy, selection, with_added=with_added)


def undone(both: tuple[str, str], name: str) -> int:
    with connect(both[0], application_name="test") as live:
        return undo(live, select(live, live, TABLE, column="created_at", since=None, until=None), name)


def content(dsn: str) -> list[tuple[object, ...]]:
    with psycopg.connect(dsn) as connection:
        return connection.execute("SELECT t::text FROM bought AS t ORDER BY id").fetchall()


def test_a_dry_run_lists_the_rows_and_changes_nothing(both: tuple[str, str]) -> None:
    before = content(both[0])
    found = run(both, dry=True)
    assert {(each.kind, each.key) for each in found.rows} == {
        ("missing", ("10",)),
        ("missing", ("11",)),
        ("missing", ("12",)),
        ("changed", ("50",)),
    }
    assert content(both[0]) == before


def test_lost_and_changed_rows_come_back_as_they_were_and_later_ones_stay(both: tuple[str, str]) -> None:
    run(both)
    assert [each for each in content(both[0]) if "since" not in str(each)] == content(both[1])
    assert any("since" in str(each) for each in content(both[0]))


def test_rows_that_were_added_since_go_only_when_that_is_asked_for(both: tuple[str, str]) -> None:
    assert run(both, with_added=True).number("added") == 1
    assert content(both[0]) == content(both[1])


def test_only_a_time_range_is_repaired(both: tuple[str, str]) -> None:
    found = run(both, until=datetime(2026, 1, 31, tzinfo=UTC))
    assert found.number("missing") == 3
    assert found.number("changed") == 0


def test_a_repair_is_undone_to_the_bit(both: tuple[str, str]) -> None:
    before = content(both[0])
    name = run(both, with_added=True).id
    assert name is not None
    assert undone(both, name) == 5
    assert content(both[0]) == before
    with pytest.raises(RefusedError, match="found it undone"):
        undone(both, name)


def test_an_undo_overwrites_nothing_that_was_changed_since(both: tuple[str, str]) -> None:
    name = run(both).id
    assert name is not None
    with psycopg.connect(both[0], autocommit=True) as connection:
        connection.execute("UPDATE bought SET what = 'edited' WHERE id = 11")
    with pytest.raises(RefusedError, match="1 changed since"):
        undone(both, name)


@pytest.mark.parametrize(("table", "told"), [("public.nothing", "schema.table"), ("public.keyless", "primary key")])
def test_a_table_that_cannot_be_repaired_is_refused(both: tuple[str, str], table: str, told: str) -> None:
    with connect(both[0], application_name="test") as live, pytest.raises(RefusedError, match=told):
        select(live, live, table, column="created_at", since=None, until=None)
