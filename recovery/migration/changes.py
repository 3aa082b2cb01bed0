"""The keys of rows that changed: read from a slot of its own, in the form that PostgreSQL's pgoutput writes.

Only keys are taken; what a row holds is asked of both ends. The form is version 1 of the protocol
(https://www.postgresql.org/docs/current/protocol-logicalrep-message-formats.html), which every server speaks.
"""

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from recovery.database import Connection, rows
from recovery.migration.replication import PUBLICATION

Table = tuple[str, str]
Key = tuple[str, ...]

_READ = """
SELECT data FROM pg_logical_slot_get_binary_changes(%s, %s::pg_lsn, NULL, 'proto_version', '1', 'publication_names', %s)
"""


@dataclass
class Changes:
    """The keys of each table's changed rows; ``whole`` are tables of which everything has to be looked at.

    ``keys_of`` names the key's columns of each table that has one.
    """

    keys_of: Mapping[Table, tuple[str, ...]]
    keys: dict[Table, set[Key]] = field(default_factory=dict[Table, set[Key]])
    whole: set[Table] = field(default_factory=set[Table])
    _relations: dict[int, tuple[Table, list[str]]] = field(default_factory=dict[int, tuple[Table, list[str]]])

    @property
    def number(self) -> int:
        """How many rows changed, of those that are told apart."""
        return sum(map(len, self.keys.values()))

    def of_keys(self) -> "Changes":
        """Only the rows that are told apart."""
        return Changes(self.keys_of, dict(self.keys))

    def keep(self, differing: Mapping[Table, set[Key]]) -> None:
        """Forget the rows that were found the same; one that changes again comes again."""
        left = {table: keys & differing.get(table, set()) for table, keys in self.keys.items()}
        self.keys = {table: keys for table, keys in left.items() if keys}

    def read(self, connection: Connection, slot: str) -> int:
        """Take what was committed by now from the slot; how many messages that were. Raises psycopg.Error."""
        position = rows(connection, "SELECT pg_current_wal_lsn()::text AS position")[0]["position"]
        found = rows(connection, _READ, (slot, position, PUBLICATION))
        for each in found:
            self.add(bytes(each["data"]))
        return len(found)

    def add(self, message: bytes) -> None:
        """Take one message."""
        kind, reader = message[:1], _Reader(message, 1)
        if kind == b"R":
            self._relation(reader)
        elif kind in (b"I", b"U", b"D"):
            self._row(reader)
        elif kind == b"T":
            count, _options = reader.take(">iB")
            for _ in range(count):
                self.whole.add(self._relations[reader.take(">i")[0]][0])

    def _relation(self, reader: "_Reader") -> None:
        (number,) = reader.take(">i")
        table = (reader.text(), reader.text())
        _identity, count = reader.take(">BH")
        columns: list[str] = []
        for _ in range(count):
            reader.take(">B")
            columns.append(reader.text())
            reader.take(">ii")
        self._relations[number] = (table, columns)

    def _row(self, reader: "_Reader") -> None:
        table, columns = self._relations[reader.take(">i")[0]]
        names = self.keys_of.get(table)
        if not names:
            self.whole.add(table)
            return
        while not reader.ended:
            reader.take(">B")  # the old key, the old row or the new one
            values = dict(zip(columns, reader.values(), strict=True))
            key = tuple(value for name in names if (value := values[name]) is not None)
            if len(key) == len(names):
                self.keys.setdefault(table, set()).add(key)
            else:
                self.whole.add(table)


class _Reader:
    """A message, from a place in it on."""

    def __init__(self, message: bytes, place: int) -> None:
        self._message = message
        self._place = place

    @property
    def ended(self) -> bool:
        return self._place >= len(self._message)

    def take(self, form: str) -> tuple[int, ...]:
        found = struct.unpack_from(form, self._message, self._place)
        self._place += struct.calcsize(form)
        return found

    def text(self) -> str:
        end = self._message.index(b"\0", self._place)
        found = self._message[self._place : end].decode()
        self._place = end + 1
        return found

    def values(self) -> Iterator[str | None]:
        """The columns of a row; None for a null, and for a large value that stayed as it was."""
        (count,) = self.take(">H")
        for _ in range(count):
            (kind,) = self.take(">B")
            if kind in b"nu":
                yield None
                continue
            (length,) = self.take(">i")
            yield self._message[self._place : self._place + length].decode()
            self._place += length
