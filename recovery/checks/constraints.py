"""Does every row keep what its table's constraints promise?

Constraints are enforced when a row is written, never after: a trigger that was switched off, a setting of a
replication role or an index that missed a row leave violations behind that PostgreSQL goes on calling valid. So each is
asked again, of the tables themselves: index scans are switched off, and nothing is left out that the planner would
believe. Memory stays flat: what does not fit into the server's work memory spills to its disk.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, LiteralString

from psycopg.rows import dict_row

from recovery.checks import constraint_queries as queries
from recovery.checks.findings import Findings, concluding, several
from recovery.checks.outcome import Check, CheckContext, Outcome, Part, counted
from recovery.checks.packing import Item, Range, blocks, oids, pack
from recovery.database import Connection, Row, rows

# The tables are asked, never an index that may lie; and nothing is believed of their rows.
_DISTRUST = {
    "enable_seqscan": "on",
    "enable_indexscan": "off",
    "enable_indexonlyscan": "off",
    "enable_bitmapscan": "off",
    "constraint_exclusion": "off",
}

_CATALOGS: dict[str, LiteralString] = {
    "foreign_key": queries.FOREIGN_KEYS,
    "unique": queries.UNIQUES,
    "exclusion": queries.EXCLUSIONS,
    "table": queries.TABLES,
    "sequence": queries.SEQUENCES,
}


def divide(connection: Connection, _context: CheckContext) -> Sequence[Part]:
    """Parts by what they read: a big table's rows in ranges of blocks, what needs a whole table in one piece."""
    items = [
        Item(kind=kind, oid=each["oid"], label=each["label"], size=each["size"], divisible=each.get("divisible", False))
        for kind in _CATALOGS
        for each in _promises(connection, kind)
    ]
    return pack(connection, "constraints", items) or [Part(check="constraints", label="none")]


def check_constraints(connection: Connection, context: CheckContext, part: Part) -> Outcome:
    """Ask what the part names of the rows themselves."""
    for name, value in _DISTRUST.items():
        connection.execute("SELECT pg_catalog.set_config(%s, %s, true)", (name, value))
    findings = Findings()
    for kind in _CATALOGS:
        wanted = oids(part, kind)
        if not wanted:
            continue
        for promise in _promises(connection, kind):
            if promise["oid"] in wanted:
                context.progress(promise["label"])
                _ASK[kind](connection, promise, blocks(part), findings)
                findings.counts[_COUNTS[kind]] += 1
    return findings.outcome(_describe(findings.counts))


def _promises(connection: Connection, kind: str) -> list[Row]:
    return rows(connection, _CATALOGS[kind])


def _ask_foreign_key(connection: Connection, key: Row, extent: Range, findings: Findings) -> None:
    label = f"foreign key {key['label']}"
    if key["disabled"]:
        findings.notes.append(f"{label} is not enforced now: its triggers are disabled")
    if key["temporal"]:
        findings.unproven.append(f"{label} is one of periods, which cannot be asked of the rows one by one")
        return
    _violations(connection, key, extent, findings, found=f"{label} leads nowhere from", noun="row")


def _ask_unique(connection: Connection, index: Row, extent: Range, findings: Findings) -> None:
    found = f"unique index {index['label']} should have refused"
    _violations(connection, index, extent, findings, found=found, noun="key")


def _ask_exclusion(connection: Connection, constraint: Row, extent: Range, findings: Findings) -> None:
    found = f"exclusion {constraint['label']} should have refused"
    _violations(connection, constraint, extent, findings, found=found, noun="pair")


def _violations(
    connection: Connection, promise: Row, extent: Range, findings: Findings, *, found: str, noun: str
) -> None:
    places = [each["place"] for each in _answers(connection, promise["question"], extent)]
    if places:
        sentence = f"{found} {several(len(places), places[:3], noun, queries.MOST_LOOKED_FOR)}"
        _report(findings, sentence, promise.get("excuse"))


def _ask_table(connection: Connection, table: Row, extent: Range, findings: Findings) -> None:
    (answer,) = _answers(connection, table["question"], extent)
    for name, excuse, question, count in zip(
        table["names"], table["excuses"], table["questions"], answer["counts"], strict=True
    ):
        if count:
            places = [each["place"] for each in _answers(connection, question, extent)]
            sentence = f"table {table['label']}: {counted(count, 'row')} against {name} ({', '.join(places)})"
            _report(findings, sentence, excuse)


def _ask_sequence(connection: Connection, sequence: Row, extent: Range, findings: Findings) -> None:
    if sequence["excuse"]:
        findings.notes.append(f"sequence {sequence['label']} is not compared: {sequence['excuse']}")
        return
    (answer,) = _answers(connection, sequence["question"], extent)
    following, held = answer["next"], answer["held"]
    if held is not None and (following <= held if answer["upwards"] else following >= held):
        findings.faults.append(
            f"sequence {sequence['label']} would give {following} next, and the column holds {held} already: set it"
            " past that with setval"
        )


def _report(findings: Findings, sentence: str, excuse: str | None) -> None:
    """A constraint that never claimed to hold for old rows does not fail a copy of them."""
    if excuse is None:
        findings.faults.append(sentence)
    else:
        findings.notes.append(f"{sentence}; the constraint is {excuse}")


def _answers(connection: Connection, question: str, extent: Range) -> list[dict[str, Any]]:
    within = "" if extent == Range() else f"AND ctid >= '({extent.first},0)'"
    if extent.end is not None:
        within += f" AND ctid < '({extent.end},0)'"
    if "AS child" in question:
        within = within.replace("ctid", "child.ctid")
    text = question.replace("{range}", within).replace("{most}", str(queries.MOST_LOOKED_FOR + 1))
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(text.encode()).fetchall()


def _describe(counts: Mapping[str, int]) -> str:
    held = [counted(counts[name], noun) for name, noun in _NOUNS.items() if counts.get(name)]
    if counts.get("tables"):
        held.append(f"the columns and checks of {counted(counts['tables'], 'table')}")
    if not held:
        return "there is nothing that a row would have to keep"
    ahead = f"; {counted(counts['sequences'], 'sequence')} looked at" if counts.get("sequences") else ""
    return f"every row keeps {', '.join(held)}{ahead}"


_Ask = Callable[[Connection, Row, Range, Findings], None]
_ASK: dict[str, _Ask] = {
    "foreign_key": _ask_foreign_key,
    "unique": _ask_unique,
    "exclusion": _ask_exclusion,
    "table": _ask_table,
    "sequence": _ask_sequence,
}
_COUNTS = {
    "foreign_key": "foreign_keys",
    "unique": "unique_indexes",
    "exclusion": "exclusions",
    "table": "tables",
    "sequence": "sequences",
}
_NOUNS = {"foreign_keys": "foreign key", "unique_indexes": "unique key", "exclusions": "exclusion"}

CONSTRAINTS = Check(run=check_constraints, parts=divide, conclude=concluding(_describe))
