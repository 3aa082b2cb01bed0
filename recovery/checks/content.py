"""Is every settled row there, to the bit?"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import psycopg
from psycopg.sql import Identifier

from recovery.buckets import Age, Bucket, Buckets
from recovery.checks.outcome import Argument, Check, CheckContext, Measurement, Outcome, Part, counted
from recovery.database import Connection, row
from recovery.fingerprint import Reading, empty_buckets, read_ranges, read_sums, unpack_buckets
from recovery.layout import Layout
from recovery.manifest import Manifest, TableContent
from recovery.ranges import SliceContent, unproven
from recovery.row_hash import NATIVE
from recovery.slices import BlockRange, Slice, slices
from recovery.summary import summary

# A relation of up to this many blocks, 8 MiB, is read once more without hesitation.
_GLANCE_BLOCKS = 1024

_GONE = (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn, psycopg.errors.InvalidSchemaName)


@dataclass
class _Tally:
    """What has been found so far."""

    rows: int = 0
    proven: int = 0
    explained: int = 0
    findings: list[str] = field(default_factory=list[str])
    unproven: list[str] = field(default_factory=list[str])


def content_parts(connection: Connection, context: CheckContext) -> list[Part]:
    """One part a slice of a table, in the order of the manifest's tables; a table that is gone has one too."""
    tables = context.manifest.tables
    found = slices(connection, [table.layout for table in tables], whole=False)
    parts: list[Part] = []
    for number, table in enumerate(tables):
        own = [part for part in found if part.table == number]
        parts += [Part(check="content", label=_label(table.layout, part), arguments=_arguments(part)) for part in own]
        if not own:
            parts.append(Part(check="content", label=table.layout.label, arguments={"table": number}))
    return parts


def check_content_part(connection: Connection, context: CheckContext, part: Part) -> Outcome:
    """Prove ranges of one slice by their sums, and count the others into the buckets of its table.

    :func:`conclude_content` compares those with the same ranges of the manifest.
    """
    _require_comparable(connection, context.manifest)
    table = context.manifest.tables[_table(part)]
    reading = Reading(
        layout=table.layout,
        until=table.settled_until,
        late_after=context.restore_started_at,
        algorithm=context.manifest.algorithm,
    )
    try:
        if "relation_name" not in part.arguments:
            row(connection, "SELECT %s::regclass AS found", (_name(table.layout),))
            raise RuntimeError(f"expected {table.layout.label} to be a table, found something else")
        given = Slice.model_validate(part.arguments)
        proven = _proven_ranges(connection, reading, table, given)
        left = unproven(given.range, proven.values())
        counted_out = [content.groups for content in read_ranges(connection, reading, given, left)]
    except _GONE as error:
        detail = f"table {table.layout.label} cannot be read: {error.diag.message_primary}"
        return Outcome(status="failed", detail=detail)
    payload: dict[str, Any] = {"proven": list(proven)}
    if counted_out:
        found = empty_buckets(table.layout)
        for groups in counted_out:
            found.add_groups(groups)
        payload["packed"] = found.pack()
    return Outcome(status="passed", detail=part.label, payload=payload)


def _proven_ranges(
    connection: Connection, reading: Reading, table: TableContent, given: Slice
) -> dict[tuple[int, int], BlockRange]:
    """The manifest's ranges (by the number of their slice and their own) that the slice holds to the bit."""
    proven: dict[tuple[int, int], BlockRange] = {}
    for number, content in enumerate(table.slices):
        if not content.part.same_relation(given) or not _worth_a_glance(content):
            continue
        blocks, sums = content.blocks, content.range_sums
        # One with rows that were not settled is compared in detail, as is one that has any now.
        known = [each for each in range(content.count) if not sums[each].others and blocks[each].within(given.range)]
        found = read_sums(connection, reading, given, [blocks[each] for each in known])
        same = (each for each, range_sum in zip(known, found, strict=True) if range_sum == sums[each])
        proven |= {(number, each): blocks[each] for each in same}
    return proven


def _worth_a_glance(content: SliceContent) -> bool:
    """Whether some of it is likely to be as it was. One large range hardly ever is, and would be read twice."""
    return content.count > 1 or content.part.blocks <= _GLANCE_BLOCKS


@dataclass
class _Collected:
    """What the parts of one table found: the ranges they proved, and buckets of everything else."""

    layout: Layout
    found: Buckets | None = None
    proven: set[tuple[int, int]] = field(default_factory=set[tuple[int, int]])
    spoiled: bool = False  # a slice is missing: the others cannot be compared without it

    def add(self, payload: Mapping[str, Any]) -> None:
        """Add one part's finding."""
        self.proven |= {(number, each) for number, each in payload["proven"]}
        if "packed" in payload:
            more = unpack_buckets(self.layout, payload["packed"])
            if self.found is None:
                self.found = more
            else:
                self.found.add(more)


def conclude_content(context: CheckContext, outcomes: Iterable[Outcome]) -> Outcome:
    """Each bucket of each table holds the rows it held, but for later changes that the counts account for.

    Slices come in the order of their tables, and no more than one table's buckets are held at a time.
    """
    tally = _Tally()
    for number, answers in groupby(outcomes, key=lambda outcome: _table(outcome.part)):
        table = context.manifest.tables[number]
        collected = _Collected(table.layout)
        for outcome in answers:
            if outcome.payload is None:
                (tally.findings if outcome.status == "failed" else tally.unproven).append(outcome.detail)
                collected.spoiled = True
            else:
                collected.add(outcome.payload)
        if not collected.spoiled:
            _compare(table, collected, tally)
    return _outcome(tally, context.manifest)


CONTENT = Check(run=check_content_part, parts=content_parts, conclude=conclude_content)


