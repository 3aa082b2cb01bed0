"""The manifest: what a database held at one moment, precise enough to prove a restored copy against.

Keys of the product are random UUIDs, so no range of keys stays unchanged. What does stay is the set of rows that were
settled when the manifest was taken: a row changed since says so in its change column.
"""

from datetime import datetime
from typing import Self

import psycopg
from pydantic import BaseModel, ConfigDict, field_validator, model_validator

from recovery.buckets import Buckets
from recovery.columns import ColumnsError
from recovery.database import Connection, row
from recovery.fingerprint import empty_buckets
from recovery.heartbeat import Heartbeat
from recovery.layout import Layout
from recovery.ranges import SliceContent
from recovery.row_hash import Algorithm

FORMAT = 3


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
    """What one table held, slice by slice.

    ``rows`` are all of its rows, ``settled`` the fingerprinted ones. ``exact`` tells that all of it was seen at one
    moment; slices that were read one after the other may miss, or count twice, a row that was changed meanwhile.
    """

    model_config = ConfigDict(frozen=True)

    layout: Layout
    may_lose_rows: bool
    exact: bool
    rows: int
    settled: int
    settled_until: datetime
    slices: tuple[SliceContent, ...]

    @property
    def buckets(self) -> Buckets:
        """All of the table's buckets, added up anew each time."""
        found = empty_buckets(self.layout)
        for each in self.slices:
            for groups in each.groups():
                found.add_groups(groups)
        return found

    @model_validator(mode="after")
    def _sums_agree(self) -> Self:
        sums = [each for content in self.slices for each in content.range_sums]
        found = sum(each.settled for each in sums), sum(each.settled + each.others for each in sums)
        if found != (self.settled, self.rows):
            raise ColumnsError(
                f"expected the ranges of {self.layout.label} to hold {self.rows} rows, {self.settled} of them settled,"
                f" found {found[1]} and {found[0]}"
            )
        return self


class Manifest(BaseModel):
    """What a database held at ``taken_at``; times are UTC."""

    model_config = ConfigDict(frozen=True)

    format: int = FORMAT
    algorithm: Algorithm
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
        return sum(table.settled for table in self.tables)

    @field_validator("format")
    @classmethod
    def _format_is_known(cls, given: int) -> int:
        if given != FORMAT:
            raise ValueError(f"expected a manifest of format {FORMAT}, found {given}: take a new manifest")
        return given


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
