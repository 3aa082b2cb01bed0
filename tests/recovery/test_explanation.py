"""A finding is narrowed to rows where the source can still be read."""

from collections.abc import Callable, Iterator

import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from lab.postgres import Cluster
from recovery.database import Connection, connect
from recovery.explanation import RowDifference, TableDifference, explain
from recovery.manifest_taking import take_manifest

Explain = Callable[..., list[TableDifference]]


@pytest.fixture
def explained(notes: Connection, dsn: str, cluster: Cluster) -> Iterator[Explain]:
    """Copy the database, damage the copy, let the source live on, and explain."""
    name = str(conninfo_to_dict(dsn)["dbname"])

    def run(damage: str, *, later: str = "SELECT 1") -> list[TableDifference]:
        manifest = take_manifest(notes)
        notes.close()
        with cluster.connect() as admin:
            admin.execute(f"CREATE DATABASE {name}_copy TEMPLATE {name}".encode())
        copy_dsn = make_conninfo(dsn, dbname=f"{name}_copy")
        with connect(copy_dsn, application_name="test") as copy, connect(dsn, application_name="test") as source:
            copy.execute(damage.encode())
            source.execute(later.encode())
            return explain(copy, source, manifest)

    yield run
    with cluster.connect() as admin:
        admin.execute(f"DROP DATABASE IF EXISTS {name}_copy WITH (FORCE)".encode())


def test_changed_row_is_named_with_the_columns_that_differ(explained: Explain):
    (table,) = explained("UPDATE notes SET body = 'Note 7' WHERE id = 7")
    assert (table.table, table.key, table.buckets, table.examined) == ("public.notes", ("id",), 1, 1)
    assert table.rows == (RowDifference(kind="changed", key=("7",), columns=("body",)),)


def test_lost_and_added_rows_are_named(explained: Explain):
    (table,) = explained("UPDATE notes SET id = 1000 WHERE id = 7")
    assert {(each.kind, each.key) for each in table.rows} == {("lost", ("7",)), ("added", ("1000",))}


def test_rows_that_the_source_changed_since_are_left_out(explained: Explain):
    (table,) = explained(
        "DELETE FROM notes WHERE id = 7",
        later="UPDATE notes SET body = 'edited', updated_at = now() WHERE id <= 200 AND id <> 7",
    )
    assert [each.key for each in table.rows] == [("7",)]


def test_undamaged_copy_has_nothing_to_explain(explained: Explain):
    assert explained("SELECT 1", later="DELETE FROM notes") == []


def test_damage_that_the_source_caught_up_with_is_said_to_be_so(explained: Explain):
    (table,) = explained("DELETE FROM notes WHERE id = 7", later="DELETE FROM notes WHERE id = 7")
    assert table.rows == ()
    assert "agree by now" in table.note


def test_huge_loss_is_examined_in_part(explained: Explain, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("recovery.explanation.MOST_BUCKETS", 5)
    (table,) = explained("TRUNCATE notes")
    assert table.buckets > 50
    assert table.examined == 5
    assert 5 <= len(table.rows) < 50
