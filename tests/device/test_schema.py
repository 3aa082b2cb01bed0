"""DuskSpendr's own database: its versions, the steps between them, and what is no database of ours."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from device.errors import CorruptDatabaseError, NewerSchemaError
from device.schema import current_version, migrate, row_counts, synthetic, version_of
from device.schema.published import PUBLISHED
from device.schema.steps import STEPS, Step

ROWS = 300
OLDER = sorted(set(PUBLISHED) - {current_version})
Opened = Callable[[int], sqlite3.Connection]


@pytest.fixture
def opened(tmp_path: Path) -> Opened:
    """A database of some version with rows."""

    def create(version: int) -> sqlite3.Connection:
        path = tmp_path / f"{version}.db"
        synthetic.create(path, transactions=ROWS, version=version)
        return sqlite3.connect(path)

    return create


def shape(connection: sqlite3.Connection) -> dict[str, object]:
    """Columns, references and indexes of every table, whatever the statements look like."""
    tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
    return {
        name: [
            connection.execute(
                f"SELECT name, type, \"notnull\", dflt_value, pk FROM pragma_table_info('{name}')"
            ).fetchall(),
            sorted(connection.execute(f'SELECT "table", "from", "to" FROM pragma_foreign_key_list(\'{name}\')')),
            sorted(connection.execute(f"SELECT name, \"unique\" FROM pragma_index_list('{name}')")),
        ]
        for name in sorted(tables)
    }


def as_the_app_shows_them(connection: sqlite3.Connection) -> list[tuple[object, ...]]:
    joined = version_of(connection) == current_version
    category = "(SELECT name FROM categories WHERE id = category_id)" if joined else "category"
    columns = (
        f"id, account_id, type, amount_paisa, {category}, merchant, description, occurred_at, created_at, updated_at"
    )
    return connection.execute(f"SELECT {columns} FROM transactions ORDER BY id").fetchall()


@pytest.mark.parametrize("version", sorted(PUBLISHED))
def test_version_of_each_published_schema_is_told(opened: Opened, version: int):
    assert version_of(opened(version)) == version


def test_every_version_but_the_newest_has_a_step():
    assert sorted(STEPS) == OLDER


@pytest.mark.parametrize("version", OLDER)
def test_migration_ends_in_the_schema_that_a_new_installation_has(opened: Opened, version: int):
    migrated = opened(version)
    assert len(migrate(migrated)) == current_version - version
    assert shape(migrated) == shape(opened(current_version))
    assert version_of(migrated) == current_version


@pytest.mark.parametrize("version", OLDER)
def test_migration_keeps_every_transaction_as_the_app_shows_it(opened: Opened, version: int):
    connection = opened(version)
    before = as_the_app_shows_them(connection)
    migrate(connection)
    assert len(before) == ROWS
    assert as_the_app_shows_them(connection) == before


def test_migration_keeps_how_a_transaction_was_paid(opened: Opened):
    connection = opened(2)
    connection.execute("UPDATE transactions SET tags = '[\"trip\"]' WHERE rowid % 3 = 0")
    connection.commit()
    query = "SELECT id, payment_method, source, tags FROM transactions ORDER BY id"
    before = connection.execute(query).fetchall()
    migrate(connection)
    assert connection.execute(query).fetchall() == before
    assert len({method for _, method, _, _ in before}) > 3


def test_older_transactions_count_as_entered_by_hand(opened: Opened):
    connection = opened(1)
    migrate(connection)
    found = connection.execute("SELECT DISTINCT payment_method, source, tags FROM transactions").fetchall()
    assert found == [(None, "manual", "[]")]


def test_migrated_database_passes_every_check_of_sqlite(opened: Opened):
    connection = opened(1)
    migrate(connection)
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert connection.execute("PRAGMA foreign_key_check").fetchall() == []


def test_current_database_is_not_touched(opened: Opened):
    connection = opened(current_version)
    changes = connection.total_changes
    assert migrate(connection) == []
    assert connection.total_changes == changes


def test_newer_database_is_refused(opened: Opened):
    connection = opened(current_version)
    connection.execute(f"PRAGMA user_version = {current_version + 1}")
    with pytest.raises(NewerSchemaError, match=f"found version {current_version + 1}"):
        migrate(connection)


def test_foreign_database_has_no_version_and_is_never_migrated():
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE transactions (id INTEGER PRIMARY KEY, amount REAL)")
    connection.execute("PRAGMA user_version = 1")
    assert version_of(connection) is None
    assert migrate(connection) == []


def test_foreign_keys_stay_enforced_where_they_were(opened: Opened):
    connection = opened(1)
    connection.execute("PRAGMA foreign_keys = ON")
    migrate(connection)
    assert connection.execute("PRAGMA foreign_keys").fetchone() == (1,)


def test_failed_step_leaves_the_version_before_it_whole(opened: Opened, monkeypatch: pytest.MonkeyPatch):
    real = STEPS[2]

    def fail_at_the_end(connection: sqlite3.Connection) -> None:
        real.run(connection)
        raise OSError("the storage is gone")

    monkeypatch.setitem(STEPS, 2, Step("fails", fail_at_the_end))
    connection, untouched = opened(1), shape(opened(2))
    with pytest.raises(OSError, match="storage"):
        migrate(connection)
    assert version_of(connection) == 2
    assert shape(connection) == untouched
    assert row_counts(connection)["transactions"] == ROWS


def test_step_that_would_lose_rows_is_taken_back(opened: Opened, monkeypatch: pytest.MonkeyPatch):
    def lose(connection: sqlite3.Connection) -> None:
        connection.execute("DELETE FROM transactions WHERE rowid = 7")

    monkeypatch.setitem(STEPS, 2, Step("loses a row", lose))
    connection = opened(2)
    with pytest.raises(CorruptDatabaseError, match="left as it was"):
        migrate(connection)
    assert row_counts(connection)["transactions"] == ROWS


def test_step_refuses_rows_that_refer_to_nothing(opened: Opened):
    connection = opened(2)
    connection.execute("UPDATE transactions SET account_id = 'gone' WHERE rowid = 7")
    connection.commit()
    with pytest.raises(CorruptDatabaseError, match="a row of transactions"):
        migrate(connection)
    assert version_of(connection) == 2


def test_rows_are_counted_for_each_table_of_the_version(opened: Opened):
    assert row_counts(opened(1)) == {"accounts": 5, "transactions": ROWS}
    assert row_counts(opened(3)) == {"accounts": 5, "categories": 8, "transactions": ROWS, "budgets": 8}


def test_synthetic_databases_are_the_same_for_the_same_seed(tmp_path: Path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        synthetic.create(tmp_path / name, transactions=50, seed=seed)
    dumps = {name: list(sqlite3.connect(tmp_path / name).iterdump()) for name in "abc"}
    assert dumps["a"] == dumps["b"] != dumps["c"]


def test_synthetic_database_has_the_size_that_was_asked_for(tmp_path: Path):
    synthetic.create_of_size(tmp_path / "db", size=3_000_000)
    assert 3_000_000 <= (tmp_path / "db").stat().st_size < 3_600_000
