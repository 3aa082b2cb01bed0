# ruff: noqa: S311 - chance makes the traffic here, not secrets
"""The product at work: every way in which it writes, side by side, until it is told to stop."""

import contextlib
import random
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import psycopg

from lab.damage.stage import DATABASE, Connection
from lab.postgres import Cluster
from recovery.heartbeat import write_heartbeat

TABLES = ("users", "sessions", "auth_otps", "linked_accounts", "transactions", "budgets", "ledger.statements")
LONGEST_TRANSACTION_SECONDS = 5.0


def purchase(connection: Connection) -> None:
    """A purchase and the balance it changes; the app took its time before it began the transaction."""
    connection.execute(
        """
        WITH account AS (SELECT id, user_id FROM linked_accounts ORDER BY random() LIMIT 1),
        paid AS (UPDATE linked_accounts SET balance_paisa = balance_paisa - 4200 FROM account
                 WHERE linked_accounts.id = account.id)
        INSERT INTO transactions
            (user_id, account_id, kind, amount_paisa, category, occurred_at, created_at, updated_at)
        SELECT user_id, id, 'debit', 4200, 'food', at, at, at FROM account,
        (SELECT now() - random() * interval '1 second' AS at) AS app
        """
    )


def edit(connection: Connection) -> None:
    """Edits of old rows, through the trigger that keeps their change time."""
    connection.execute(
        """
        UPDATE transactions SET category = 'books', tags = '["edited"]'
        WHERE id = (SELECT id FROM transactions ORDER BY random() LIMIT 1);
        UPDATE budgets SET limit_paisa = limit_paisa + 100
        WHERE id = (SELECT id FROM budgets ORDER BY random() LIMIT 1);
        """
    )


def sign_up(connection: Connection) -> None:
    """A new user, with account, session and one-time code."""
    connection.execute(
        b"""
        WITH newcomer AS (INSERT INTO users (phone, name) VALUES (%s, 'Newcomer') RETURNING id),
        account AS (INSERT INTO linked_accounts (user_id, provider, label, balance_paisa)
                    SELECT id, 'upi', 'First', 0 FROM newcomer),
        session AS (INSERT INTO sessions (user_id, refresh_token_hash, expires_at)
                    SELECT id, sha256('token'), now() + interval '30 days' FROM newcomer)
        INSERT INTO auth_otps (user_id, code_hash, expires_at) SELECT id, sha256('code'), now() + interval '5 minutes'
        FROM newcomer
        """,
        (f"+92{secrets.randbelow(10**10):010}",),
    )


def expire(connection: Connection) -> None:
    """Sessions and codes end: the only rows that the product deletes."""
    connection.execute(
        """
        DELETE FROM sessions WHERE id = (SELECT id FROM sessions ORDER BY random() LIMIT 1);
        DELETE FROM auth_otps WHERE id = (SELECT id FROM auth_otps ORDER BY random() LIMIT 1);
        """
    )


def book(connection: Connection) -> None:
    """Entries of the partitioned ledger, and a statement too large for its row."""
    connection.execute(
        """
        INSERT INTO ledger.entries (user_id, booked_on, amount)
        SELECT id, '2026-01-01'::date + (random() * 240)::int, 4200 FROM users ORDER BY random() LIMIT 1;
        INSERT INTO ledger.statements (user_id, month, document)
        SELECT id, '2026-02-01', decode(repeat(md5(random()::text), 200), 'hex') FROM users ORDER BY random() LIMIT 1
        ON CONFLICT DO NOTHING;
        """
    )


def hesitate(connection: Connection) -> None:
    """A transaction that begins, writes, and commits seconds later: maybe after a manifest that it began before.

    It also edits a row that was made after it began, whose change time is then before its creation.
    """
    with connection.transaction():
        purchase(connection)
        time.sleep(random.random() * LONGEST_TRANSACTION_SECONDS)
        edit(connection)
        connection.execute(
            "UPDATE transactions SET category = 'fun'"
            " WHERE id = (SELECT id FROM transactions ORDER BY created_at DESC LIMIT 1 FOR UPDATE SKIP LOCKED)"
        )
        with contextlib.suppress(psycopg.errors.DivisionByZero), connection.transaction():
            sign_up(connection)
            connection.execute("SELECT 1 / 0")


def give_up(connection: Connection) -> None:
    """A transaction that is rolled back."""
    with connection.transaction(force_rollback=True):
        purchase(connection)
        book(connection)


def prepare(connection: Connection) -> None:
    """A transaction in two phases: the restore may fall between them."""
    name = secrets.token_hex(8)
    connection.execute("BEGIN")
    purchase(connection)
    connection.execute(f"PREPARE TRANSACTION '{name}'".encode())
    time.sleep(random.random())
    connection.execute(f"{random.choice(('COMMIT', 'ROLLBACK'))} PREPARED '{name}'".encode())


def maintain(connection: Connection) -> None:
    """What keeps the files in shape moves rows and rewrites indexes, and changes no content."""
    connection.execute(f"VACUUM (ANALYZE) {random.choice(TABLES)}".encode())
    connection.execute(f"VACUUM (FREEZE) {random.choice(TABLES)}".encode())
    connection.execute(f"REINDEX TABLE {random.choice(TABLES)}".encode())
    connection.execute("REFRESH MATERIALIZED VIEW archive.spenders")


def beat(connection: Connection) -> None:
    """The pulse."""
    write_heartbeat(connection)


# Each act with its longest pause, in seconds. The pauses are short, for the lab's minutes stand for days; but for the
# prepared transaction, of which no clock tells when it began: a manifest taken beside one leaves the last hour out.
ACTS: dict[Callable[[Connection], None], float] = {
    purchase: 0.1,
    edit: 0.2,
    sign_up: 0.3,
    expire: 0.3,
    book: 0.3,
    hesitate: 0.5,
    give_up: 0.5,
    prepare: 15.0,
    maintain: 4.0,
    beat: 1.0,
}


@dataclass
class Traffic:
    """Everybody who writes, each on a connection and in a thread of its own. ``acts`` counts what each has done."""

    cluster: Cluster
    acts: dict[str, int] = field(default_factory=dict[str, int])
    failures: list[str] = field(default_factory=list[str])
    _stop: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list[threading.Thread])

    def __enter__(self) -> Self:
        for act, pause in ACTS.items():
            self._threads.append(threading.Thread(target=self._repeat, args=(act, pause), daemon=True))
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        # One who waits for another's lock may wait for long; the cluster is about to go, and they with it.
        deadline = time.monotonic() + LONGEST_TRANSACTION_SECONDS
        for thread in self._threads:
            thread.join(timeout=max(0.0, deadline - time.monotonic()))

    @property
    def writes(self) -> int:
        """How often anything was committed."""
        return sum(self.acts.values()) - self.acts.get(give_up.__name__, 0)

    def _repeat(self, act: Callable[[Connection], None], pause: float) -> None:
        name = act.__name__
        self.acts[name] = 0
        try:
            with self.cluster.connect(DATABASE) as connection:
                while not self._stop.wait(random.random() * pause):
                    # Two writers in each other's way: one of them is sent home, as in life.
                    with contextlib.suppress(psycopg.errors.DeadlockDetected):
                        act(connection)
                        self.acts[name] += 1
        except psycopg.Error as error:  # a writer that stops makes the restores prove less than they say
            self.failures.append(f"{name}: {error}")