def faulty_buckets(table: TableContent, expected: Buckets, found: Buckets, differing: Iterable[int]) -> dict[int, str]:
    """Of the buckets that are not as they were, those that no later change explains, and what is wrong with each."""
    faults = ((number, _fault(table, expected[number], found[number])) for number in differing)
    return {number: fault for number, fault in faults if fault is not None}


def _require_comparable(connection: Connection, manifest: Manifest) -> None:
    major = connection.info.server_version // 10_000
    if manifest.algorithm == NATIVE and manifest.database.server_major != major:
        raise RuntimeError(
            f"fingerprints of PostgreSQL {manifest.database.server_major} ({NATIVE}) cannot be compared on PostgreSQL"
            f" {major}: restore to the same major version, or take the manifest with --portable"
        )


def _compare(table: TableContent, collected: _Collected, tally: _Tally) -> None:
    left: list[bytes] = []
    for number, content in enumerate(table.slices):
        at_a_glance = [(number, each) in collected.proven for each in range(content.count)]
        rows = sum(each.settled for each, proven in zip(content.range_sums, at_a_glance, strict=True) if proven)
        tally.rows += rows
        tally.proven += rows
        if not all(at_a_glance):
            left += content.groups(each for each, proven in enumerate(at_a_glance) if not proven)
    if left or collected.found is not None:
        expected = empty_buckets(table.layout)
        for groups in left:
            expected.add_groups(groups)
        _compare_buckets(table, expected, collected.found or empty_buckets(table.layout), tally)


def _compare_buckets(table: TableContent, expected: Buckets, found: Buckets, tally: _Tally) -> None:
    differing = expected.differing(found)
    faults = faulty_buckets(table, expected, found, differing)
    tally.rows += found.total()
    tally.proven += found.total(Age.SETTLED)
    for bucket in differing:
        before, now = expected[bucket], found[bucket]
        if bucket in faults or (before.settled, before.fingerprint) != (now.settled, now.fingerprint):
            tally.proven -= now.settled
            tally.explained += bucket not in faults
    if not faults:
        return
    told = summary([f"bucket {number} of {len(expected)} {fault}" for number, fault in faults.items()])
    if table.layout.change:
        tally.findings.append(f"table {table.layout.label}: {told}")
    else:
        tally.unproven.append(f"table {table.layout.label} differs and has no change column to explain it: {told}")


def _fault(table: TableContent, expected: Bucket, given: Bucket) -> str | None:
    """What is wrong with a bucket; None when it is as it was, or later changes explain how it differs."""
    if given.late:
        return f"has {counted(given.late, 'row')} changed after the restore began: somebody wrote to the copy"
    # Rows that left the settled ones: they were changed since, or are gone.
    left = expected.settled - given.settled
    gone, added = _balance(table, expected, given, left)
    if added > 0:
        return f"has {counted(added, 'row')} that the manifest does not have"
    if gone > 0 and not table.may_lose_rows:
        return f"lost {counted(gone, 'row')}"
    if left < 0:
        return f"has {counted(-left, 'row')} whose change time went back"
    if left == 0 and expected.fingerprint != given.fingerprint:
        return "has a row that was changed"
    return None


def _balance(table: TableContent, expected: Bucket, given: Bucket, left: int) -> tuple[int, int]:
    """How many rows are gone and how many were added, as far as the counts tell."""
    if table.layout.change and table.layout.creation is None:
        # Rows made since cannot be told from rows changed since: either can stand for one that left.
        return left - given.altered, -left
    if not table.exact:
        # Slices of other moments: how many were altered before is not exact, how many were settled is.
        return left - given.altered, 0
    changed = given.altered - expected.altered
    return left - changed, changed - left


def _outcome(tally: _Tally, manifest: Manifest) -> Outcome:
    share = tally.proven / manifest.rows if manifest.rows else None
    measurements: dict[str, Measurement] = {
        "tables": len(manifest.tables),
        "rows": tally.rows,
        "rows_in_manifest": manifest.rows,
        "rows_proven": tally.proven,
        "share_proven": share,
        "buckets_explained_by_later_changes": tally.explained,
    }
    proven = f"{tally.proven} of the manifest's {counted(manifest.rows, 'row')} in"
    proven += f" {counted(len(manifest.tables), 'table')} proven to the bit"
    if share is not None:
        proven += f" ({share:.2%})"
    if tally.explained:
        proven += f", {counted(tally.explained, 'bucket')} explained by later changes"
    if tally.findings:
        detail = summary([*tally.findings, *tally.unproven])
        return Outcome(status="failed", detail=detail, measurements=measurements)
    if tally.unproven:
        detail = summary(list(dict.fromkeys(tally.unproven)))
        return Outcome(status="not_proven", detail=detail, measurements=measurements)
    if manifest.rows and not tally.proven:
        proven += (
            f": the manifest settled {manifest.settled_rows} of its {counted(manifest.rows, 'row')}, and none of them"
            " could be compared; take a newer manifest"
        )
        return Outcome(status="not_proven", detail=proven, measurements=measurements)
    return Outcome(status="passed", detail=proven, measurements=measurements)


def _table(part: Part | None) -> int:
    """The table's place in the manifest; -1 for a part of none."""
    return -1 if part is None else int(str(part.arguments.get("table", -1)))


def _arguments(part: Slice) -> dict[str, Argument]:
    return {name: value for name, value in part.model_dump().items() if value is not None}


def _label(layout: Layout, part: Slice) -> str:
    relation = Identifier(part.schema_name, part.relation_name).as_string() if layout.partitioned else layout.label
    if not part.first_block and part.end_block is None:
        return relation
    return f"{relation} from block {part.first_block}"


def _name(layout: Layout) -> str:
    return Identifier(layout.schema_name, layout.table_name).as_string()
