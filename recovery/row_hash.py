"""Hashes of rows, as SQL over the alias ``t``: of a row's whole content, and of the key that deals it into a bucket.

NATIVE hashes every column's value by itself with a seed of its own, combines the hashes by xor, and mixes the result
once more, so that a value which changes its column or its row changes the sum. It is made of the hashes that PostgreSQL
has for its hash joins, faster than hash_record_extended over the whole row, and finer: that one folds the two halves of
a bigint or a timestamp into 32 bits (1 and 4294967296 look alike) and takes ``[]`` for ``[[[]]]`` in a jsonb. A type
whose own hash loses something goes in as text. PostgreSQL keeps its hashes stable within one major version only, so
they are never compared across majors. PORTABLE is the MD5 of the row's text (first 64 bits), the same on every version
that writes the values alike, and several times slower.
"""

from collections.abc import Sequence
from typing import Literal as OneOf

from psycopg.sql import SQL, Composable, Identifier, Literal
from pydantic import BaseModel, ConfigDict

Algorithm = OneOf["hash_columns/1", "md5/1"]
NATIVE: Algorithm = "hash_columns/1"
PORTABLE: Algorithm = "md5/1"

_CONTENT_SEED, _KEY_SEED = 1, 1_000_001

_AS_TEXT = SQL('hashtextextended({value}::text COLLATE "C", {seed})')
_GENERIC = SQL("hash_record_extended(ROW({value}), {seed})")
_INTEGER = SQL("hashint4extended({value}, {seed})")
# What tells every two values of a type apart (but -0.0 and 0.0). A bigint is the seed: its own hash folds it. Of a
# timestamp, microseconds in 64 bits, the first hash sees the xor of both halves, the second the upper one.
_EXACT = {
    "bool": SQL("hashint4extended({value}::int4, {seed})"),
    "int2": _INTEGER,
    "int4": _INTEGER,
    "int8": SQL("hashint4extended({seed}, {value})"),
    "float4": SQL("hashfloat4extended({value}, {seed})"),
    "float8": SQL("hashfloat8extended({value}, {seed})"),
    "uuid": SQL("uuid_hash_extended({value}, {seed})"),
    "text": SQL('hashtextextended({value} COLLATE "C", {seed})'),
    "varchar": SQL('hashtextextended({value} COLLATE "C", {seed})'),
    "timestamp": SQL(
        "timestamp_hash_extended({value}, {seed}) # timestamp_hash_extended("
        "date_bin('4294.967296 seconds', {value}, timestamp '2000-01-01'), -{seed})"
    ),
    "timestamptz": SQL(
        "timestamptz_hash_extended({value}, {seed}) # timestamptz_hash_extended("
        "date_bin('4294.967296 seconds', {value}, timestamptz '2000-01-01 00:00:00+00'), -{seed})"
    ),
    **dict.fromkeys(("bytea", "cidr", "date", "inet", "macaddr", "macaddr8", "oid"), _GENERIC),
}
EXACT_TYPES = frozenset(_EXACT)


class Column(BaseModel):
    """A column of a table: the base type that its value is hashed by, None for its text, and whether it may be null."""

    model_config = ConfigDict(frozen=True)

    name: str
    type: str | None
    nullable: bool


def content_of(columns: Sequence[Column], algorithm: Algorithm) -> Composable:
    """The hash of those columns' values: bigint, never null unless a column that must not be null is."""
    if algorithm == PORTABLE:
        return md5_of(_row_text(columns))
    # Mixed once more: without it the sum over rows would be one over columns, and rows could exchange values.
    return SQL("hashint4extended({}, {})").format(Literal(len(columns)), _combined(columns, _CONTENT_SEED))


def key_of(columns: Sequence[Column], algorithm: Algorithm) -> Composable:
    """Another hash of those columns' values, which tells nothing of the first."""
    return md5_of(_row_text(columns)) if algorithm == PORTABLE else _combined(columns, _KEY_SEED)


def md5_of(text: Composable) -> Composable:
    """The first 64 bits of a text's MD5."""
    return SQL("('x' || substr(md5({}), 1, 16))::bit(64)::bigint").format(text)


def column_name(name: str) -> Composable:
    """A column of the table that ``t`` stands for."""
    return SQL("t.{}").format(Identifier(name))


def _combined(columns: Sequence[Column], first_seed: int) -> Composable:
    hashes = [_hash(column, seed) for seed, column in enumerate(columns, first_seed)]
    return SQL("({})").format(SQL(" # ").join(hashes)) if hashes else SQL("0")


def _hash(column: Column, seed: int) -> Composable:
    template = _EXACT[column.type] if column.type else _AS_TEXT
    found = template.format(value=column_name(column.name), seed=Literal(seed))
    if not column.nullable:
        return SQL("({})").format(found)
    return SQL("coalesce({}, {})").format(found, Literal(_of_null(seed)))


def _of_null(seed: int) -> int:
    """What a null counts as: any number of 64 bits of which each seed has another."""
    return ((seed * 0x9E3779B97F4A7C15 + 2**63) % 2**64) - 2**63  # 2^64 over the golden ratio


def _row_text(columns: Sequence[Column]) -> Composable:
    texts = (SQL('({}::text COLLATE "C")').format(column_name(column.name)) for column in columns)
    return SQL("ROW({})::text").format(SQL(", ").join(texts))
