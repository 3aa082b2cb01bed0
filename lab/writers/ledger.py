"""A writer's ledger, and what comes of holding it against a database that survived.

A ledger is a file of JSON lines, each on disk before the writer goes on: ``sent`` before a commit is asked for,
``acknowledged`` after the server said yes, ``error`` when it did not. A write that was sent and never acknowledged is
in doubt: it may be there or not, and neither is a loss. One that the server refused because it takes no writes is not:
that is a clean no, given before any commit was asked for, and such a row must not be there.
"""

import hashlib
import json
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import psycopg

# Of a write's key, which stands in a column that nothing makes unique, so that a commit that comes twice shows.
KEY_PREFIX = "ledger:"
# SQLSTATE read_only_sql_transaction, which a statement is told and never a commit.
# https://www.postgresql.org/docs/18/errcodes-appendix.html
READ_ONLY = "25006"
# Holds some lines of a ledger.
TAIL_BYTES = 4096

_SURVIVING = f"""
SELECT description, user_id::text, account_id::text, amount_paisa, category FROM transactions
WHERE starts_with(description, '{KEY_PREFIX}')
"""  # noqa: S608 - a constant


class Purchase(NamedTuple):
    """One write: its key, unique over all writers, and what it wrote."""

    key: str
    user: str
    account: str
    amount_paisa: int
    category: str

    @property
    def sha256(self) -> str:
        """Of the key and everything that was written, in hexadecimal."""
        return hashlib.sha256("|".join(map(str, self)).encode()).hexdigest()


@dataclass(frozen=True)
class Acknowledgement:
    """When the server acknowledged a write, by the writer's clock, and the port of the server that did."""

    at: datetime
    server: int


@dataclass(frozen=True)
class Refusal:
    """An error that a writer was told: when, by which server (None: none answered), its SQLSTATE and first line."""

    at: datetime
    server: int | None
    sqlstate: str | None
    message: str


@dataclass(frozen=True)
class Write:
    """One write as the ledger has it: acknowledged, ``refused`` by a server that takes no writes, or in doubt."""

    key: str
    sha256: str
    sent_at: datetime
    acknowledged: Acknowledgement | None = None
    refused: bool = False


@dataclass
class Ledger:
    """What one writer, or several together, know of their writes."""

    writes: dict[str, Write] = field(default_factory=dict[str, Write])
    refusals: list[Refusal] = field(default_factory=list[Refusal])

    @property
    def acknowledged(self) -> list[Write]:
        """The writes that must not be lost."""
        return [each for each in self.writes.values() if each.acknowledged is not None]

    @property
    def acknowledgements(self) -> list[Acknowledgement]:
        """Every acknowledgement, in the order of time."""
        found = (each.acknowledged for each in self.writes.values())
        return sorted((each for each in found if each is not None), key=lambda each: each.at)


class LedgerError(ValueError):
    """A ledger's file is not what a writer left; the message says which line."""


