"""Transactions as CSV with the product's header, and back.

RFC 4180: UTF-8, CRLF, fields quoted where they have to be. Amounts are rupees as exact decimals. The header has no
place for a zone, so every time carries it: ``14:05:09+05:30``. A text that a spreadsheet would take for a formula gets
an apostrophe before it, as OWASP advises against CSV injection, and so does one that begins with an apostrophe: the
reader takes exactly one away.
"""

import csv
import re
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import TextIO

from device.export.errors import ExportError
from device.export.texts import UnreadableText, read_text

HEADER = ("Date", "Time", "Type", "Amount", "Category", "Merchant", "Description", "Payment Method", "Source")
# The product's people live in one zone, which knows no summer time.
ZONE = timezone(timedelta(hours=5, minutes=30))

PAISA_PER_RUPEE = 100
# What spreadsheets begin a formula with: https://owasp.org/www-community/attacks/CSV_Injection
_FORMULA = re.compile(r"[=+\-@\t\r']")
_TEXT_COLUMNS = {
    1: ("t.type", "t.category", "t.merchant", "t.description", "NULL", "NULL"),
    2: ("t.type", "t.category", "t.merchant", "t.description", "t.payment_method", "t.source"),
    3: (
        "t.type",
        "(SELECT name FROM categories WHERE id = t.category_id)",
        "t.merchant",
        "t.description",
        "t.payment_method",
        "t.source",
    ),
}


@dataclass(frozen=True)
class ExportedTransaction:
    """One row of the file; an empty text reads as None."""

    occurred_at: datetime
    type: str | None
    amount_paisa: int
    category: str | None
    merchant: str | None
    description: str | None
    payment_method: str | None
    source: str | None


def write_csv(connection: sqlite3.Connection, version: int, file: TextIO) -> Iterator[int]:
    """Write all transactions of a DuskSpendr database, oldest first, and yield how many are written from time to time.

    Raises :class:`ExportError` for a row that the format cannot hold exactly, and sqlite3.Error.
    """
    connection.text_factory = read_text
    writer = csv.writer(file)
    writer.writerow(HEADER)
    texts = ", ".join(f"CAST({column} AS TEXT)" for column in _TEXT_COLUMNS[version])
    rows = connection.execute(
        f"SELECT t.id, t.occurred_at, t.amount_paisa, {texts} FROM transactions t"  # noqa: S608 - our own names
        " ORDER BY t.occurred_at, t.id"
    )
    for number, (key, occurred_at, amount, *texts) in enumerate(rows, start=1):
        moment = _moment(key, occurred_at)
        kind, *others = (_guarded(key, text) for text in texts)
        time = moment.timetz().isoformat("milliseconds" if moment.microsecond else "seconds")
        writer.writerow((moment.date().isoformat(), time, kind, _rupees(key, amount), *others))
        yield number


def read_csv(path: Path) -> Iterator[ExportedTransaction]:
    """The transactions of a file that :func:`write_csv` wrote, or another program in the same spelling.

    Raises :class:`ExportError` naming the line that cannot be read, and OSError.
    """
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file)
        if (header := next(reader, list[str]())) != list(HEADER):
            raise ExportError(
                expected=f"the header {','.join(HEADER)}", found=",".join(header) or "an empty file", do="export anew"
            )
        for row in reader:
            try:
                yield _read_row(row)
            except (ValueError, ArithmeticError) as error:
                raise ExportError(
                    expected=f"a transaction in line {reader.line_num} of {path}",
                    found=str(error),
                    do="mend the line or export anew",
                ) from None


def _read_row(row: list[str]) -> ExportedTransaction:
    if len(row) != len(HEADER):
        raise ValueError(f"{len(row)} fields instead of {len(HEADER)}")
    date, time, kind, amount, *others = row
    moment = datetime.fromisoformat(f"{date}T{time}")
    if moment.tzinfo is None:
        raise ValueError(f"the time {time} without its zone")
    paisa = Decimal(amount) * PAISA_PER_RUPEE
    if paisa != int(paisa):
        raise ValueError(f"the amount {amount}, which is no whole number of paisa")
    return ExportedTransaction(moment, _unguarded(kind), int(paisa), *map(_unguarded, others))


def _moment(key: object, milliseconds: object) -> datetime:
    if isinstance(milliseconds, int):
        try:
            return (datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=milliseconds)).astimezone(ZONE)
        except OverflowError:
            pass
    raise _inexact(f"milliseconds since 1970 as the time of transaction {key}", repr(milliseconds))


def _rupees(key: object, paisa: object) -> str:
    if not isinstance(paisa, int):
        raise _inexact(f"an integer in paisa as the amount of transaction {key}", repr(paisa))
    whole, rest = divmod(abs(paisa), PAISA_PER_RUPEE)
    return f"{'-' if paisa < 0 else ''}{whole}.{rest:02d}"


def _guarded(key: object, text: str | UnreadableText | None) -> str:
    if text is None:
        return ""
    if isinstance(text, UnreadableText):
        raise _inexact(f"texts in UTF-8 in transaction {key}", repr(text.content))
    return f"'{text}" if _FORMULA.match(text) else text


def _inexact(expected: str, found: str) -> ExportError:
    do = "correct the transaction, or export it as json or sqlite, which hold it as it is"
    return ExportError(expected=expected, found=found, do=do)


def _unguarded(text: str) -> str | None:
    return text.removeprefix("'") or None
