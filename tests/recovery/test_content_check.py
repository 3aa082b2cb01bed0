"""Content: every settled row is there to the bit, or later changes account for it."""

from collections.abc import Callable

import pytest

from recovery.check_results import CheckResult
from recovery.database import Connection, row
from recovery.manifest_taking import take_manifest

Prove = Callable[..., CheckResult]


@pytest.mark.usefixtures("notes")
def test_untouched_rows_are_proven_to_the_bit(prove: Prove):
    result = prove()
    assert result.status == "passed", result.detail
    assert (result.measurements["rows"], result.measurements["rows_proven"]) == (200, 200)
    assert result.measurements["share_proven"] == 1.0


@pytest.mark.usefixtures("notes")
def test_flipped_value_of_a_settled_row_is_found_and_its_table_named(prove: Prove):
    result = prove("UPDATE notes SET body = 'Note 7' WHERE id = 7")
    assert result.status == "failed"
    assert "table public.notes" in result.detail
    assert "has a row that was changed" in result.detail


@pytest.mark.usefixtures("notes")
def test_lost_row_is_found(prove: Prove):
    result = prove("DELETE FROM notes WHERE id = 7")
    assert result.status == "failed"
    assert "table public.notes: bucket" in result.detail
    assert "lost 1 row" in result.detail


@pytest.mark.usefixtures("notes")
def test_row_that_claims_to_be_old_but_is_new_is_found(prove: Prove):
    result = prove("INSERT INTO notes SELECT 1000, body, created_at, updated_at FROM notes WHERE id = 7")
    assert result.status == "failed"
    assert "has 1 row that the manifest does not have" in result.detail


@pytest.mark.usefixtures("notes")
def test_row_exchanged_for_another_is_found(prove: Prove):
    result = prove("UPDATE notes SET id = 1000 WHERE id = 7")
    assert result.status == "failed"


@pytest.mark.usefixtures("notes")
def test_truncated_table_is_found(prove: Prove):
    result = prove("TRUNCATE notes")
    assert result.status == "failed"
    assert "more" in result.detail, "two hundred buckets are summed up, not listed"


@pytest.mark.usefixtures("notes")
def test_dropped_table_is_found(prove: Prove):
    result = prove("DROP TABLE notes")
    assert result.status == "failed"
    assert "table public.notes cannot be read" in result.detail


@pytest.mark.usefixtures("notes")
def test_dropped_column_is_found(prove: Prove):
    result = prove("ALTER TABLE notes DROP COLUMN body")
    assert result.status == "failed"
    assert "body" in result.detail


@pytest.mark.usefixtures("notes")
def test_later_update_explains_its_bucket(prove: Prove):
    result = prove("UPDATE notes SET body = 'edited', updated_at = now() WHERE id = 7")
    assert result.status == "passed", result.detail
    assert result.measurements["buckets_explained_by_later_changes"] == 1
    assert result.measurements["rows_proven"] != 200


def test_later_update_does_not_excuse_a_lost_row_of_its_bucket(connection: Connection, prove: Prove):
    connection.execute(
        "CREATE TABLE pile (body text, created_at timestamptz NOT NULL, updated_at timestamptz NOT NULL);"
        # Without a key, rows of the same creation time share a bucket.
        "INSERT INTO pile SELECT 'row ' || n, '2026-01-01Z', '2026-01-01Z' FROM generate_series(1, 9) n"
    )
    result = prove("UPDATE pile SET updated_at = now() WHERE body = 'row 1'", "DELETE FROM pile WHERE body = 'row 2'")
    assert result.status == "failed"
    assert "lost 1 row" in result.detail


def test_later_update_of_a_row_already_changed_before_the_manifest_settled(
    notes: Connection, other: Connection, prove: Prove
):
    other.execute("SELECT 1")  # an open transaction: what is written from now on is not settled
    notes.execute("UPDATE notes SET body = 'edited', updated_at = now() WHERE id = 7")
    result = prove("UPDATE notes SET body = 'edited again', updated_at = now() WHERE id = 7")
    assert result.status == "passed", result.detail


@pytest.mark.usefixtures("notes")
def test_later_insert_is_fine(prove: Prove):
    result = prove("INSERT INTO notes (id, body) SELECT n, 'new' FROM generate_series(1001, 1100) n")
    assert result.status == "passed", result.detail
    assert (result.measurements["rows"], result.measurements["rows_proven"]) == (300, 200)


def test_row_whose_change_time_went_back_is_found(notes: Connection, prove: Prove):
    notes.execute("UPDATE notes SET updated_at = now() + interval '1 hour' WHERE id = 7")
    result = prove("UPDATE notes SET updated_at = created_at WHERE id = 7")
    assert result.status == "failed"
    assert "change time went back" in result.detail


@pytest.mark.usefixtures("notes")
def test_rows_that_the_product_deletes_may_be_missing(prove: Prove):
    result = prove("DELETE FROM notes WHERE id <= 50", may_lose_rows=("public.notes",))
    assert result.status == "passed", result.detail
    assert result.measurements["rows"] == 150


@pytest.mark.usefixtures("notes")
def test_changed_row_of_a_table_that_may_lose_rows_is_found(prove: Prove):
    result = prove("UPDATE notes SET body = 'x' WHERE id = 7", may_lose_rows=("public.notes",))
    assert result.status == "failed"
    assert "changed" in result.detail


