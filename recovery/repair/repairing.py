"""Compare the selected rows of a restored copy with the live ones, put the copy's in place, and keep what they replace.

Everything is one transaction of the live database: the rows that are replaced go, whole, into ``continuity.repaired``
beside those that came, and an undo puts them back where nobody has changed them since.
"""

import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Literal

from psycopg.sql import SQL, Composable, Identifier
from psycopg.types.json import Jsonb
from pydantic import BaseModel, ConfigDict

from recovery.database import Connection, row, rows, snapshot
from recovery.refusal import RefusedError
from recovery.repair.selection import Selection
from recovery.row_hash import PORTABLE, content_of

Kind = Literal["missing", "changed", "added"]

# A repair is for a user's error; more rows than this are a restore.
MOST_ROWS = 100_000
LOCK_SECONDS = 10

_TABLE = """
CREATE SCHEMA IF NOT EXISTS continuity;
CREATE TABLE IF NOT EXISTS continuity.repaired (
    repair text NOT NULL,
    repaired_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    table_name text NOT NULL,
    key jsonb NOT NULL,
    was jsonb,
    became jsonb,
    undone_at timestamptz,
    PRIMARY KEY (repair, key)
);
"""


class RepairRow(BaseModel):
    """One row that differs: missing in the live database, changed there, or added there since."""

    model_config = ConfigDict(frozen=True)

    kind: Kind
    key: tuple[str, ...]


class Repair(BaseModel):
    """What a repair would do or did. ``id`` names one that was done, for its undo; None for a dry run."""

    model_config = ConfigDict(frozen=True)

    id: str | None
    at: datetime
    selection: str
    key: tuple[str, ...]
    rows: tuple[RepairRow, ...]
    with_added: bool

    def number(self, kind: Kind) -> int:
        """How many rows of that kind."""
        return sum(each.kind == kind for each in self.rows)


def compare(live: Connection, copy: Connection, selection: Selection, *, with_added: bool) -> Repair:
    """What a repair would do; changes nothing. ``with_added`` counts the rows, too, that the copy does not have.

    A row that is selected on one side is looked at on both, whatever time it says on the other. Raises
    :class:`RefusedError` for more than MOST_ROWS, or psycopg.Error.
    """
    with snapshot(live), snapshot(copy):
        hashes = [_hashes(each, selection, selection.condition) for each in (live, copy)]
        keys = hashes[0].keys() | hashes[1].keys()
        for found, side in zip(hashes, (live, copy), strict=True):
            found.update(_hashes(side, selection, _of_keys(selection), [*keys - found.keys()]))
    now, before = hashes
    told = [RepairRow(kind=kind, key=key) for key in sorted(keys) if (kind := _kind(now.get(key), before.get(key)))]
    if not with_added:
        told = [each for each in told if each.kind != "added"]
    if len(told) > MOST_ROWS:
        raise RefusedError(f"expected at most {MOST_ROWS} rows to repair, found {len(told)}: give a shorter time range")
    return Repair(
        id=None,
        at=datetime.now(UTC),
        selection=selection.sentence,
        key=selection.layout.key,
        rows=tuple(told),
        with_added=with_added,
    )


def repair(live: Connection, copy: Connection, selection: Selection, *, with_added: bool) -> Repair:
    """Do it, in one transaction. The application's triggers do not fire where the role may keep them from it.

    Raises as :func:`compare` does, and psycopg.Error; nothing has changed then.
    """
    planned = compare(live, copy, selection, with_added=with_added)
    name = f"{planned.at:%Y%m%dt%H%M%Sz}-{secrets.token_hex(2)}"
    with snapshot(copy):
        rows_of_copy = _whole(copy, selection, [each.key for each in planned.rows])
    with live.transaction():
        _begin(live)
        live.execute(_TABLE)
        rows_now = _whole(live, selection, [each.key for each in planned.rows], lock=True)
        for each in planned.rows:
            was, becomes = rows_now.get(each.key), rows_of_copy.get(each.key)
            live.execute(
                "INSERT INTO continuity.repaired (repair, table_name, key, was, became)"
                " VALUES (%s, %s, %s, %s::jsonb, %s::jsonb)",
                (name, selection.layout.label, Jsonb(list(each.key)), was, becomes),
            )
            _put(live, selection, each.key, becomes)
    return planned.model_copy(update={"id": name})


