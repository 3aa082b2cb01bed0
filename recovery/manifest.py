"""The manifest: what a database held at one moment, precise enough to prove a restored copy against.

Keys of the product are random UUIDs, so no range of keys stays unchanged. What does stay is the set of rows that were
settled when the manifest was taken: a row changed since says so in its change column.
"""

import time
from collections.abc import Callable, Collection
from datetime import UTC, datetime, timedelta
from typing import Self

import psycopg
from pydantic import BaseModel, ConfigDict, model_validator

from recovery.database import Connection, require_idle, row, snapshot
from recovery.fingerprint import ALGORITHM, Bucket, Layout, bucket_count, count_rows, layouts, read_buckets
from recovery.heartbeat import Heartbeat, has_pulse, newest_heartbeat
from recovery.schema import read_schema

FORMAT = 1
OLDEST_MAJOR = 14  # the first with hash_record_extended

# How much older than the start of its transaction a row may claim to be: an application takes the time before it opens
# the transaction, from a clock of its own that NTP keeps. A row that claims more looks like one added later.
CLOCK_ALLOWANCE = timedelta(seconds=2)

# Used where the open transactions of other sessions cannot be seen (a role without pg_read_all_stats, a replica), and
# for prepared transactions, of which PostgreSQL tells when they were prepared, not when they began. A transaction that
# stays open longer than this and then commits would look like rows added later.
UNSEEN_TRANSACTION_ALLOWANCE = timedelta(hours=1)


class UnsupportedServerError(RuntimeError):
    """The server is older than the oldest that manifests can be taken of."""


class UnknownTableError(ValueError):
    """A table named in ``may_lose_rows`` is not in the database."""


class Database(BaseModel):
    """Which database it is. ``system_identifier`` is the cluster's own, kept by physical copies; None if unreadable."""

    model_config = ConfigDict(frozen=True)

    name: str
    system_identifier: str | None
    server_version: str
    server_major: int
    encoding: str
    collation: str
    character_type: str


class TableContent(BaseModel):
    """The fingerprints of one table's settled rows, one entry a bucket."""

    model_config = ConfigDict(frozen=True)

    layout: Layout
    may_lose_rows: bool
    rows: int
    settled_until: datetime
    settled: tuple[int, ...]
    created: tuple[int, ...]
    fingerprints: tuple[str, ...]

    @model_validator(mode="after")
    def _buckets_agree(self) -> Self:
        lengths = {len(self.settled), len(self.created), len(self.fingerprints)}
        if len(lengths) != 1 or 0 in lengths:
            raise ValueError(f"expected one count and one fingerprint a bucket, found lengths {sorted(lengths)}")
        return self

    def bucket(self, number: int) -> Bucket:
        """One bucket as it was."""
        return Bucket(settled=self.settled[number], created=self.created[number], fingerprint=self.fingerprints[number])


class Manifest(BaseModel):
    """What a database held at ``taken_at``; times are UTC."""

    model_config = ConfigDict(frozen=True)

    format: int = FORMAT
    algorithm: str = ALGORITHM
    taken_at: datetime
    settled_at: datetime
    database: Database
    heartbeat: Heartbeat | None
    objects: dict[str, str]
    tables: tuple[TableContent, ...]

    @property
    def rows(self) -> int:
        """All rows of all tables."""
        return sum(table.rows for table in self.tables)

    @property
    def settled_rows(self) -> int:
        """The rows that are fingerprinted."""
        return sum(sum(table.settled) for table in self.tables)

    @model_validator(mode="after")
    def _format_is_known(self) -> Self:
        if self.format != FORMAT:
            raise ValueError(f"expected a manifest of format {FORMAT}, found {self.format}: take a new manifest")
        return self


