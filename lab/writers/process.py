"""One writer, in a process of its own: ``python -m lab.writers.process LEDGER``, with LEDGER_DSN in the environment.

It commits one purchase after the other until it is terminated, reconnects with growing pauses when it loses its server,
and never repeats a write whose outcome it does not know: the ledger says in doubt.
"""

import os
import random
import signal
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import Any

import psycopg

from lab.workload import CATEGORIES
from lab.writers.ledger import KEY_PREFIX, LedgerFile, Purchase

DSN_VARIABLE = "LEDGER_DSN"
PAUSE_SECONDS = 0.004
SHORTEST_BACKOFF_SECONDS, LONGEST_BACKOFF_SECONDS = 0.02, 0.5
ACCOUNTS = 200

Connection = psycopg.Connection[Any]


class UnreplicatedError(Exception):
    """The server acknowledged a commit and said that its standby has not got it: that is no acknowledgement."""


class Writer:
    """Writes until it is told to stop."""

    def __init__(self, dsn: str, ledger: Path) -> None:
        self._dsn = dsn
        self._name = ledger.stem
        self._ledger = LedgerFile(ledger)
        self._written = 0
        self._under_way: Purchase | None = None
        self._warned = False
        self._stop = threading.Event()

    def stop(self, _number: int, _frame: FrameType | None) -> None:
        """End after the write under way."""
        self._stop.set()

    def run(self) -> None:
        """Connect, write, and connect again whenever that ends."""
        backoff = SHORTEST_BACKOFF_SECONDS
        while not self._stop.is_set():
            before = self._written
            server = None
            try:
                with psycopg.connect(self._dsn, autocommit=True, connect_timeout=2) as connection:
                    server = connection.info.port
                    connection.add_notice_handler(self._hear)
                    self._write(connection)
            except (psycopg.Error, UnreplicatedError) as error:
                message = str(error).strip().partition("\n")[0]
                self._ledger.refused(server, getattr(error, "sqlstate", None), message, self._under_way)
                self._under_way = None
            backoff = SHORTEST_BACKOFF_SECONDS if self._written > before else min(2 * backoff, LONGEST_BACKOFF_SECONDS)
            self._stop.wait(backoff)

    def _hear(self, notice: psycopg.errors.Diagnostic) -> None:
        # "canceling wait for synchronous replication ...": committed here, and maybe nowhere else.
        self._warned = self._warned or notice.severity_nonlocalized == "WARNING"

    def _write(self, connection: Connection) -> None:
        accounts = connection.execute(
            "SELECT user_id::text, id::text FROM linked_accounts ORDER BY random() LIMIT %s", (ACCOUNTS,)
        ).fetchall()
        while not self._stop.wait(PAUSE_SECONDS):
            self._purchase(connection, *random.choice(accounts))  # noqa: S311 - a workload, not a secret

    def _purchase(self, connection: Connection, user: str, account: str) -> None:
        key = f"{KEY_PREFIX}{self._name}/{os.getpid()}/{self._written}"
        self._written += 1
        bought = Purchase(key, user, account, random.randint(100, 90_000), random.choice(CATEGORIES))  # noqa: S311
        self._warned = False
        self._ledger.sent(bought)
        self._under_way = bought
        with connection.transaction():
            connection.execute(
                "INSERT INTO transactions"
                " (description, user_id, account_id, amount_paisa, category, kind, occurred_at)"
                " VALUES (%s, %s, %s, %s, %s, 'debit', now())",
                bought,
            )
            connection.execute(
                "UPDATE linked_accounts SET balance_paisa = balance_paisa - %s WHERE id = %s",
                (bought.amount_paisa, account),
            )
        if self._warned:
            raise UnreplicatedError("the server committed without its standby")
        self._ledger.acknowledged(bought, connection.info.port)
        self._under_way = None


def main() -> None:
    """Write until SIGTERM or SIGINT."""
    writer = Writer(os.environ[DSN_VARIABLE], Path(sys.argv[1]))
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, writer.stop)
    writer.run()


if __name__ == "__main__":
    main()
