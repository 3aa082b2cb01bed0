"""Is every settled row there, to the bit?"""

from dataclasses import dataclass, field

import psycopg

from recovery.checks.outcome import Check, CheckContext, Measurement, Outcome, Part, counted
from recovery.database import Connection
from recovery.fingerprint import ALGORITHM, Bucket, read_buckets
from recovery.manifest import Manifest, TableContent
from recovery.schema import summary

_GONE = (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn, psycopg.errors.InvalidSchemaName)


@dataclass
class _Tally:
    """What has been found so far."""

    rows: int = 0
    proven: int = 0
    explained: int = 0
    findings: list[str] = field(default_factory=list[str])


def check_content(connection: Connection, context: CheckContext, _part: Part) -> Outcome:
    """Each bucket of each table holds the rows it held, but for later changes that the counts account for."""
    manifest = context.manifest
    major = connection.info.server_version // 10_000
    if (manifest.algorithm, manifest.database.server_major) != (ALGORITHM, major):
        return Outcome(
            status="not_proven",
            detail=f"fingerprints of PostgreSQL {manifest.database.server_major} ({manifest.algorithm}) cannot be"
            f" compared on PostgreSQL {major} ({ALGORITHM}): restore to the same major version, or take a new manifest",
        )
    tally = _Tally()
    for table in manifest.tables:
        context.progress(table.layout.label)
        try:
            with connection.transaction():
                _compare(connection, table, tally, context)
        except _GONE as error:
            tally.findings.append(f"table {table.layout.label} cannot be read: {error.diag.message_primary}")
    return _outcome(tally, tables=len(manifest.tables), manifest=manifest)


def _compare(connection: Connection, table: TableContent, tally: _Tally, context: CheckContext) -> None:
    found = read_buckets(
        connection,
        table.layout,
        buckets=len(table.settled),
        until=table.settled_until,
        late_after=context.restore_started_at,
    )
    faults: list[str] = []
    for number in range(len(table.settled)):
        expected, given = table.bucket(number), found.get(number, Bucket())
        tally.rows += given.rows
        fault = _fault(table, expected, given)
        if fault is not None:
            faults.append(f"bucket {number} of {len(table.settled)} {fault}")
        elif (expected.settled, expected.fingerprint) == (given.settled, given.fingerprint):
            tally.proven += given.settled
        else:
            tally.explained += 1
    if faults:
        reason = "" if table.layout.change else " (it differs and has no change column to explain it)"
        tally.findings.append(f"table {table.layout.label}{reason}: {summary(faults)}")


def _fault(table: TableContent, expected: Bucket, given: Bucket) -> str | None:
    """What is wrong with a bucket; None when it is as it was, or later changes explain how it differs."""
    if given.late:
        return f"has {counted(given.late, 'row')} changed after the restore began: somebody wrote to the copy"
    # Rows that left the settled ones: they were changed since, or are gone.
    left = expected.settled - given.settled
    if table.layout.change and table.layout.creation is None:
        # Rows made since cannot be told from rows changed since: either can stand for one that left.
        gone, added = left - (given.rows - given.settled), -left
    else:
        gone, added = expected.created - given.created, given.created - expected.created
    if added > 0:
        return f"has {counted(added, 'row')} that the manifest does not have"
    if gone > 0 and not table.may_lose_rows:
        return f"lost {counted(gone, 'row')}"
    if left < 0:
        return f"has {counted(-left, 'row')} whose change time went back"
    if left == 0 and expected.fingerprint != given.fingerprint:
        return "has a row that was changed"
    return None


def _outcome(tally: _Tally, *, tables: int, manifest: Manifest) -> Outcome:
    share = tally.proven / tally.rows if tally.rows else None
    measurements: dict[str, Measurement] = {
        "tables": tables,
        "rows": tally.rows,
        "rows_proven": tally.proven,
        "share_proven": share,
        "buckets_explained_by_later_changes": tally.explained,
    }
    if tally.findings:
        return Outcome(status="failed", detail=summary(tally.findings), measurements=measurements)
    proven = f"{tally.proven} of {counted(tally.rows, 'row')} in {counted(tables, 'table')} proven to the bit"
    if share is not None:
        proven += f" ({share:.2%})"
    if tally.explained:
        proven += f", {counted(tally.explained, 'bucket')} explained by later changes"
    if manifest.rows and not tally.proven:
        return Outcome(
            status="not_proven",
            detail=f"{proven}: the manifest settled {manifest.settled_rows} of its {counted(manifest.rows, 'row')}, and"
            " none of them could be compared; take a newer manifest",
            measurements=measurements,
        )
    return Outcome(status="passed", detail=proven, measurements=measurements)


CONTENT = Check(run=check_content)