def undo(live: Connection, selection: Selection, name: str) -> int:
    """Put back what a repair replaced, in one transaction; how many rows that were.

    Raises :class:`RefusedError` when there is no such repair of this table, it was undone, or a row was changed since.
    """
    with live.transaction():
        _begin(live)
        if not row(live, "SELECT to_regclass('continuity.repaired') IS NOT NULL AS present")["present"]:
            raise RefusedError(f"expected the repair {name}, found that this database was never repaired")
        found = rows(
            live,
            "SELECT key, was::text AS was, became::text AS became, undone_at FROM continuity.repaired"
            " WHERE repair = %s AND table_name = %s"
            " FOR UPDATE",
            (name, selection.layout.label),
        )
        if not found or found[0]["undone_at"] is not None:
            what = "none" if not found else f"it undone at {found[0]['undone_at']:%Y-%m-%d %H:%M} UTC"
            raise RefusedError(f"expected the repair {name} of {selection.layout.label}, found {what}")
        now = _whole(live, selection, [tuple(each["key"]) for each in found], lock=True)
        changed = [each["key"] for each in found if now.get(tuple(each["key"])) != each["became"]]
        if changed:
            raise RefusedError(
                f"expected the rows as the repair left them, found {len(changed)} changed since, the first with the key"
                f" {', '.join(changed[0])}: undo it by hand from continuity.repaired"
            )
        for each in found:
            _put(live, selection, tuple(each["key"]), each["was"])
        live.execute("UPDATE continuity.repaired SET undone_at = clock_timestamp() WHERE repair = %s", (name,))
    return len(found)


def _kind(now: int | None, before: int | None) -> Kind | None:
    if now == before:
        return None
    if now is None:
        return "missing"
    return "added" if before is None else "changed"


def _begin(live: Connection) -> None:
    live.execute("SELECT set_config('lock_timeout', %s, true)", (f"{LOCK_SECONDS}s",))
    # A row's text is compared with one that another session wrote.
    for name, value in (("TimeZone", "UTC"), ("IntervalStyle", "postgres"), ("bytea_output", "hex")):
        live.execute("SELECT set_config(%s, %s, true)", (name, value))
    # A trigger that keeps a change column would give the rows a time that they did not have. It takes a right to keep
    # it from that; foreign keys are checked all the same where it is missing.
    may = "SELECT has_parameter_privilege('session_replication_role', 'SET') AS may"
    if live.info.server_version >= 150_000 and row(live, may)["may"]:
        live.execute("SET LOCAL session_replication_role = replica")


def _hashes(
    connection: Connection, selection: Selection, condition: Composable, keys: Sequence[tuple[str, ...]] | None = None
) -> dict[tuple[str, ...], int]:
    if keys is not None and not keys:
        return {}
    query = SQL("SELECT {key} AS key, {content} AS content FROM {table} AS t WHERE {condition}").format(
        key=_key(selection),
        content=content_of(selection.layout.columns, PORTABLE),
        table=selection.table,
        condition=condition,
    )
    return {tuple(each["key"]): each["content"] for each in rows(connection, query, _as_parameter(keys))}


def _whole(
    connection: Connection, selection: Selection, keys: Sequence[tuple[str, ...]], *, lock: bool = False
) -> dict[tuple[str, ...], str]:
    if not keys:
        return {}
    query = SQL("SELECT {key} AS key, to_jsonb(t)::text AS content FROM {table} AS t WHERE {condition}{lock}").format(
        key=_key(selection),
        table=selection.table,
        condition=_of_keys(selection),
        lock=SQL(" FOR UPDATE" if lock else ""),
    )
    return {tuple(each["key"]): each["content"] for each in rows(connection, query, _as_parameter(keys))}


def _put(live: Connection, selection: Selection, key: tuple[str, ...], content: str | None) -> None:
    """Have the row be so; None for gone."""
    table = selection.table
    if content is None:
        query = SQL("DELETE FROM {} AS t WHERE {}").format(table, _of_keys(selection))
        live.execute(query, _as_parameter([key]))
        return
    names = _stored(live, selection)
    columns = SQL(", ").join(map(Identifier, names))
    others = [name for name in names if name not in selection.layout.key]
    changes = SQL(", ").join(SQL("{0} = excluded.{0}").format(Identifier(name)) for name in others)
    action = SQL("UPDATE SET {}").format(changes) if others else SQL("NOTHING")
    live.execute(
        SQL(
            "INSERT INTO {table} ({columns}) OVERRIDING SYSTEM VALUE"
            " SELECT {columns} FROM jsonb_populate_record(NULL::{table}, %s::jsonb)"
            " ON CONFLICT ({key}) DO {action}"
        ).format(
            table=table, columns=columns, key=SQL(", ").join(map(Identifier, selection.layout.key)), action=action
        ),
        (content,),
    )


def _stored(live: Connection, selection: Selection) -> list[str]:
    """The columns that are written, not generated."""
    query = (
        "SELECT attname AS name FROM pg_attribute WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped"
        " AND attgenerated = '' ORDER BY attnum"
    )
    return [each["name"] for each in rows(live, query, (selection.table.as_string(live),))]


def _key(selection: Selection) -> Composable:
    return SQL("ARRAY[{}]").format(
        SQL(", ").join(SQL("t.{}::text").format(Identifier(n)) for n in selection.layout.key)
    )


def _of_keys(selection: Selection) -> Composable:
    return SQL("{} = ANY(SELECT ARRAY(SELECT jsonb_array_elements_text(k)) FROM jsonb_array_elements(%s) AS k)").format(
        _key(selection)
    )


def _as_parameter(keys: Sequence[tuple[str, ...]] | None) -> tuple[Jsonb] | None:
    return None if keys is None else (Jsonb([list(key) for key in keys]),)
