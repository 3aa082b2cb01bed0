"""Trying what an update of the app meets on phones: backups of every published format and schema, restored today."""

import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from device import creation, keys, restoring
from device.context import Context
from device.errors import BackupError
from device.limits import FORMAT_VERSION
from device.schema import current_version, row_counts, synthetic, version_of
from device.schema.published import PUBLISHED

TRANSACTIONS = 500

Shown = list[tuple[object, ...]]


@dataclass(frozen=True)
class Attempt:
    """One backup of an old format and schema, and what came of it: an empty ``problem`` is good."""

    format_version: int
    schema_version: int
    steps: tuple[str, ...]
    rows: int
    problem: str


def rehearse(folder: Path, context: Context) -> Iterator[Attempt]:
    """Try every pair, in a folder of its own below ``folder`` that is gone afterwards. Raises OSError."""
    for form in range(1, FORMAT_VERSION + 1):
        for version in sorted(PUBLISHED):
            context.step(f"format {form}, schema {version}")
            with tempfile.TemporaryDirectory(dir=folder) as work:
                yield _attempt(Path(work), context, form, version)


def _attempt(work: Path, context: Context, form: int, version: int) -> Attempt:
    if form != FORMAT_VERSION:
        return Attempt(form, version, (), 0, "not proven: this client does not write that format any more")
    steps: tuple[str, ...] = ()
    rows = 0
    try:
        old, new = work / "old.db", work / "new.db"
        synthetic.create(old, transactions=TRANSACTIONS, version=version)
        identity = keys.generate()
        backup = creation.create(old, work / "backups", [identity.to_public()], context, identities=[identity]).path
        steps = tuple(restoring.restore(backup, new, [identity], context).migrations)
        fresh = work / "fresh.db"
        synthetic.create(fresh, transactions=0, version=current_version)
        with (
            closing(sqlite3.connect(old)) as before,
            closing(sqlite3.connect(new)) as after,
            closing(sqlite3.connect(fresh)) as made,
        ):
            rows = sum(row_counts(before).values())
            problem = _problem(before, after, made, steps, version)
    except (BackupError, sqlite3.Error) as error:
        problem = str(error)
    return Attempt(form, version, steps, rows, problem)


def _problem(
    before: sqlite3.Connection,
    after: sqlite3.Connection,
    made: sqlite3.Connection,
    steps: Sequence[str],
    version: int,
) -> str:
    """What is not as it has to be."""
    counts = row_counts(after)
    lost = [name for name, count in row_counts(before).items() if counts.get(name) != count]
    if len(steps) != current_version - version:
        return f"expected {current_version - version} steps, found {len(steps)}"
    if version_of(after) != current_version:
        return f"expected schema version {current_version}, found {version_of(after)}"
    if lost:
        return f"expected every row, found other numbers in {', '.join(lost)}"
    if _shown(before) != _shown(after):
        return "expected the transactions as the app showed them, found others"
    return "" if _shape(after) == _shape(made) else "expected the tables of a new installation, found others"


def _shown(connection: sqlite3.Connection) -> Shown:
    """What every version of the app shows of a transaction."""
    joined = any(name == "category_id" for name, *_ in _columns(connection, "transactions"))
    category = "(SELECT name FROM categories WHERE id = category_id)" if joined else "category"
    return connection.execute(
        f"SELECT id, account_id, type, amount_paisa, {category}, merchant, description, occurred_at, created_at,"  # noqa: S608
        " updated_at FROM transactions ORDER BY id"
    ).fetchall()


def _shape(connection: sqlite3.Connection) -> dict[str, object]:
    """Columns, references and indexes of every table, whatever the statements look like."""
    tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
    return {
        name: (
            _columns(connection, name),
            sorted(connection.execute('SELECT "table", "from", "to" FROM pragma_foreign_key_list(?)', (name,))),
            sorted(connection.execute('SELECT name, "unique" FROM pragma_index_list(?)', (name,))),
        )
        for name in tables
    }


def _columns(connection: sqlite3.Connection, table: str) -> Shown:
    return connection.execute(
        'SELECT name, type, "notnull", dflt_value, pk FROM pragma_table_info(?)', (table,)
    ).fetchall()
