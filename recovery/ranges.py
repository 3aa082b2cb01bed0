"""Buckets kept apart by ranges of blocks, each range with its sum: what lets a copy prove a range at a glance.

In a restored copy a block holds the rows that it held in the source, so a range that nothing touched since has the sum
it had, and its buckets need not be counted again. Only where a sum differs are rows dealt into buckets, in the copy as
in the manifest, and compared in detail.
"""

from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict

from recovery.columns import from_bytes, pack, to_bytes, unpack
from recovery.slices import BlockRange, Slice

# One group as the server sends it: bucket * AGES + age in 4 bytes, rows in 4, fingerprint in 8.
GROUP_BYTES = 16


class RangeSum(NamedTuple):
    """All rows of a range: the settled ones, those of any other age, and the fingerprint of the settled ones."""

    settled: int
    others: int
    fingerprint: int


class RangeContent(NamedTuple):
    """What was read of a range: its sum, and the groups of its buckets as the server sent them."""

    sum: RangeSum
    groups: bytes


class PackedSums(BaseModel):
    """The columns of the ranges' sums, packed, and how many groups each range has."""

    model_config = ConfigDict(frozen=True)

    settled: str
    others: str
    fingerprints: str
    lengths: str


class SliceContent(BaseModel):
    """What one slice held: ranges of ``step`` blocks (the last one takes the rest), their sums and their buckets.

    Of every group, ``heads`` has the number and the rows, ``fingerprints`` the fingerprint, packed.
    """

    model_config = ConfigDict(frozen=True)

    part: Slice
    step: int
    count: int
    sums: PackedSums
    heads: str
    fingerprints: str

    @property
    def blocks(self) -> list[BlockRange]:
        """Where each of the ranges lies."""
        return ranges_of(self.part.range, self.step, self.count)

    @property
    def range_sums(self) -> list[RangeSum]:
        """The sum of each range. Raises :class:`recovery.columns.ColumnsError`."""
        packed = ((self.sums.settled, "I"), (self.sums.others, "I"), (self.sums.fingerprints, "Q"))
        fields = (unpack(text, typecode, self.count) for text, typecode in packed)
        return [RangeSum(*each) for each in zip(*fields, strict=True)]

    def groups(self, numbers: Iterable[int] | None = None) -> Iterator[bytes]:
        """The groups of those ranges, of all when none are named. Raises :class:`recovery.columns.ColumnsError`."""
        ends = [0, *accumulate(unpack(self.sums.lengths, "I", self.count))]
        groups = array("Q", bytes(GROUP_BYTES * ends[-1]))
        groups[0::2], groups[1::2] = (unpack(text, "Q", ends[-1]) for text in (self.heads, self.fingerprints))
        data = to_bytes(groups, "big")
        for number in range(self.count) if numbers is None else numbers:
            yield data[GROUP_BYTES * ends[number] : GROUP_BYTES * ends[number + 1]]


def ranges_of(blocks: BlockRange, step: int, count: int) -> list[BlockRange]:
    """``count`` ranges of ``step`` blocks; the last takes the rest."""
    firsts = [blocks.first + step * number for number in range(count)]
    return [BlockRange(first, end) for first, end in zip(firsts, [*firsts[1:], blocks.end], strict=True)]


def slice_content(part: Slice, step: int, contents: Sequence[RangeContent]) -> SliceContent:
    """A slice of those ranges, in the order of their blocks."""
    groups = from_bytes("Q", b"".join(each.groups for each in contents), "big")
    return SliceContent(
        part=part,
        step=step,
        count=len(contents),
        sums=PackedSums(
            settled=pack(array("I", (each.sum.settled for each in contents))),
            others=pack(array("I", (each.sum.others for each in contents))),
            fingerprints=pack(array("Q", (each.sum.fingerprint for each in contents)), level=0),
            lengths=pack(array("I", (len(each.groups) // GROUP_BYTES for each in contents))),
        ),
        heads=pack(groups[0::2]),
        fingerprints=pack(groups[1::2], level=0),
    )


def unproven(blocks: BlockRange, proven: Iterable[BlockRange]) -> list[BlockRange]:
    """What is left of ``blocks`` without the proven ranges, which lie within it and do not overlap."""
    left: list[BlockRange] = []
    first: int | None = blocks.first
    for each in sorted(proven):
        if first is not None and each.first > first:
            left.append(BlockRange(first, each.first))
        first = each.end
    if first is not None and (blocks.end is None or first < blocks.end):
        left.append(BlockRange(first, blocks.end))
    return left
