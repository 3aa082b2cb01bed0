"""Buckets of rows: what a table's fingerprint is made of, in a form that adds up and travels.

A table's rows are dealt into buckets. Each bucket counts its rows by their age and holds one number that depends on
every settled row's content but on no order, so that the buckets of a table's slices add up to those of the whole.
"""

import base64
import struct
import sys
import zlib
from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple, Self


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
# One group as the server sends it: bucket * AGES + age, rows, fingerprint.
_GROUP = struct.Struct(">iiq")
# Fingerprints add up modulo this where rows may be equal (xor would not see equal rows come and go in pairs).
SUM_MODULUS = 2**62
_MASK = 2**64 - 1


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


class BucketsError(ValueError):
    """Packed buckets are damaged, or of another number than expected."""


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
        pairs = zip(
            *(each.counts[age] for age in (Age.SETTLED, Age.ALTERED) for each in (self, found)),
            self.fingerprints,
            found.fingerprints,
            found.counts[Age.LATE],
            strict=True,
        )
        return [n for n, (s, t, a, b, x, y, late) in enumerate(pairs) if s != t or a != b or x != y or late]

    def total(self, *ages: Age) -> int:
        """How many rows of those ages there are; of every age when none is named."""
        return sum(sum(self.counts[age]) for age in ages or Age)

    def add_groups(self, groups: bytes | None) -> None:
        """Add what the server counted: 16 bytes a group, None when the slice has no rows."""
        for group, rows, fingerprint in _GROUP.iter_unpack(groups or b""):
            bucket, age = divmod(group, AGES)
            self.counts[age][bucket] += rows
            if age == Age.SETTLED:
                self._add_fingerprint(bucket, fingerprint & _MASK)

    def add(self, others: "Buckets") -> None:
        """Add the buckets of another slice of the same table. Raises :class:`BucketsError` for another number."""
        if len(others) != len(self):
            raise BucketsError(f"expected {len(self)} buckets, found {len(others)}")
        for own, more in zip(self.counts, others.counts, strict=True):
            for number, count in enumerate(more):
                if count:
                    own[number] += count
        for number, fingerprint in enumerate(others.fingerprints):
            if fingerprint:
                self._add_fingerprint(number, fingerprint)

    def _add_fingerprint(self, number: int, fingerprint: int) -> None:
        known = self.fingerprints[number]
        self.fingerprints[number] = (known + fingerprint) % SUM_MODULUS if self.summed else known ^ fingerprint

    def pack(self) -> str:
        """As text: base64 of zlib of the counts by age and the fingerprints, little-endian."""
        columns = [array(each.typecode, each) for each in (*self.counts, self.fingerprints)]
        if sys.byteorder == "big":
            for each in columns:
                each.byteswap()
        # Fingerprints are random and do not compress: the fastest level loses nothing.
        return base64.b64encode(zlib.compress(b"".join(each.tobytes() for each in columns), 1)).decode()

    @classmethod
    def unpack(cls, packed: str, *, number: int, summed: bool) -> Self:
        """The buckets that were packed. Raises :class:`BucketsError`."""
        expected = number * (4 * AGES + 8)
        try:
            raw = zlib.decompress(base64.b64decode(packed, validate=True))
        except (ValueError, zlib.error) as error:
            raise BucketsError(f"expected packed buckets, found something else ({error})") from None
        if len(raw) != expected:
            raise BucketsError(f"expected {number} buckets ({expected} bytes), found {len(raw)} bytes")
        found = cls.empty(number, summed=summed)
        columns = [*found.counts, found.fingerprints]
        for column, data in zip(columns, _split(raw, columns), strict=True):
            column[:] = array(column.typecode, data)
            if sys.byteorder == "big":
                column.byteswap()
        return found


def _split(raw: bytes, columns: "Iterable[array[int]]") -> Iterable[bytes]:
    start = 0
    for column in columns:
        size = len(column) * column.itemsize
        yield raw[start : start + size]
        start += size
