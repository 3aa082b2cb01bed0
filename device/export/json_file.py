"""The whole content of any SQLite database as JSON, and back.

One object: what the database is, its tables with their statements and rows, and its indexes, views and triggers. A
value is null, a number or a string, or an object for what JSON has no word for: ``{"blob": base64}``, ``{"text":
base64}`` for a text that is no UTF-8, ``{"real": "Infinity"}``. Integers have up to 64 bits: read them with a parser
that keeps them.
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# ijson ships no types.

import base64
import itertools
import json
import math
import re
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, BinaryIO, TextIO

import ijson

from device.export.errors import ExportError
from device.export.texts import UnreadableText, read_text
from device.schema import version_of

FORMAT = "duskspendr-export"
FORMAT_VERSION = 1

# Where AUTOINCREMENT keeps its counters: SQLite creates the table itself.
_COUNTERS = "sqlite_sequence"
_OBJECT = re.compile(r"\s*CREATE\s+(UNIQUE\s+INDEX|INDEX|VIEW|TRIGGER|TABLE)\b", re.IGNORECASE)


_Events = Iterator[tuple[str, str, Any]]


def write_json(connection: sqlite3.Connection, file: TextIO) -> Iterator[int]:
    """Write all tables, and yield how many rows are written from time to time.

    Raises :class:`ExportError` for a database with virtual tables, whose content is no rows, and sqlite3.Error.
    """
    tables = _tables(connection)
    head = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "exported_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "schema_version": version_of(connection),
        "application_id": _pragma(connection, "application_id"),
        "user_version": _pragma(connection, "user_version"),
    }
    connection.text_factory = read_text
    file.write(json.dumps(head)[:-1] + ',\n"tables": [')
    written = 0
    for number, (name, statement) in enumerate(tables):
        columns = _stored_columns(connection, name)
        table = {"name": name, "sql": statement, "columns": columns}
        file.write((",\n" if number else "\n") + json.dumps(table, ensure_ascii=False)[:-1] + ', "rows": [')
        selected = ", ".join(map(_quoted, columns))
        separator = "\n"
        for row in connection.execute(f"SELECT {selected} FROM {_quoted(name)}"):  # noqa: S608 - quoted names
            values = dict(zip(columns, map(_to_json, row), strict=True))
            file.write(separator + json.dumps(values, ensure_ascii=False))
            separator = ",\n"
            written += 1
            yield written
        file.write("\n]}")
    file.write('\n],\n"objects": ' + json.dumps(_objects(connection), ensure_ascii=False, indent=1) + "\n}\n")


def load_json(path: Path, connection: sqlite3.Connection) -> dict[str, int]:
    """Fill an empty database with an export, in one transaction, and return the rows of each table.

    Raises :class:`ExportError` for a file that is no export or of a later format, OSError and sqlite3.Error.
    """
    connection.execute("BEGIN")
    try:
        with path.open("rb") as file:
            counts, objects = _load(file, connection)
        for statement in objects:
            _create(connection, statement)
    except (ijson.JSONError, KeyError, TypeError, ValueError) as error:
        connection.execute("ROLLBACK")
        raise ExportError(
            expected=f"an export of a database in {path}", found=f"{error}", do="export anew as json"
        ) from None
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
    return counts


def _load(file: BinaryIO, connection: sqlite3.Connection) -> tuple[dict[str, int], list[str]]:
    events = _events(file)
    counts: dict[str, int] = {}
    objects: list[str] = []
    name, columns = "", list[str]()
    _check_format(events)
    for prefix, event, value in events:
        if prefix in ("application_id", "user_version"):
            connection.execute(f"PRAGMA {prefix} = {int(value)}")
        elif prefix == "tables.item.name":
            name, columns = value, []
        elif (prefix, event) == ("tables.item.sql", "string"):
            _create(connection, value)
        elif prefix == "tables.item.columns.item":
            columns.append(value)
        elif prefix == "tables.item.rows" and event == "start_array":
            counts[name] = _load_rows(events, connection, name, columns)
        elif prefix == "objects.item.sql":
            objects.append(value)
    return counts, objects


def _events(file: BinaryIO) -> _Events:
    # Not as floats: then it would refuse the least of the 64-bit integers.
    return ijson.parse(file, use_float=False)


def _check_format(events: _Events) -> None:
    """They stand first, so that nothing of a foreign file is ever looked at."""
    found = {prefix: value for prefix, _, value in itertools.islice(events, 5) if prefix}
    if found != {"format": FORMAT, "format_version": FORMAT_VERSION}:
        raise ValueError(f"format {found.get('format')}, version {found.get('format_version')}")


def _load_rows(events: _Events, connection: sqlite3.Connection, name: str, columns: list[str]) -> int:
    if name == _COUNTERS:
        connection.execute(f"DELETE FROM {_COUNTERS}")  # noqa: S608
    names, count = ", ".join(map(_quoted, columns)), 0
    for row in _rows(events):
        values = [_from_json(row[column]) for column in columns]
        places = ", ".join("CAST(? AS TEXT)" if isinstance(value, UnreadableText) else "?" for value in values)
        bound = [value.content if isinstance(value, UnreadableText) else value for value in values]
        connection.execute(f"INSERT INTO {_quoted(name)} ({names}) VALUES ({places})", bound)  # noqa: S608
        count += 1
    return count


def _rows(events: _Events) -> Iterator[dict[str, Any]]:
    builder: Any = ijson.ObjectBuilder()
    for prefix, event, value in events:
        if (prefix, event) == ("tables.item.rows", "end_array"):
            return
        if (prefix, event) == ("tables.item.rows.item", "start_map"):
            builder = ijson.ObjectBuilder()
        builder.event(event, value)
        if (prefix, event) == ("tables.item.rows.item", "end_map"):
            yield builder.value


def _create(connection: sqlite3.Connection, statement: str) -> None:
    """A file may come from anywhere: it creates tables and what belongs to them, and does nothing else."""
    if not _OBJECT.match(statement):
        raise ValueError(f"the statement {statement[:60]}, which creates no table, index, view or trigger")
    connection.execute(statement)


def _tables(connection: sqlite3.Connection) -> list[tuple[str, str | None]]:
    """Names and statements, of the counters none, which come last."""
    kinds = dict(connection.execute("SELECT name, type FROM pragma_table_list WHERE schema = 'main'"))
    if virtual := [name for name, kind in kinds.items() if kind == "virtual"]:
        raise ExportError(
            expected="a database of ordinary tables",
            found=f"the virtual table {virtual[0]}, whose content JSON cannot hold",
            do="export it as sqlite",
        )
    statements = connection.execute(
        "SELECT name, sql FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite^_%' ESCAPE '^'"
    ).fetchall()
    return [*statements, (_COUNTERS, None)] if _COUNTERS in kinds else statements


def _objects(connection: sqlite3.Connection) -> list[dict[str, str]]:
    rows = connection.execute(
        "SELECT type, name, sql FROM sqlite_schema WHERE type <> 'table' AND sql IS NOT NULL ORDER BY rowid"
    )
    return [{"type": kind, "name": name, "sql": statement} for kind, name, statement in rows]


def _stored_columns(connection: sqlite3.Connection, table: str) -> list[str]:
    """Without generated ones, which every copy computes anew."""
    rows = connection.execute("SELECT name FROM pragma_table_xinfo(?) WHERE hidden = 0", (table,))
    return [name for (name,) in rows]


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    (value,) = connection.execute(f"PRAGMA {name}").fetchone()
    return value


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _to_json(value: object) -> object:
    match value:
        case bytes():
            return {"blob": base64.b64encode(value).decode()}
        case UnreadableText():
            return {"text": base64.b64encode(value.content).decode()}
        case float() if math.isinf(value):
            return {"real": "Infinity" if value > 0 else "-Infinity"}
        case _:
            return value


def _from_json(value: object) -> Any:  # noqa: ANN401 - whatever SQLite stores
    match value:
        case Decimal():
            return float(value)
        case {"blob": str(content)}:
            return base64.b64decode(content, validate=True)
        case {"text": str(content)}:
            return UnreadableText(base64.b64decode(content, validate=True))
        case {"real": str(number)}:
            return float(number)
        case _:
            return value