def take_manifest(
    connection: Connection,
    *,
    may_lose_rows: Collection[str] = (),
    progress: Callable[[str], None] = lambda _: None,
) -> Manifest:
    """Describe the database in one consistent snapshot, after waiting CLOCK_ALLOWANCE; writers are not blocked.

    ``may_lose_rows`` names the tables (``schema.table``, quoted where SQL needs it) whose rows the product deletes.
    ``progress`` is told each table's name before it is read. Raises :class:`UnsupportedServerError`,
    :class:`UnknownTableError` or psycopg.Error.
    """
    require_idle(connection)
    major = connection.info.server_version // 10_000
    if major < OLDEST_MAJOR:
        raise UnsupportedServerError(f"expected PostgreSQL {OLDEST_MAJOR} or later, found {major}: upgrade the server")
    # Waiting the allowance out settles whatever was committed before we were called.
    time.sleep(CLOCK_ALLOWANCE.total_seconds())
    # Before the snapshot: whatever commits after it is then either among the transactions seen open, or began later.
    settled_at = _settled_at(connection)
    with snapshot(connection):
        found = layouts(connection)
        _require_known(may_lose_rows, [layout.label for layout in found])
        return Manifest(
            # The server's clock, read once the snapshot stands: whoever restores to this moment restores all of it.
            taken_at=row(connection, "SELECT clock_timestamp() AS now")["now"].astimezone(UTC),
            settled_at=settled_at,
            database=read_database(connection),
            heartbeat=newest_heartbeat(connection) if has_pulse(connection) else None,
            objects=read_schema(connection),
            tables=tuple(_content(connection, layout, settled_at, may_lose_rows, progress) for layout in found),
        )


def read_database(connection: Connection) -> Database:
    """Which database the connection reaches."""
    found = row(
        connection,
        "SELECT datname AS name, current_setting('server_version') AS server_version,"
        " current_setting('server_version_num')::int / 10000 AS server_major,"
        " pg_encoding_to_char(encoding) AS encoding, datcollate AS collation, datctype AS character_type"
        " FROM pg_database WHERE datname = current_database()",
    )
    return Database(system_identifier=_system_identifier(connection), **found)


def _system_identifier(connection: Connection) -> str | None:
    try:
        with connection.transaction():
            return str(row(connection, "SELECT system_identifier FROM pg_control_system()")["system_identifier"])
    except psycopg.errors.InsufficientPrivilege:
        return None


def _content(
    connection: Connection,
    layout: Layout,
    settled_at: datetime,
    may_lose_rows: Collection[str],
    progress: Callable[[str], None],
) -> TableContent:
    progress(layout.label)
    count = count_rows(connection, layout)
    buckets = bucket_count(count) if layout.key else 1
    until = layout.settled_until(settled_at)
    found = read_buckets(connection, layout, buckets=buckets, until=until)
    every = [found.get(number, Bucket()) for number in range(buckets)]
    return TableContent(
        layout=layout,
        may_lose_rows=layout.label in may_lose_rows,
        rows=count,
        settled_until=until,
        settled=tuple(bucket.settled for bucket in every),
        created=tuple(bucket.created for bucket in every),
        fingerprints=tuple(bucket.fingerprint for bucket in every),
    )


def _settled_at(connection: Connection) -> datetime:
    """The time that no transaction still open, or yet to begin, can have written a row before."""
    found = row(
        connection,
        """
        SELECT clock_timestamp() AS now, pg_is_in_recovery() AS replica,
               pg_has_role('pg_read_all_stats', 'USAGE') AS sees_others,
               (SELECT min(xact_start) FROM pg_stat_activity
                WHERE pid <> pg_backend_pid() AND backend_type NOT IN ('autovacuum worker', 'walsender')) AS oldest,
               (SELECT min(prepared) FROM pg_prepared_xacts) AS oldest_prepared
        """,
    )
    candidates: list[datetime] = [found["now"], *([found["oldest"]] if found["oldest"] else [])]
    if found["replica"] or not found["sees_others"]:
        candidates.append(found["now"] - UNSEEN_TRANSACTION_ALLOWANCE)
    if found["oldest_prepared"]:
        candidates.append(found["oldest_prepared"] - UNSEEN_TRANSACTION_ALLOWANCE)
    return (min(candidates) - CLOCK_ALLOWANCE).astimezone(UTC)


def _require_known(names: Collection[str], known: list[str]) -> None:
    unknown = sorted(set(names) - set(known))
    if unknown:
        raise UnknownTableError(
            f"expected tables of the database, as schema.table, found {', '.join(unknown)}: the database has"
            f" {', '.join(known) or 'no tables'}"
        )
