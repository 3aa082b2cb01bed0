"""What arrives is compared, and what differs is named."""

import psycopg
import pytest

from recovery.migration.verifying import verify
from recovery.refusal import RefusedError
from tests.recovery.migration.conftest import Databases
from tests.recovery.migration.moves import cut, moved, started


def test_every_kind_of_table_arrives_and_is_verified(app: Databases) -> None:
    started(app)
    app.on_source(
        "UPDATE parts SET note = 'moved', day = '2026-06-06' WHERE n = 1; DELETE FROM notes WHERE ctid = '(0,1)'"
    )
    found = moved(app, verify)
    assert found.same, (found.compared.differences, found.schema_differences)
    assert (found.compared.rows, found.compared.tables) == (6299, 4)
    assert app.on_target("SELECT count(*) FROM totals") == [(200,)]


def test_verification_names_the_rows_that_differ(app: Databases) -> None:
    started(app)
    app.spoil_target(
        " UPDATE people SET name = 'somebody else' WHERE id = 7; DELETE FROM things WHERE id = 8;"
        " INSERT INTO parts VALUES ('2025-05-05', 9000, 'nobody sent this')"
    )
    found = moved(app, verify)
    told = {(each.table, row.kind, row.key, row.columns) for each in found.compared.differences for row in each.rows}
    assert told == {
        ("public.people", "changed", ("7",), ("name",)),
        ("public.things", "lost", ("8",), ()),
        ("public.parts", "added", ("2025-05-05", "9000"), ()),
    }
    with pytest.raises(RefusedError, match="expected a verified target"):
        cut(app)


def test_verification_finds_a_table_without_key_that_differs(app: Databases) -> None:
    started(app)
    app.spoil_target(" INSERT INTO notes (body) VALUES ('one more')")
    (difference,) = moved(app, verify).compared.differences
    assert difference.table == "public.notes"


def test_verification_finds_a_schema_that_differs(app: Databases) -> None:
    started(app)
    app.on_source("CREATE INDEX later ON things (seen)")
    assert any("later" in each for each in moved(app, verify).schema_differences)


def test_a_long_transaction_keeps_a_verification_from_its_point(
    app: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recovery.migration.replication.SLOT_PATIENCE_SECONDS", 0.3)
    started(app)
    with psycopg.connect(app.source) as busy:
        busy.execute("UPDATE people SET name = 'under way' WHERE id = 1")
        with pytest.raises(RefusedError, match="end long transactions"):
            moved(app, verify)
