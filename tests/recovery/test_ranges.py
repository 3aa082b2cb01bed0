"""Ranges of blocks that nothing touched are proven at a glance; everything else is compared in detail."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from recovery import fingerprint, layout
from recovery.check_results import CheckResult
from recovery.checks import content
from recovery.database import Connection, row
from recovery.fingerprint import Reading, read_ranges
from recovery.manifest import Manifest
from recovery.manifest_taking import ManifestPlan, assemble, plan_manifest, read_slice, take_manifest
from recovery.ranges import GROUP_BYTES, RangeContent, RangeSum, ranges_of, slice_content, unproven
from recovery.slices import BlockRange, Slice
from tests.recovery.entries import FIRST, LAST, ROWS, TABLE

Check = Callable[..., CheckResult]

ROWS_A_RANGE = 250  # a little more than two blocks hold


@pytest.fixture
def entries(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> Connection:
    """A connection to a database whose table ``entries`` is kept apart in ranges of two blocks."""
    monkeypatch.setattr(fingerprint, "RANGE_BLOCKS", 2)
    monkeypatch.setattr(layout, "SMALL_TABLE_BUCKETS", 512)
    monkeypatch.setattr(layout, "_ROWS_A_BUCKET", 10**6)
    monkeypatch.setattr(layout, "_SPREAD", 4)
    connection.execute(TABLE.encode())
    return connection


@pytest.fixture
def looked_into(monkeypatch: pytest.MonkeyPatch) -> list[BlockRange]:
    """The ranges that the check compares in detail, as it does."""
    ranges: list[BlockRange] = []

    def reading(connection: Connection, reading: Reading, part: Slice, given: Sequence[BlockRange]) -> Any:
        ranges.extend(given)
        return read_ranges(connection, reading, part, given)

    monkeypatch.setattr(content, "read_ranges", reading)
    return ranges


def in_many_snapshots(connection: Connection) -> Manifest:
    """A manifest as functions take it."""
    plan = ManifestPlan.model_validate_json(plan_manifest(connection).model_dump_json())
    return assemble(plan, [read_slice(connection, plan, number) for number in range(len(plan.slices))])


@pytest.mark.usefixtures("entries")
def test_untouched_table_is_proven_at_a_glance(connection: Connection, check: Check, looked_into: list[BlockRange]):
    manifest = take_manifest(connection)
    assert manifest.tables[0].slices[0].count > 10
    result = check("content", manifest)
    assert (result.status, result.measurements["rows_proven"]) == ("passed", ROWS), result.detail
    assert looked_into == []


def test_edited_row_is_looked_into_where_it_was_and_where_it_is(
    entries: Connection, check: Check, looked_into: list[BlockRange]
):
    manifest = take_manifest(entries)
    blocks = row(entries, "SELECT pg_relation_size('entries') / 8192 AS blocks")["blocks"]
    entries.execute(f"UPDATE entries SET body = 'edited', updated_at = now() WHERE id = {FIRST}".encode())
    result = check("content", manifest)
    assert result.status == "passed", result.detail
    assert result.measurements["buckets_explained_by_later_changes"] == 1
    assert looked_into[0] == BlockRange(0, 2)
    (last,) = looked_into[1:]
    assert (last.first < blocks, last.end) == (True, None)
    assert int(str(result.measurements["rows_proven"])) > ROWS - ROWS_A_RANGE / 2, "the rest of its range is proven"


@pytest.mark.parametrize("manifest", [take_manifest, in_many_snapshots], ids=["one snapshot", "many snapshots"])
@pytest.mark.parametrize(
    ("damage", "finding"),
    [
        (f"DELETE FROM entries WHERE id = {FIRST}", "lost 1 row"),
        (f"DELETE FROM entries WHERE id = {LAST}", "lost 1 row"),
        (f"UPDATE entries SET body = 'x' WHERE id = {FIRST}", "has a row that was changed"),
        (f"UPDATE entries SET body = 'x' WHERE id = {LAST}", "has a row that was changed"),
        (f"UPDATE entries SET created_at = created_at + interval '1 us' WHERE id = {LAST}", "changed"),
        (
            f"UPDATE entries AS a SET body = b.body FROM entries AS b WHERE a.id IN ({FIRST}, {LAST})"
            f" AND b.id IN ({FIRST}, {LAST}) AND a.id <> b.id",
            "has a row that was changed",
        ),
        (
            "INSERT INTO entries SELECT gen_random_uuid(), body, created_at, updated_at FROM entries LIMIT 1",
            "has 1 row that the manifest does not have",
        ),
        ("DELETE FROM entries WHERE ctid >= '(20,0)'; VACUUM entries", "lost"),
        ("TRUNCATE entries", "lost"),
    ],
)
def test_damage_is_found_whatever_range_it_lies_in(
    entries: Connection, check: Check, manifest: Callable[..., Manifest], damage: str, finding: str
):
    taken = manifest(entries)
    for statement in damage.split("; "):
        entries.execute(statement.encode())
    result = check("content", taken)
    assert result.status == "failed"
    assert finding in result.detail


def test_edit_elsewhere_does_not_excuse_a_lost_row(entries: Connection, check: Check):
    manifest = take_manifest(entries)
    entries.execute(f"UPDATE entries SET body = 'edited', updated_at = now() WHERE id = {LAST}".encode())
    entries.execute(f"DELETE FROM entries WHERE id = {FIRST}".encode())
    assert check("content", manifest).status == "failed"


def test_row_edited_in_the_copy_is_found_though_its_range_is_otherwise_whole(entries: Connection, check: Check):
    manifest = take_manifest(entries)
    began = row(entries, "SELECT clock_timestamp() AS now")["now"]
    assert check("content", manifest, restore_started_at=began).status == "passed"
    entries.execute(f"UPDATE entries SET body = 'by hand', updated_at = now() WHERE id = {FIRST}".encode())
    result = check("content", manifest, restore_started_at=began)
    assert "changed after the restore began" in result.detail


def test_new_rows_leave_the_old_ones_proven(entries: Connection, check: Check):
    manifest = take_manifest(entries)
    entries.execute(b"INSERT INTO entries SELECT gen_random_uuid(), 'new', now(), now() FROM generate_series(1, 500)")
    result = check("content", manifest)
    assert (result.measurements["rows"], result.measurements["rows_proven"]) == (ROWS + 500, ROWS)


def test_rewritten_table_is_compared_in_detail_and_proven_whole(
    entries: Connection, check: Check, looked_into: list[BlockRange]
):
    manifest = take_manifest(entries)
    entries.execute(b"VACUUM FULL entries")
    result = check("content", manifest)
    assert (result.status, result.measurements["rows_proven"]) == ("passed", ROWS)
    assert looked_into == [BlockRange(0, None)]


def test_slice_whose_rows_lie_in_no_order_is_one_range(entries: Connection, check: Check):
    entries.execute(
        b"CREATE TABLE shuffled (LIKE entries INCLUDING ALL);"
        b"INSERT INTO shuffled SELECT * FROM entries ORDER BY random(); ANALYZE shuffled; DROP TABLE entries"
    )
    manifest = take_manifest(entries)
    assert [each.count for each in manifest.tables[0].slices] == [1]
    assert check("content", manifest).status == "passed"


def test_equal_rows_of_a_table_without_a_key_are_counted(entries: Connection, check: Check):
    entries.execute(
        b"CREATE TABLE pile AS SELECT body, created_at, updated_at FROM entries, generate_series(1, 2);"
        b"ALTER TABLE pile ALTER created_at SET NOT NULL, ALTER updated_at SET NOT NULL; ANALYZE pile;"
        b"DROP TABLE entries"
    )
    manifest = take_manifest(entries)
    assert manifest.tables[0].slices[0].count > 10
    assert check("content", manifest).measurements["rows_proven"] == 2 * ROWS
    # Two equal rows become two other equal ones: an xor would not see it.
    entries.execute(b"UPDATE pile SET body = 'entry X' WHERE body = 'entry 7'")
    assert check("content", manifest).status == "failed"


def test_ranges_follow_each_other_and_the_last_takes_the_rest():
    assert ranges_of(BlockRange(8, 15), 3, 2) == [(8, 11), (11, 15)]
    assert ranges_of(BlockRange(0, None), 32, 1) == [(0, None)]


@pytest.mark.parametrize(
    ("blocks", "proven", "left"),
    [
        ((0, None), [], [(0, None)]),
        ((0, None), [(0, 4)], [(4, None)]),
        ((0, 8), [(4, 8), (0, 2)], [(2, 4)]),
        ((4, 9), [(5, 6), (6, 8)], [(4, 5), (8, 9)]),
        ((0, None), [(0, 4), (4, None)], []),
        ((4, None), [(6, None)], [(4, 6)]),
    ],
)
def test_what_is_not_proven_is_left(
    blocks: tuple[int, int | None], proven: list[tuple[int, int | None]], left: list[tuple[int, int | None]]
):
    assert unproven(BlockRange(*blocks), [BlockRange(*each) for each in proven]) == left


def test_ranges_survive_their_text():
    part = Slice(table=0, schema_name="public", relation_name="entries", file_node=1, blocks=9)
    groups = [bytes(range(GROUP_BYTES * 2)), b"", bytes(range(100, 100 + GROUP_BYTES))]
    sums = [RangeSum(3, 1, 2**64 - 1), RangeSum(0, 0, 0), RangeSum(1, 0, 5)]
    found = slice_content(part, 3, [RangeContent(*each) for each in zip(sums, groups, strict=True)])
    found = type(found).model_validate_json(found.model_dump_json())
    assert found.range_sums == sums
    assert list(found.groups()) == groups
    assert list(found.groups([2, 0])) == [groups[2], groups[0]]
    assert found.blocks == [(0, 3), (3, 6), (6, None)]