class LedgerFile:
    """The file of one writer. Every line is forced to disk before the call returns."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("ab", buffering=0)

    def sent(self, purchase: Purchase) -> None:
        """Note a write before it is sent."""
        self._append("sent", key=purchase.key, sha256=purchase.sha256)

    def acknowledged(self, purchase: Purchase, server: int) -> None:
        """Note that the server at this port acknowledged it."""
        self._append("acknowledged", key=purchase.key, server=server)

    def refused(self, server: int | None, sqlstate: str | None, message: str, purchase: Purchase | None = None) -> None:
        """Note an error, and which write met it, when one was under way."""
        key = None if purchase is None else purchase.key
        self._append("error", key=key, server=server, sqlstate=sqlstate, message=message)

    def _append(self, event: str, **values: str | int | None) -> None:
        line = {"event": event, "at": datetime.now(UTC).isoformat(), **values}
        self._file.write(json.dumps(line).encode() + b"\n")
        os.fsync(self._file.fileno())


def read_ledgers(paths: Iterable[Path]) -> Ledger:
    """The ledgers of several writers as one. A last line that a killed writer had only begun is left out.

    Raises :class:`LedgerError` for a line that cannot be read, and for an acknowledgement of what was never sent.
    """
    ledger = Ledger()
    for path in paths:
        complete = path.read_bytes().rpartition(b"\n")[0]
        for number, line in enumerate(complete.splitlines(), 1):
            try:
                _enter(ledger, json.loads(line))
            except (ValueError, KeyError, TypeError) as error:
                raise LedgerError(f"line {number} of {path}: expected a line of a ledger, found {error}") from None
    return ledger


def newest_acknowledgement(path: Path) -> Acknowledgement | None:
    """The newest one among the last lines of a ledger, which may be growing."""
    with path.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - TAIL_BYTES))
        lines = file.read().split(b"\n")[1:-1]
    for line in reversed(lines):
        found = json.loads(line)
        if found["event"] == "acknowledged":
            return _acknowledgement(found)
    return None


def _acknowledgement(line: dict[str, Any]) -> Acknowledgement:
    return Acknowledgement(datetime.fromisoformat(line["at"]), int(line["server"]))


def _enter(ledger: Ledger, line: dict[str, Any]) -> None:
    at = datetime.fromisoformat(line["at"])
    if line["event"] == "sent":
        ledger.writes[line["key"]] = Write(line["key"], line["sha256"], at)
    elif line["event"] == "acknowledged":
        sent = ledger.writes[line["key"]]
        ledger.writes[sent.key] = Write(sent.key, sent.sha256, sent.sent_at, _acknowledgement(line))
    else:
        ledger.refusals.append(Refusal(at, line["server"], line["sqlstate"], line["message"]))
        if line["key"] is not None and line["sqlstate"] == READ_ONLY:
            ledger.writes[line["key"]] = replace(ledger.writes[line["key"]], refused=True)


def surviving_purchases(connection: psycopg.Connection[Any]) -> list[Purchase]:
    """Every row of the writers that a database holds. Raises psycopg.Error."""
    return [Purchase(*row) for row in connection.execute(_SURVIVING)]


@dataclass(frozen=True)
class Comparison:
    """A ledger held against the rows of a database.

    ``unexplained`` are the lost ones that were acknowledged before the time until which everything had to be kept;
    ``too_new`` are rows that were sent only after the time from which nothing may be there, and ``contradicted`` those
    that the server had refused.
    """

    acknowledged: int
    lost: tuple[Write, ...]
    unexplained: tuple[Write, ...]
    changed: tuple[str, ...]
    duplicated: tuple[str, ...]
    unknown: tuple[str, ...]
    too_new: tuple[str, ...]
    contradicted: tuple[str, ...]
    refused: int
    in_doubt: int
    in_doubt_present: int

    @property
    def passed(self) -> bool:
        """Whether nothing is wrong. A ledger without an acknowledged write proves nothing, and fails."""
        wrong = (self.unexplained, self.changed, self.duplicated, self.unknown, self.too_new, self.contradicted)
        return self.acknowledged > 0 and not any(wrong)

    @property
    def sentence(self) -> str:
        """The finding for a person."""
        if not self.acknowledged:
            return "no commit was acknowledged: nothing to hold the database against"
        wrong = {
            "of them had to be kept": self.unexplained,
            "changed": self.changed,
            "there twice": self.duplicated,
            "there that nobody wrote": self.unknown,
            "there that were sent too late to be": self.too_new,
            "there that were refused": self.contradicted,
        }
        parts = [f"{len(self.lost)} of {self.acknowledged} acknowledged commits lost"]
        parts += [f"{len(keys)} {what}" for what, keys in wrong.items() if keys]
        parts.append(f"of {self.in_doubt} in doubt {self.in_doubt_present} are there")
        return ", ".join(parts)

    @property
    def measurements(self) -> dict[str, float | int | str | None]:
        """The counts, for the evidence."""
        return {
            "acknowledged": self.acknowledged,
            "lost": len(self.lost),
            "unexplained": len(self.unexplained),
            "changed": len(self.changed),
            "duplicated": len(self.duplicated),
            "unknown": len(self.unknown),
            "too_new": len(self.too_new),
            "contradicted": len(self.contradicted),
            "refused": self.refused,
            "in_doubt": self.in_doubt,
            "in_doubt_present": self.in_doubt_present,
        }


def compare(
    ledger: Ledger,
    rows: Sequence[Purchase],
    *,
    kept_until: datetime | None = None,
    nothing_after: datetime | None = None,
) -> Comparison:
    """Hold a ledger against the rows of the database that survived.

    Everything that was acknowledged before ``kept_until`` has to be there, which is all of it when that is None; and
    nothing that was sent after ``nothing_after``.
    """
    found = {row.key: row.sha256 for row in rows}
    lost = tuple(each for each in ledger.acknowledged if each.key not in found)
    written = [each for each in ledger.writes.values() if each.key in found]
    refused = [each.key for each in ledger.writes.values() if each.refused]
    in_doubt = [each for each in ledger.writes.values() if each.acknowledged is None and not each.refused]
    return Comparison(
        acknowledged=len(ledger.acknowledged),
        lost=lost,
        unexplained=tuple(
            each for each in lost if each.acknowledged and (kept_until is None or each.acknowledged.at < kept_until)
        ),
        changed=tuple(each.key for each in written if found[each.key] != each.sha256),
        duplicated=tuple(key for key, times in Counter(row.key for row in rows).items() if times > 1),
        unknown=tuple(key for key in found if key not in ledger.writes),
        too_new=tuple(each.key for each in written if nothing_after is not None and each.sent_at > nothing_after),
        contradicted=tuple(key for key in refused if key in found),
        refused=len(refused),
        in_doubt=len(in_doubt),
        in_doubt_present=sum(each.key in found for each in in_doubt),
    )
