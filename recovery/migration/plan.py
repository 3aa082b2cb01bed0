"""What would stop or harm a migration, each with its fix; and how much there is to move. Changes nothing."""

import time

import psycopg
from psycopg.sql import SQL, Composed
from psycopg.sql import Literal as SqlLiteral
from pydantic import BaseModel, ConfigDict

from recovery.database import Connection, snapshot
from recovery.migration.ends import End, Ends
from recovery.migration.findings import Finding, find
from recovery.migration.survey import survey
from recovery.migration.tables import moved_tables
from recovery.migration.tools import tool_majors

# So much of the largest table is read to know the source's rate.
SAMPLE_BYTES = 64 * 1024 * 1024


class Plan(BaseModel):
    """What a migration would meet. ``bytes`` are the source's database with indexes; ``table_bytes`` the tables alone.

    ``read_bytes_per_second`` is what reading the largest table gave here and now, None where there was nothing to read;
    ``estimated_seconds`` is what reading all tables takes at that rate: a lower bound, for the target also writes them
    and builds their indexes.
    """

    model_config = ConfigDict(frozen=True)

    source: str
    target: str
    findings: tuple[Finding, ...]
    tables: int
    bytes: int
    table_bytes: int
    read_bytes_per_second: float | None
    estimated_seconds: float | None

    @property
    def stops(self) -> list[Finding]:
        """The findings that ``start`` refuses at."""
        return [each for each in self.findings if each.weight == "stops"]


def make_plan(ends: Ends) -> Plan:
    """Look at both ends. Raises psycopg.Error."""
    source, target = survey(ends.source), survey(ends.target)
    rate = _read_rate(ends.source)
    size = sum(source.table_bytes.values())
    return Plan(
        source=f"{ends.source.place}, PostgreSQL {source.version}",
        target=f"{ends.target.place}, PostgreSQL {target.version}",
        findings=tuple(find(source, target, tool_majors())),
        tables=len(source.table_bytes),
        bytes=source.bytes,
        table_bytes=size,
        read_bytes_per_second=None if rate is None else round(rate),
        estimated_seconds=None if rate is None else round(size / rate, 1),
    )


def _read_rate(source: End) -> float | None:
    """Bytes a second at which the largest table was read here; None when there is nothing that may be read."""
    largest = max((each for each in moved_tables(source.connection)), key=lambda each: each.bytes, default=None)
    if largest is None or not largest.bytes:
        return None
    blocks = max(1, min(largest.bytes, SAMPLE_BYTES) // 8192)
    query = SQL("COPY (SELECT * FROM ONLY {} WHERE ctid < {}::tid) TO STDOUT").format(
        largest.identifier, SqlLiteral(f"({blocks},0)")
    )
    with source.again() as connection:
        try:
            return _rate(connection, query)
        except psycopg.errors.InsufficientPrivilege:  # which is a finding of its own
            return None


def _rate(connection: Connection, query: Composed) -> float | None:
    with snapshot(connection), connection.cursor() as cursor:
        began, read = time.monotonic(), 0
        with cursor.copy(query) as copy:
            for block in copy:
                read += len(block)
        seconds = time.monotonic() - began
    return read / seconds if read and seconds else None
