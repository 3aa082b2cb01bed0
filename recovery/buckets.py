"""Buckets of rows: what a table's fingerprint is made of, in a form that adds up and travels.

A table's rows are dealt into buckets. Each bucket counts its rows by their age and holds one number that depends on
every settled row's content but on no order, so that the buckets of a table's slices add up to those of the whole.
"""

import struct
from array import array
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple, Self

from recovery.columns import ColumnsError, from_bytes, pack, to_bytes, unpack


class Age(IntEnum):
    """How a row stands to the moment up to which rows are settled.

    SETTLED: created and last changed before it. ALTERED: created before it, changed since. NEWER: created since.
    LATE: changed when nobody should have, after the restore began.
    """

    SETTLED = 0
    ALTERED = 1
    NEWER = 2
    LATE = 3


AGES = len(Age)
_AGE_BITS, _AGE_MASK = 2, AGES - 1
# One group as the server sends it: bucket * AGES + age, rows, fingerprint.
_GROUP = struct.Struct(">iiq")
# Fingerprints add up modulo this where rows may be equal (xor would not see equal rows come and go in pairs).
SUM_MODULUS = 2**62
_MASK = 2**64 - 1
_CHUNK = 64


class Bucket(NamedTuple):
    """One bucket: its rows by age, and the fingerprint of the settled ones."""

    settled: int
    altered: int
    newer: int
    late: int
    fingerprint: int

    @property
    def rows(self) -> int:
        """All of its rows."""
        return self.settled + self.altered + self.newer + self.late


@dataclass
class Buckets:
    """The buckets of a table or of a slice of it; memory depends on their number, not on the rows'.

    ``summed`` tells that fingerprints add up as a sum, not by xor.
    """

    counts: "tuple[array[int], ...]"
    fingerprints: "array[int]"
    summed: bool = False

    @classmethod
    def empty(cls, number: int, *, summed: bool) -> Self:
        """That many buckets without rows."""
        return cls(tuple(array("I", bytes(4 * number)) for _ in Age), array("Q", bytes(8 * number)), summed)

    def __len__(self) -> int:
        return len(self.fingerprints)

    def __getitem__(self, number: int) -> Bucket:
        settled, altered, newer, late = (counts[number] for counts in self.counts)
        return Bucket(settled, altered, newer, late, self.fingerprints[number])

    def differing(self, found: "Buckets") -> list[int]:
        """The buckets in which what was created before the moment is not as it is here, or anything is late."""
        nothing = array("I", bytes(4 * len(self)))
        pairs = [
            (self.counts[Age.SETTLED], found.counts[Age.SETTLED]),
            (self.counts[Age.ALTERED], found.counts[Age.ALTERED]),
            (self.fingerprints, found.fingerprints),
            (nothing, found.counts[Age.LATE]),
        ]
        return [
            start + offset
            for start in range(0, len(self), _CHUNK)
            # Most are as they were, and many at once are compared as fast as one.
            if any(one[start : start + _CHUNK] != other[start : start + _CHUNK] for one, other in pairs)
            for offset in range(min(_CHUNK, len(self) - start))
            if any(one[start + offset] != other[start + offset] for one, other in pairs)
        ]

    def total(self, *ages: Age) -> int:
        """How many rows of those ages there are; of every age when none is named."""
        return sum(sum(self.counts[age]) for age in ages or Age)

    def add_groups(self, groups: bytes | None) -> None:
        """Add what the server counted: 16 bytes a group, None when the slice has no rows."""
        counts, fingerprints, summed = self.counts, self.fingerprints, self.summed
        for group, rows, fingerprint in _GROUP.iter_unpack(groups or b""):
            bucket: int = group >> _AGE_BITS
            age = group & _AGE_MASK
            counts[age][bucket] += rows
            if age == Age.SETTLED:
                known = fingerprints[bucket]
                new = fingerprint & _MASK
                fingerprints[bucket] = (known + new) % SUM_MODULUS if summed else known ^ new

    def add(self, others: "Buckets") -> None:
        """Add the buckets of another slice of the same table. Raises ValueError for another number of them."""
        if len(others) != len(self):
            raise ValueError(f"expected {len(self)} buckets, found {len(others)}")
        for own, more in zip(self.counts, others.counts, strict=True):
            own[:] = _sum(own, more)
        if not self.summed:
            total = _number(self.fingerprints) ^ _number(others.fingerprints)
            self.fingerprints[:] = _array_of(self.fingerprints.typecode, total, len(self))
            return
        for bucket, more in enumerate(others.fingerprints):
            self.fingerprints[bucket] = (self.fingerprints[bucket] + more) % SUM_MODULUS

    def pack(self) -> str:
        """As text: the counts by age and the fingerprints."""
        # Counts are mostly small and zero; fingerprints are random, and no effort compresses them.
        return ".".join([*map(pack, self.counts), pack(self.fingerprints, level=0)])

    @classmethod
    def unpack(cls, packed: str, *, number: int, summed: bool) -> Self:
        """The buckets that were packed. Raises :class:`recovery.columns.ColumnsError`."""
        parts = packed.split(".")
        if len(parts) != AGES + 1:
            raise ColumnsError(f"expected {AGES + 1} packed columns, found {len(parts)}")
        return cls(tuple(unpack(part, "I", number) for part in parts[:AGES]), unpack(parts[AGES], "Q", number), summed)


def _sum(one: "array[int]", other: "array[int]") -> "array[int]":
    """The sums of each two numbers, as one long number: none of them nears its limit, so that nothing is carried."""
    return _array_of(one.typecode, _number(one) + _number(other), len(one))


def _number(column: "array[int]") -> int:
    return int.from_bytes(to_bytes(column, "little"), "little")


def _array_of(typecode: str, number: int, length: int) -> "array[int]":
    size = array(typecode).itemsize
    return from_bytes(typecode, number.to_bytes(size * length, "little"), "little")
