"""Is every settled row there, to the bit?"""

from collections.abc import Iterable
from dataclasses import dataclass, field

import psycopg
from psycopg.sql import Identifier

from recovery.buckets import Age, Bucket, Buckets
from recovery.checks.outcome import Argument, Check, CheckContext, Measurement, Outcome, Part, counted
from recovery.database import Connection, row
from recovery.fingerprint import Slice, read_slice, slices, unpack_buckets
from recovery.layout import Layout
from recovery.manifest import Manifest, TableContent
from recovery.row_hash import NATIVE
from recovery.schema import summary

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
    """Count one slice into the buckets of its table; :func:`conclude_content` compares them with the manifest."""
    _require_comparable(connection, context.manifest)
    table = context.manifest.tables[_table(part)]
    try:
        if "relation_name" not in part.arguments:
            row(connection, "SELECT %s::regclass AS found", (_name(table.layout),))
            raise RuntimeError(f"expected {table.layout.label} to be a table, found something else")
        buckets = read_slice(
            connection,
            table.layout,
            Slice.model_validate(part.arguments),
            until=table.settled_until,
            late_after=context.restore_started_at,
            algorithm=context.manifest.algorithm,
        )
    except _GONE as error:
        detail = f"table {table.layout.label} cannot be read: {error.diag.message_primary}"
        return Outcome(status="failed", detail=detail)
    return Outcome(status="passed", detail=part.label, payload={"packed": buckets.pack()})


def conclude_content(context: CheckContext, outcomes: Iterable[Outcome]) -> Outcome:
    """Each bucket of each table holds the rows it held, but for later changes that the counts account for.

    Slices come in the order of their tables, and no more than one table's buckets are held at a time.
    """
    tally = _Tally()
    number, total = None, None
    spoiled: set[int] = set()  # tables of which a slice is missing: the others cannot be compared without it
    for outcome in outcomes:
        table_number = _table(outcome.part)
        if outcome.payload is None:
            (tally.findings if outcome.status == "failed" else tally.unproven).append(outcome.detail)
            spoiled.add(table_number)
            continue
        if table_number != number and total is not None and number not in spoiled:
            _compare(context.manifest.tables[number or 0], total, tally)
        found = unpack_buckets(context.manifest.tables[table_number].layout, outcome.payload["packed"])
        if table_number == number and total is not None:
            total.add(found)
        else:
            number, total = table_number, found
    if number is not None and total is not None and number not in spoiled:
        _compare(context.manifest.tables[number], total, tally)
    return _outcome(tally, context.manifest)


CONTENT = Check(run=check_content_part, parts=content_parts, conclude=conclude_content)


def faulty_buckets(table: TableContent, expected: Buckets, found: Buckets) -> dict[int, str]:
    """The buckets that are not as they were and that no later change explains, and what is wrong with each."""
    faults = ((number, _fault(table, expected[number], found[number])) for number in expected.differing(found))
    return {number: fault for number, fault in faults if fault is not None}


def _require_comparable(connection: Connection, manifest: Manifest) -> None:
    major = connection.info.server_version // 10_000
    if manifest.algorithm == NATIVE and manifest.database.server_major != major:
        raise RuntimeError(
            f"fingerprints of PostgreSQL {manifest.database.server_major} ({NATIVE}) cannot be compared on PostgreSQL"
            f" {major}: restore to the same major version, or take the manifest with --portable"
        )


def _compare(table: TableContent, found: Buckets, tally: _Tally) -> None:
    expected = table.buckets
    faults = faulty_buckets(table, expected, found)
    tally.rows += found.total()
    tally.proven += found.total(Age.SETTLED)
    for number in expected.differing(found):
        before, now = expected[number], found[number]
        if number in faults or (before.settled, before.fingerprint) != (now.settled, now.fingerprint):
            tally.proven -= now.settled
            tally.explained += number not in faults
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
    share = tally.proven / tally.rows if tally.rows else None
    measurements: dict[str, Measurement] = {
        "tables": len(manifest.tables),
        "rows": tally.rows,
        "rows_proven": tally.proven,
        "share_proven": share,
        "buckets_explained_by_later_changes": tally.explained,
    }
    proven = f"{tally.proven} of {counted(tally.rows, 'row')} in {counted(len(manifest.tables), 'table')} proven to"
    proven += " the bit" if share is None else f" the bit ({share:.2%})"
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