@pytest.mark.usefixtures("notes")
def test_added_row_of_a_table_that_may_lose_rows_is_found(prove: Prove):
    copy = "INSERT INTO notes SELECT 1000, body, created_at, updated_at FROM notes WHERE id = 7"
    result = prove(copy, may_lose_rows=("public.notes",))
    assert result.status == "failed"


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE codes SET label = 'changed' WHERE code = 1",
        "DELETE FROM codes WHERE code = 1",
        "INSERT INTO codes VALUES (99, 'new')",
    ],
)
def test_table_without_a_change_column_is_proven_whole_or_not_at_all(connection: Connection, prove: Prove, change: str):
    connection.execute("CREATE TABLE codes (code int PRIMARY KEY, label text)")
    connection.execute("INSERT INTO codes SELECT n, 'label ' || n FROM generate_series(1, 50) n")
    assert prove().status == "passed"
    result = prove(change)
    assert result.status == "not_proven"
    assert "table public.codes differs and has no change column to explain it" in result.detail


def test_duplicated_row_is_found_where_nothing_forbids_it(connection: Connection, prove: Prove):
    connection.execute("CREATE TABLE loose (a int, b text); INSERT INTO loose VALUES (1, 'one'), (2, 'two')")
    result = prove("INSERT INTO loose VALUES (1, 'one')")
    assert result.status == "not_proven"


def test_pair_of_equal_rows_changed_alike_is_found(connection: Connection, prove: Prove):
    """The xor of two equal rows is zero whatever they hold: the sum is what sees this."""
    connection.execute("CREATE TABLE loose (a int); INSERT INTO loose VALUES (1), (1)")
    assert prove("UPDATE loose SET a = 2").status == "not_proven"


def test_creation_column_alone_makes_a_table_append_only(connection: Connection, prove: Prove):
    connection.execute(
        "CREATE TABLE log (id int PRIMARY KEY, line text, created_at timestamptz NOT NULL DEFAULT now());"
        "INSERT INTO log SELECT n, 'line' FROM generate_series(1, 20) n"
    )
    assert prove("INSERT INTO log VALUES (21, 'line')").status == "passed"
    assert prove("UPDATE log SET line = 'other' WHERE id = 3").status == "failed"


def test_change_column_alone_explains_updates_and_finds_a_flipped_value(connection: Connection, prove: Prove):
    connection.execute(
        "CREATE TABLE state (id int PRIMARY KEY, v int, updated_at timestamptz DEFAULT now());"
        "INSERT INTO state SELECT n, n FROM generate_series(1, 100) n"
    )
    assert prove("UPDATE state SET v = 0, updated_at = now() WHERE id = 3").status == "passed"
    assert prove("UPDATE state SET v = 0 WHERE id = 4").status == "failed"
    assert prove("DELETE FROM state WHERE id = 5").status == "failed"


def test_times_without_a_zone_prove_only_what_no_zone_can_make_recent(connection: Connection, prove: Prove):
    connection.execute(
        "CREATE TABLE local (id int PRIMARY KEY, v int, created_at timestamp NOT NULL, updated_at timestamp NOT NULL);"
        "INSERT INTO local SELECT n, n, t, t FROM generate_series(1, 9) n,"
        " (SELECT now() - interval '2 days' AS t) AS past"
    )
    # A writer whose clock is 8 hours behind UTC, and one that is 5.5 hours ahead.
    west, east = "now() - interval '8 hours'", "now() + interval '5.5 hours'"
    result = prove(
        f"INSERT INTO local VALUES (10, 1, {west}, {west}), (11, 1, {east}, {east})",
        f"UPDATE local SET v = 0, updated_at = {west} WHERE id = 1",
    )
    assert result.status == "passed", result.detail
    assert prove("UPDATE local SET v = 7 WHERE id = 2").status == "failed"


def test_manifest_of_which_nothing_was_settled_proves_nothing(connection: Connection, prove: Prove):
    connection.execute(
        "CREATE TABLE fresh (id int PRIMARY KEY, created_at timestamptz NOT NULL);"
        "INSERT INTO fresh VALUES (1, now() + interval '1 day')"
    )
    result = prove()
    assert result.status == "not_proven"
    assert "settled 0 of its 1 row" in result.detail


def test_empty_database_has_nothing_to_prove(prove: Prove):
    result = prove()
    assert result.status == "passed"
    assert result.measurements["share_proven"] is None


def test_fingerprints_of_another_major_version_are_never_compared(notes: Connection, check: Callable[..., CheckResult]):
    manifest = take_manifest(notes)
    other_major = manifest.model_copy(update={"database": manifest.database.model_copy(update={"server_major": 15})})
    for name in ("content", "schema"):
        result = check(name, other_major)
        assert result.status == "not_proven"
        assert "15" in result.detail


def test_portable_fingerprints_are_compared_across_major_versions(notes: Connection, check: Callable[..., CheckResult]):
    manifest = take_manifest(notes, portable=True)
    other_major = manifest.model_copy(update={"database": manifest.database.model_copy(update={"server_major": 15})})
    result = check("content", other_major)
    assert (result.status, result.measurements["rows_proven"]) == ("passed", 200), result.detail
    notes.execute("UPDATE notes SET body = 'Note 7' WHERE id = 7")
    assert check("content", other_major).status == "failed"


def test_edit_of_the_copy_itself_is_no_later_change_of_the_original(
    notes: Connection, check: Callable[..., CheckResult]
):
    manifest = take_manifest(notes)
    began = row(notes, "SELECT clock_timestamp() AS now")["now"]
    assert check("content", manifest, restore_started_at=began).status == "passed"
    notes.execute("UPDATE notes SET body = 'by hand', updated_at = now() WHERE id = 7")
    result = check("content", manifest, restore_started_at=began)
    assert result.status == "failed"
    assert "has 1 row changed after the restore began" in result.detail
