"""A large table is read in slices, at once or one after the other, and proven all the same."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from recovery import layout, slices
from recovery.check_results import CheckResult
from recovery.database import Connection, connect
from recovery.manifest import Manifest
from recovery.manifest_taking import (
    IncompleteError,
    ManifestPlan,
    SliceReading,
    assemble,
    plan_manifest,
    read_slice,
    take_manifest,
)
from recovery.slices import RewrittenError
from tests.recovery.entries import FIRST, LAST, ROWS, TABLE

Check = Callable[..., CheckResult]


@pytest.fixture
def entries(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> Connection:
    """A connection to a database whose table ``entries`` is dealt by period, and read in slices of four blocks."""
    monkeypatch.setattr(slices, "SLICE_BYTES", 4 * 8192)
    connection.execute(TABLE.encode())
    return connection


@pytest.fixture
def helper(dsn: str) -> Iterator[Connection]:
    """A second connection to the same database."""
    with connect(dsn, application_name="test") as connection:
        yield connection


def one_by_one(connection: Connection, between: Callable[[], Any] = lambda: None, **options: Any) -> Manifest:
    """A manifest as functions take it: planned, read slice by slice, assembled; everything through JSON."""
    plan = ManifestPlan.model_validate_json(plan_manifest(connection, **options).model_dump_json())
    contents: list[SliceReading] = []
    for number in reversed(range(len(plan.slices))):
        contents.append(SliceReading.model_validate_json(read_slice(connection, plan, number).model_dump_json()))
        between()
    return assemble(plan, contents)


def test_rows_are_dealt_by_their_period_of_creation(entries: Connection):
    (table,) = take_manifest(entries).tables
    assert table.layout.period_seconds is not None
    assert (table.rows, table.settled) == (ROWS, ROWS)
    own = [bucket for bucket in table.buckets if bucket.rows]
    assert len(own) > ROWS / 3, "the rows are spread over many buckets"


def test_table_created_at_one_moment_is_dealt_by_key_alone(connection: Connection):
    connection.execute(TABLE.replace("n * interval '45 minutes'", "interval '0'").encode())
    (table,) = take_manifest(connection).tables
    assert table.layout.period_seconds is None
    assert table.layout.spread == table.layout.buckets == 16_384


def test_slices_read_side_by_side_see_one_snapshot(entries: Connection, helper: Connection):
    plan = plan_manifest(entries)
    assert len(plan.slices) > 5
    alone, together = take_manifest(entries), take_manifest(entries, helpers=[helper])
    assert together.tables[0].slices == alone.tables[0].slices
    assert together.tables[0].exact


def test_slices_read_one_after_the_other_make_the_same_manifest(entries: Connection, check: Check):
    manifest = one_by_one(entries)
    at_once = take_manifest(entries)
    assert manifest.tables[0].slices == at_once.tables[0].slices
    assert not manifest.tables[0].exact
    result = check("content", manifest)
    assert (result.status, result.measurements["rows_proven"]) == ("passed", ROWS), result.detail


def test_rows_changed_while_slices_are_read_raise_no_false_alarm(entries: Connection, check: Check):
    def write() -> None:
        for which in (FIRST, LAST):
            entries.execute(f"UPDATE entries SET body = body || '!', updated_at = now() WHERE id = {which}".encode())
        entries.execute(b"INSERT INTO entries (body, created_at, updated_at) SELECT 'new', now(), now()")

    manifest = one_by_one(entries, write)
    assert check("content", manifest).status == "passed"


@pytest.mark.parametrize("manifest", [take_manifest, one_by_one], ids=["one snapshot", "many snapshots"])
@pytest.mark.parametrize(
    ("damage", "finding"),
    [
        (f"DELETE FROM entries WHERE id = {FIRST}", "lost 1 row"),
        (f"UPDATE entries SET body = 'x' WHERE id = {LAST}", "has a row that was changed"),
        (
            "INSERT INTO entries SELECT gen_random_uuid(), body, created_at, updated_at FROM entries LIMIT 1",
            "has 1 row",
        ),
        ("TRUNCATE entries", "lost"),
    ],
)
def test_damage_is_found_whatever_slice_it_lies_in(
    entries: Connection, check: Check, manifest: Callable[..., Manifest], damage: str, finding: str
):
    taken = manifest(entries)
    entries.execute(damage.encode())
    result = check("content", taken)
    assert result.status == "failed"
    assert finding in result.detail


def test_one_edit_leaves_all_but_its_bucket_proven(entries: Connection, check: Check):
    manifest = take_manifest(entries)
    entries.execute(f"UPDATE entries SET body = 'edited', updated_at = now() WHERE id = {FIRST}".encode())
    result = check("content", manifest)
    assert result.status == "passed"
    assert int(str(result.measurements["rows_proven"])) >= ROWS - 10


def test_relation_rewritten_between_plan_and_slice_is_refused(entries: Connection):
    plan = plan_manifest(entries)
    entries.execute(b"VACUUM FULL entries")
    with pytest.raises(RewrittenError, match=r"expected \"public\"\.\"entries\" in file \d+, found \d+.*start again"):
        read_slice(entries, plan, 0)


def test_manifest_with_a_slice_missing_is_refused(entries: Connection):
    plan = plan_manifest(entries)
    with pytest.raises(IncompleteError, match=rf"expected {len(plan.slices)} slices, found 1"):
        assemble(plan, [read_slice(entries, plan, 0)])


def test_table_without_a_change_column_is_not_divided(entries: Connection):
    entries.execute(b"CREATE TABLE codes AS SELECT n, repeat('x', 100) AS label FROM generate_series(1, 2000) n")
    plan = plan_manifest(entries)
    labels = [plan.tables[part.table].layout.label for part in plan.slices]
    assert labels.count("public.codes") == 1
    assert labels.count("public.entries") > 1


def test_number_of_slices_is_bounded(entries: Connection, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(slices, "MOST_SLICES", 4)
    assert len(plan_manifest(entries).slices) <= 5


def test_portable_buckets_are_the_same_rows(entries: Connection):
    native, portable = take_manifest(entries), take_manifest(entries, portable=True)
    assert native.tables[0].slices != portable.tables[0].slices
    assert native.settled_rows == portable.settled_rows == ROWS


def test_large_table_that_was_never_analyzed_has_the_most_buckets(entries: Connection, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(layout, "_COUNTED_BLOCKS", 1)
    entries.execute(b"CREATE TABLE raw (LIKE entries INCLUDING ALL); INSERT INTO raw SELECT * FROM entries")
    plan = plan_manifest(entries)
    assert {each.layout.label: each.layout.buckets for each in plan.tables}["public.raw"] == layout.MOST_BUCKETS
