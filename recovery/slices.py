"""Slices of tables: ranges of blocks, large enough to be work for one function call, small enough to end in time."""

from collections.abc import Sequence
from typing import NamedTuple

from psycopg.sql import SQL, Identifier, Literal
from pydantic import BaseModel, ConfigDict

from recovery.database import Connection, row, rows
from recovery.layout import Layout

# A slice is this large at least, so that starting it costs little, and there are at most about so many of all tables
# together, so that one state machine can run them all without nearing its limits.
SLICE_BYTES = 128 * 1024 * 1024
MOST_SLICES = 128


class BlockRange(NamedTuple):
    """Blocks of a relation: from ``first`` up to before ``end``, None for all the rest."""

    first: int
    end: int | None

    def within(self, other: "BlockRange") -> bool:
        """Whether the other range holds all of it."""
        ends_within = other.end is None or (self.end is not None and self.end <= other.end)
        return self.first >= other.first and ends_within


class Slice(BaseModel):
    """Blocks of one table, or of one partition, which had ``blocks`` of them when it was divided.

    ``table`` is the table's place among the layouts. ``file_node`` changes when the server rewrites the relation.
    """

    model_config = ConfigDict(frozen=True)

    table: int
    schema_name: str
    relation_name: str
    file_node: int
    blocks: int
    first_block: int = 0
    end_block: int | None = None

    @property
    def range(self) -> BlockRange:
        """Its blocks."""
        return BlockRange(self.first_block, self.end_block)

    def same_relation(self, other: "Slice") -> bool:
        """Whether both are of one relation in one file, so that block numbers mean the same."""
        return (self.schema_name, self.relation_name, self.file_node) == (
            other.schema_name,
            other.relation_name,
            other.file_node,
        )


class RewrittenError(RuntimeError):
    """The server rewrote a relation (VACUUM FULL, CLUSTER) after it was divided into slices."""


_RELATIONS = SQL("""
SELECT n.nspname AS schema, c.relname AS name, pg_relation_filenode(c.oid)::bigint AS file_node,
       pg_relation_size(c.oid) AS bytes, current_setting('block_size')::int AS block_size
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.oid = to_regclass({table}) AND c.relkind = 'r'
   OR c.oid IN (SELECT relid FROM pg_partition_tree(to_regclass({table})) WHERE isleaf)
ORDER BY c.oid
""")


def slices(connection: Connection, tables: Sequence[Layout], *, whole: bool) -> list[Slice]:
    """Divide the tables by their blocks. A table that is gone, or no table any more, has no slice.

    ``whole`` keeps the tables undivided that have no change column: read at different moments, their slices would not
    fit together.
    """
    found = [(number, layout, _relations(connection, layout)) for number, layout in enumerate(tables)]
    every_byte = sum(each["bytes"] for _, _, relations in found for each in relations)
    size = max(SLICE_BYTES, every_byte // MOST_SLICES)
    return [
        part
        for number, layout, relations in found
        for each in relations
        for part in _divided(number, each, None if whole and not layout.change else size)
    ]


def require_not_rewritten(connection: Connection, part: Slice) -> None:
    """Raise :class:`RewrittenError` when the slice's block numbers mean other rows by now."""
    name = Identifier(part.schema_name, part.relation_name).as_string()
    found = row(connection, "SELECT pg_relation_filenode(to_regclass(%s))::bigint AS node", (name,))["node"]
    if found != part.file_node:
        raise RewrittenError(
            f"expected {name} in file {part.file_node}, found {found}: the server has rewritten it since it was divided"
            " (VACUUM FULL, CLUSTER, TRUNCATE); start again"
        )


def _relations(connection: Connection, layout: Layout) -> list[dict[str, int]]:
    name = Identifier(layout.schema_name, layout.table_name).as_string()
    return rows(connection, _RELATIONS.format(table=Literal(name)))


def _divided(table: int, relation: dict[str, int], size: int | None) -> list[Slice]:
    blocks = relation["bytes"] // relation["block_size"]
    parts = 1 if size is None else max(1, -(-relation["bytes"] // size))
    bounds: list[int | None] = [blocks * number // parts for number in range(parts)]
    return [
        Slice(
            table=table,
            schema_name=str(relation["schema"]),
            relation_name=str(relation["name"]),
            file_node=relation["file_node"],
            blocks=blocks,
            first_block=first or 0,
            end_block=end,
        )
        for first, end in zip(bounds, [*bounds[1:], None], strict=True)
    ]
