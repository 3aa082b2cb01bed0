"""Dividing a check over relations: small ones are looked at together, big tables in ranges of blocks."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from recovery.checks.outcome import Argument, Part
from recovery.database import Connection, row

# What one part reads. The least that a gp3 volume delivers is 125 MiB/s, two seconds of a part; a fresh restore reads
# its blocks from S3 first, and may take a hundred times as long before a part meets its time limit.
# https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/CHAP_Storage.html
PART_BYTES = 256 * 1024**2

FIRST_BLOCK, END_BLOCK = "first_block", "end_block"


@dataclass(frozen=True, kw_only=True)
class Item:
    """One thing to look at: ``kind`` is the argument that carries its ``oid``, ``size`` the bytes that are read.

    A ``divisible`` one can be looked at in ranges of its blocks.
    """

    kind: str
    oid: int
    label: str
    size: int
    divisible: bool = False


@dataclass(frozen=True, kw_only=True)
class Range:
    """Blocks of a table: from ``first`` up to, not including, ``end``; None means to the table's end."""

    first: int = 0
    end: int | None = None


def pack(connection: Connection, check: str, items: Iterable[Item]) -> list[Part]:
    """Parts that each read about PART_BYTES, or one thing that cannot be divided, in the order of ``items``."""
    parts: list[Part] = []
    batch: list[Item] = []
    for item in items:
        if item.size > PART_BYTES:
            parts += _divided(connection, check, item)
            continue
        if sum(each.size for each in batch) + item.size > PART_BYTES:
            parts.append(_together(check, batch))
            batch = []
        batch.append(item)
    return [*parts, _together(check, batch)] if batch else parts


def batches(sizes: Mapping[str, int]) -> list[list[str]]:
    """Names in their order, in batches that read about PART_BYTES each; ``sizes`` are the bytes of each name."""
    found: list[list[str]] = []
    read = 0
    for name, size in sizes.items():
        if not found or read + size > PART_BYTES:
            found.append([])
            read = 0
        found[-1].append(name)
        read += size
    return found


def blocks(part: Part) -> Range:
    """The blocks that a part of a divided table is about; all of them when it is not divided."""
    first, end = part.arguments.get(FIRST_BLOCK, 0), part.arguments.get(END_BLOCK)
    return Range(first=first if isinstance(first, int) else 0, end=end if isinstance(end, int) else None)


def oids(part: Part, kind: str) -> list[int]:
    """The things of that kind that a part is about."""
    found = part.arguments.get(kind, [])
    return [each for each in found if isinstance(each, int)] if isinstance(found, list) else []


def _together(check: str, batch: Sequence[Item]) -> Part:
    label = batch[0].label if len(batch) == 1 else f"{len(batch)} small ones from {batch[0].label}"
    arguments: dict[str, list[int]] = {}
    for item in batch:
        arguments.setdefault(item.kind, []).append(item.oid)
    return Part(check=check, label=label, arguments=dict(arguments))


def _divided(connection: Connection, check: str, item: Item) -> list[Part]:
    if not item.divisible:
        return [Part(check=check, label=item.label, arguments={item.kind: [item.oid]})]
    block_bytes = row(connection, "SELECT current_setting('block_size')::int AS bytes")["bytes"]
    step = PART_BYTES // block_bytes
    starts = range(0, item.size // block_bytes, step)
    parts: list[Part] = []
    for start in starts:
        arguments: dict[str, Argument] = {item.kind: [item.oid], FIRST_BLOCK: start}
        if start != starts[-1]:  # the last one takes whatever has grown since
            arguments[END_BLOCK] = start + step
        parts.append(Part(check=check, label=f"{item.label} from block {start}", arguments=arguments))
    return parts
