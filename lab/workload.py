"""The product's tables, filled as the app would fill them, and a writer that keeps them busy.

The rows are synthetic and no person's. The same counts give the same shape every time; keys and amounts are random.
"""

import contextlib
import random
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

SCHEMA = Path(__file__).with_name("workload.sql")
# Tables whose rows the product itself deletes: one-time codes and sessions expire.
MAY_LOSE_ROWS = ("public.auth_otps", "public.sessions")
CATEGORIES = ("food", "travel", "books", "rent", "recharge", "fun")

_FILL = """
INSERT INTO users (phone, name, college, created_at, updated_at)
SELECT '+9190' || lpad(n::text, 8, '0'), 'Student ' || n, 'College ' || n %% 40, t, t
FROM generate_series(1, %(users)s) n,
-- naming n keeps the subquery from being evaluated once for all rows
LATERAL (SELECT now() - random() * interval '300 days' + n * interval '0' AS t);

INSERT INTO sessions (user_id, refresh_token_hash, expires_at)
SELECT id, sha256(id::text::bytea), now() + interval '30 days' FROM users;

INSERT INTO auth_otps (user_id, code_hash, expires_at)
SELECT id, sha256(phone::bytea), now() + interval '5 minutes' FROM users WHERE random() < 0.1;

INSERT INTO linked_accounts (user_id, provider, label, balance_paisa, created_at, updated_at)
SELECT id, (ARRAY['bank', 'upi', 'card', 'wallet'])[1 + n], 'Account ' || n,
       (random() * 5000000)::bigint, created_at, created_at
FROM users, generate_series(0, 1) n;

INSERT INTO transactions (user_id, account_id, kind, amount_paisa, category, merchant, description, tags,
                          occurred_at, created_at, updated_at)
SELECT people[1 + n %% total], accounts[1 + n %% total], CASE WHEN n %% 10 = 0 THEN 'credit' ELSE 'debit' END,
       1 + (random() * 250000)::bigint, (%(categories)s::text[])[1 + n %% 6], 'Merchant ' || n %% 500,
       'Payment ' || n, jsonb_build_array('tag' || n %% 7), t, t, t
FROM (SELECT array_agg(user_id) AS people, array_agg(id) AS accounts, count(*) AS total FROM linked_accounts) AS owners,
generate_series(1, %(transactions)s) n,
-- in the order they happened, as an app's rows lie on disk
LATERAL (SELECT now() - (1 - n / %(transactions)s::float8) * interval '200 days' - random() * interval '1 minute' AS t);

INSERT INTO budgets (user_id, category, period, limit_paisa, created_at, updated_at)
SELECT id, 'food', 'monthly', 500000 + (random() * 500000)::bigint, created_at, created_at FROM users;
"""


def create(connection: psycopg.Connection, *, users: int = 2_000, transactions: int = 50_000) -> None:
    """Create the product's tables and fill them with that many users and transactions, in one transaction."""
    with connection.transaction():
        connection.execute(SCHEMA.read_bytes())
        with psycopg.ClientCursor(connection) as cursor:
            cursor.execute(
                _FILL.encode(), {"users": users, "transactions": transactions, "categories": list(CATEGORIES)}
            )
    connection.execute("ANALYZE")


@dataclass
class Writer:
    """A client that commits purchases, edits and new sessions until it is stopped or loses its database.

    ``ledger`` holds the id of every transaction whose commit the server acknowledged, and when: what must not be lost.
    """

    dsn: str
    pause_seconds: float = 0.004
    ledger: list[tuple[UUID, datetime]] = field(default_factory=list[tuple[UUID, datetime]])
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Stop writing and wait for the last commit."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=10)

    def _run(self) -> None:
        # A lost database is what this client is here to live through: it just stops, with its ledger as it was.
        with contextlib.suppress(psycopg.OperationalError), psycopg.connect(self.dsn, autocommit=True) as connection:
            people = connection.execute("SELECT user_id, id FROM linked_accounts LIMIT 500").fetchall()
            while not self._stop.wait(self.pause_seconds):
                self._purchase(connection, *random.choice(people))  # noqa: S311 - a workload, not a secret

    def _purchase(self, connection: psycopg.Connection, user: UUID, account: UUID) -> None:
        amount = random.randint(100, 90_000)  # noqa: S311
        with connection.transaction():
            row = connection.execute(
                "INSERT INTO transactions (user_id, account_id, kind, amount_paisa, category, tags, occurred_at)"
                " VALUES (%s, %s, 'debit', %s, %s, %s, now()) RETURNING id",
                (user, account, amount, random.choice(CATEGORIES), Jsonb(["live"])),  # noqa: S311
            ).fetchone()
            connection.execute(
                "UPDATE linked_accounts SET balance_paisa = balance_paisa - %s WHERE id = %s", (amount, account)
            )
        if row is not None:
            self.ledger.append((row[0], datetime.now(UTC)))
