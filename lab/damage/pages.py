# ruff: noqa: S608 - the statements are made of constants of the lab
"""Bytes of a stopped cluster: pages of relations, their line pointers and tuples.

The layout is PostgreSQL's own (storage/bufpage.h, access/htup_details.h, access/nbtree.h): a page is a header of 24
bytes, line pointers of 4 bytes each, free space, and the tuples from the end backwards.
"""

import os
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.damage.stage import PRISTINE, Stage
from lab.postgres import Cluster

PAGE = 8192
HEADER = 24
_LEAF, _DELETED_OR_META = 0b1, 0b1100  # flags of a B-tree page, in the last four bytes but for the cycle id


@dataclass(frozen=True)
class Place:
    """A line pointer: which page of its relation, and which number on it, counted from 1."""

    block: int
    number: int


class Files:
    """The data folder of a stopped copy. Where things are is looked up on the running cluster that it is a copy of."""

    def __init__(self, stage: Stage, cluster: Cluster) -> None:
        self._stage = stage
        self.cluster = cluster
        self.data = cluster.data

    def look(self, query: str) -> Any:  # noqa: ANN401 - whatever the query answers
        """The first value of a query on the pristine database, whose pages lie as the copy's do."""
        with self._stage.restored.connect(PRISTINE) as connection:
            found = connection.execute(query.encode()).fetchone()
        if found is None:
            raise LookupError(f"expected a row to damage, found none: {query}")
        return found[0]

    def relative_path(self, relation: str) -> str:
        """The file of a relation, below a data folder."""
        return str(self.look(f"SELECT pg_relation_filepath('{relation}')"))

    def path(self, relation: str) -> Path:
        """The file of a relation (its first gigabyte)."""
        return self.data / self.relative_path(relation)

    def place(self, relation: str, where: str) -> Place:
        """Where the one row lies that ``where`` finds."""
        block, number = str(self.look(f"SELECT ctid FROM {relation} WHERE {where} LIMIT 1")).strip("()").split(",")
        return Place(int(block), int(number))

    def read(self, relation: str, block: int) -> bytearray:
        """One page."""
        with self.path(relation).open("rb") as file:
            file.seek(block * PAGE)
            return bytearray(file.read(PAGE))

    def write(self, relation: str, block: int, page: bytes | bytearray) -> None:
        """Put one page back, with the checksum that it came with."""
        with self.path(relation).open("r+b") as file:
            file.seek(block * PAGE)
            file.write(page)

    def make_checksums_right(self) -> None:
        """Compute every page's checksum anew, so that none of them tells of the damage."""
        for action in ("--disable", "--enable"):
            self.cluster.run("pg_checksums", action, "--no-sync", "--pgdata", str(self.data))

    def truncate(self, relation: str, pages: int) -> None:
        """Cut that many pages off a relation's end."""
        path = self.path(relation)
        os.truncate(path, path.stat().st_size - pages * PAGE)

    def leaf_of(self, index: str) -> int:
        """The first leaf page of a B-tree index."""
        for block in range(1, self.path(index).stat().st_size // PAGE):
            flags = struct.unpack_from("<H", self.read(index, block), PAGE - 4)[0]
            if flags & _LEAF and not flags & _DELETED_OR_META:
                return block
        raise LookupError(f"expected a leaf page in {index}, found none")


def line_pointer(page: bytearray, number: int) -> tuple[int, int]:
    """Offset and length, in bytes, of a tuple on its page."""
    (value,) = struct.unpack_from("<I", page, HEADER + 4 * (number - 1))
    return value & 0x7FFF, value >> 17


def tuple_bytes(page: bytearray, number: int) -> bytes:
    """A tuple with its header."""
    offset, length = line_pointer(page, number)
    return bytes(page[offset : offset + length])


def swap_line_pointers(page: bytearray, first: int, second: int) -> None:
    """Exchange two tuples' places in the order of the page."""
    a, b = HEADER + 4 * (first - 1), HEADER + 4 * (second - 1)
    page[a : a + 4], page[b : b + 4] = page[b : b + 4], page[a : a + 4]
