"""Databases of made-up people, for tests and benchmarks: realistic enough to compress and query like real ones."""

import itertools
import random
import sqlite3
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from device.schema.published import PUBLISHED

_MERCHANTS = {
    "food": ("Swiggy", "Zomato", "Café Chai Point", "Hostel Mess", "Domino's Pizza"),
    "transportation": ("Uber", "Ola", "IRCTC", "Namma Metro", "Rapido"),
    "shopping": ("Amazon", "Flipkart", "Myntra", "DMart", "Decathlon"),
    "education": ("Udemy", "Unacademy", "Crossword Books", "University Fees"),
    "utilities": ("Jio", "Airtel", "BESCOM", "ACT Fibernet"),
    "entertainment": ("BookMyShow", "Spotify", "Netflix", "PVR Cinemas"),
    "healthcare": ("Apollo Pharmacy", "PharmEasy", "1mg"),
    "pocket_money": ("आई-बाबा", "Papa", "Scholarship"),
}
_METHODS = ("upi", "upi", "upi", "card", "net_banking", "cash", "wallet")
_SOURCES = ("sms", "sms", "upi_notification", "bank_api", "manual", "imported")
_INSTITUTIONS = ("SBI", "HDFC Bank", "ICICI Bank", "Axis Bank", "Paytm Wallet")
_NOTES = (None, None, None, "with friends", "शाम की चाय", "=shared/2", "monthly")
_START = datetime(2024, 1, 1, tzinfo=UTC)
_BATCH = 20_000


def _key(name: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_OID, name))


_ACCOUNTS = [_key(bank) for bank in _INSTITUTIONS]
_CATEGORIES = {name: _key(name) for name in _MERCHANTS}

# In the order of the columns below; each version takes what it has.
_COLUMNS = (
    "id",
    "account_id",
    "type",
    "amount_paisa",
    "merchant",
    "description",
    "occurred_at",
    "created_at",
    "updated_at",
    "payment_method",
    "source",
    "tags",
    "category",
)


def create(path: Path, *, transactions: int, seed: int = 0, version: int = max(PUBLISHED)) -> None:
    """Write a new database of that many transactions; the same arguments give the same rows.

    Raises sqlite3.OperationalError when there is a database at the path already.
    """
    with _new(path, version, seed) as connection:
        rows = itertools.islice(_transactions(random.Random(seed), version), transactions)  # noqa: S311 - no secret
        while batch := list(itertools.islice(rows, _BATCH)):
            _insert(connection, batch, version)
    connection.close()


def create_of_size(path: Path, *, size: int, seed: int = 0) -> None:
    """Write a new database of the current version whose file has at least ``size`` bytes, and hardly more."""
    version = max(PUBLISHED)
    with _new(path, version, seed) as connection:
        rows = _transactions(random.Random(seed), version)  # noqa: S311 - no secret
        while _size(connection) < size:
            _insert(connection, list(itertools.islice(rows, min(_BATCH, max(100, size // 2_000)))), version)
    connection.close()


def _new(path: Path, version: int, seed: int) -> sqlite3.Connection:
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA synchronous = OFF")
    for statement in PUBLISHED[version]:
        connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {version}")
    now = _milliseconds(_START)
    accounts = [
        (_ACCOUNTS[number], f"{bank} ••{1000 + (seed + 37 * number) % 9000}", bank, 100_000 * (number + 1), now, now)
        for number, bank in enumerate(_INSTITUTIONS)
    ]
    connection.executemany("INSERT INTO accounts VALUES (?, ?, ?, ?, ?, ?)", accounts)
    if version >= 3:
        categories = [(key, name, now) for name, key in _CATEGORIES.items()]
        connection.executemany("INSERT INTO categories VALUES (?, ?, ?)", categories)
        budgets = [
            (_key(f"budget {name}"), key, f"{name} this month", 250_000 + 50_000 * number, "monthly", now, now)
            for number, (name, key) in enumerate(_CATEGORIES.items())
        ]
        connection.executemany("INSERT INTO budgets VALUES (?, ?, ?, ?, ?, ?, ?)", budgets)
    return connection


def _insert(connection: sqlite3.Connection, rows: list[tuple[str | int | None, ...]], version: int) -> None:
    columns = [*_COLUMNS[:-1], "category_id"] if version >= 3 else [*_COLUMNS]
    if version < 2:
        columns = [name for name in columns if name not in ("payment_method", "source", "tags")]
    places = ", ".join("?" * len(columns))
    connection.executemany(f"INSERT INTO transactions ({', '.join(columns)}) VALUES ({places})", rows)  # noqa: S608


def _transactions(rng: random.Random, version: int) -> Iterator[tuple[str | int | None, ...]]:
    """Endless: about nine a day, what people of this product spend."""
    names = list(_MERCHANTS)
    moment = _START
    while True:
        moment += timedelta(milliseconds=rng.randrange(60_000, 18_000_000))
        category = names[min(int(rng.expovariate(0.45)), len(names) - 1)]
        merchant = rng.choice(_MERCHANTS[category])
        credit = category == "pocket_money"
        amount = rng.randrange(5_000, 20_000) * 100 if credit else int(rng.paretovariate(1.2) * 4_000) % 5_000_000 + 1
        bank = rng.randrange(len(_INSTITUTIONS))
        source = rng.choice(_SOURCES)
        at = _milliseconds(moment)
        paid = (rng.choice(_METHODS), source, "[]") if version >= 2 else ()
        yield (
            str(uuid.UUID(int=rng.getrandbits(128), version=4)),
            _ACCOUNTS[bank],
            "credit" if credit else "debit",
            amount,
            merchant,
            _description(rng, source, _INSTITUTIONS[bank], amount, merchant, moment),
            at,
            at + 2_000,
            at + 2_000,
            *paid,
            _CATEGORIES[category] if version >= 3 else category,
        )


def _description(
    rng: random.Random, source: str, bank: str, amount: int, merchant: str, moment: datetime
) -> str | None:
    """What the bank wrote, for what came from a message; seldom a note for what was entered by hand."""
    if source in ("manual", "imported"):
        return rng.choice(_NOTES)
    return (
        f"{bank}: Rs.{amount // 100}.{amount % 100:02d} from A/c XX{1000 + len(bank)} on {moment:%d-%m-%y} to"
        f" {merchant}. UPI Ref {rng.randrange(10**12):012d}. Not you? Call 1800 1234 or SMS BLOCK to 56767."
    )


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def _size(connection: sqlite3.Connection) -> int:
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    (page_size,) = connection.execute("PRAGMA page_size").fetchone()
    return pages * page_size
