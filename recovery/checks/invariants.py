"""Do the rows mean what the product says they mean?

Every question is asked by itself, in a snapshot that only reads, as a subquery of a prepared statement: PostgreSQL then
refuses whatever writes and whatever is more than one statement. Of an offending row only the columns that its file
names are shown, and only numbers, UUIDs and times: a text may be somebody's name or phone number.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import psycopg
from psycopg.sql import SQL, Composed, Identifier

from recovery.checks.findings import Findings, concluding
from recovery.checks.invariant_files import Invariant, InvariantFileError, find_files, read_file
from recovery.checks.outcome import Check, CheckContext, Outcome, Part, counted
from recovery.checks.packing import batches
from recovery.database import Connection, row

_MOST_LOOKED_FOR = 1000
_SHOWN = 3

# PostgreSQL's types of bool, int8, int2, int4, date, timestamp, timestamptz, numeric and uuid.
_SHOWABLE = frozenset({16, 20, 21, 23, 1082, 1114, 1184, 1700, 2950})

_REFUSALS = (
    psycopg.errors.SyntaxError,
    psycopg.errors.FeatureNotSupported,
    psycopg.errors.ReadOnlySqlTransaction,
)


def divide(connection: Connection, context: CheckContext) -> Sequence[Part]:
    """Parts by what the questions read. Raises :class:`InvariantFileError`."""
    sizes = {name: _size(connection, path) for name, path in find_files(context.invariants).items()}
    return [
        Part(check="invariants", label=" to ".join(dict.fromkeys((names[0], names[-1]))), arguments={"files": names})
        for names in batches(sizes)
    ] or [Part(check="invariants", label="none")]


def check_invariants(connection: Connection, context: CheckContext, part: Part) -> Outcome:
    """Ask the questions of a part."""
    findings = Findings()
    files = find_files(context.invariants)
    names = part.arguments.get("files", [])
    for name in names if isinstance(names, list) else []:
        try:
            invariant = read_file(files[str(name)])
        except InvariantFileError as error:
            findings.unproven.append(str(error))
            continue
        if not invariant.applies_to(frozenset(context.manifest.objects)):
            findings.counts["not_applicable"] += 1
            continue
        context.progress(invariant.name)
        findings.counts["questions"] += 1
        _ask(connection, invariant, findings)
    return findings.outcome(_describe(findings.counts))


def _size(connection: Connection, path: Path) -> int:
    try:
        tables = read_file(path).tables
    except InvariantFileError:  # asking it tells
        return 0
    query = (
        "SELECT coalesce(sum(pg_relation_size(to_regclass(name))), 0)::bigint AS size FROM unnest(%s::text[]) AS name"
    )
    return row(connection, query, (tables,))["size"]


def _ask(connection: Connection, invariant: Invariant, findings: Findings) -> None:
    try:
        with connection.transaction(), connection.cursor() as cursor:
            offenders = cursor.execute(_question(invariant), (_MOST_LOOKED_FOR + 1,)).fetchall()
            columns = cursor.description or []
    except psycopg.Error as error:
        if connection.closed:
            raise
        expected = "expected one query that only reads, found: " if isinstance(error, _REFUSALS) else "not answered: "
        findings.unproven.append(f"{invariant.name}: {expected}{error.diag.message_primary}")
        return
    hidden = [column.name for column in columns if column.type_code not in _SHOWABLE]
    if hidden:
        findings.unproven.append(
            f"{invariant.name}: expected Shows to name numbers, UUIDs and times, found {', '.join(hidden)}: show the"
            " row's key"
        )
    elif offenders:
        findings.faults.append(_sentence(invariant, [column.name for column in columns], offenders))


def _question(invariant: Invariant) -> Composed:
    columns = SQL(", ").join(Identifier(name) for name in invariant.shows)
    # The file is code of the team's, and stays one subquery: its own parameters there are none.
    query = SQL(invariant.query.replace("%", "%%"))  # pyright: ignore[reportArgumentType]
    return SQL("SELECT {} FROM (\n{}\n) AS offending LIMIT %s").format(columns, query)


def _sentence(invariant: Invariant, names: Sequence[str], offenders: Sequence[tuple[object, ...]]) -> str:
    rows = (
        f"more than {_MOST_LOOKED_FOR} rows do"
        if len(offenders) > _MOST_LOOKED_FOR
        else f"{counted(len(offenders), 'row')} {'does' if len(offenders) == 1 else 'do'}"
    )
    shown = "; ".join(
        ", ".join(f"{name} {value}" for name, value in zip(names, offender, strict=True))
        for offender in offenders[:_SHOWN]
    )
    more = "; …" if len(offenders) > _SHOWN else ""
    return f"{invariant.name}: {invariant.title} But {rows} not ({shown}{more}). {invariant.means} {invariant.remedy}"


def _describe(counts: Mapping[str, int]) -> str:
    asked, left = counts.get("questions", 0), counts.get("not_applicable", 0)
    return f"{counted(asked, 'question')} about the product's rows asked, no row offends" + (
        f"; {counted(left, 'question')} left out, for this database has not what they are about" if left else ""
    )


INVARIANTS = Check(run=check_invariants, parts=divide, conclude=concluding(_describe))
