"""Rows that only one of two real databases has."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from psycopg.sql import SQL, Identifier

from lab.postgres import Cluster
from recovery.database import Connection, connect
from recovery.failover import reconciliation
from recovery.failover.reconciliation import Reconciliation, changes_since, compare, joined
from tests.recovery.conftest import NOTES


@pytest.fixture
def survivor(cluster: Cluster, notes: Connection) -> Iterator[Connection]:
    """A copy of the notes, as they were."""
    del notes
    name = f"survivor_{uuid4().hex[:8]}"
    with cluster.connect() as connection:
        connection.execute(SQL("CREATE DATABASE {}").format(Identifier(name)))
    with connect(cluster.dsn(name), application_name="test") as connection:
        connection.execute(NOTES.encode())
        yield connection
    with cluster.connect() as connection:
        connection.execute(SQL("DROP DATABASE {}").format(Identifier(name)))


def reconciled(old: Connection, new: Connection) -> Reconciliation:
    since = datetime.now(UTC) - timedelta(minutes=1)
    pages: list[Reconciliation] = []
    after = None
    while not pages or after:
        changes = changes_since(old, since, after)
        pages.append(compare(new, changes))
        after = changes.next_page
    return joined(pages)


def test_row_that_was_added_is_missing_and_one_that_was_edited_differs(notes: Connection, survivor: Connection) -> None:
    notes.execute("INSERT INTO notes (id, body) VALUES (900, 'secret')")
    notes.execute("UPDATE notes SET body = 'secret', updated_at = now() WHERE id = 7")
    report = reconciled(notes, survivor)
    [table] = report.tables
    assert (table.missing, table.different, table.changed) == ((("900",),), (("7",),), 2)
    assert "secret" not in report.model_dump_json()


def test_rows_that_nothing_touched_are_not_compared(notes: Connection, survivor: Connection) -> None:
    assert reconciled(notes, survivor).tables == ()


def test_every_row_of_many_pages_is_compared(
    notes: Connection, survivor: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconciliation, "PAGE_ROWS", 10)
    notes.execute("INSERT INTO notes (id, body) SELECT n, 'new' FROM generate_series(1000, 1034) n")
    [table] = reconciled(notes, survivor).tables
    assert len(set(table.missing)) == len(table.missing) == table.changed == 35


def test_table_without_a_change_column_is_named(notes: Connection, survivor: Connection) -> None:
    notes.execute("CREATE TABLE settings (id int PRIMARY KEY)")
    assert reconciled(notes, survivor).untold == ("public.settings",)
