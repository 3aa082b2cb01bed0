"""When a moment has settled: no transaction, open or yet to begin, can still write a row that claims to be older."""

import time
from datetime import UTC, datetime, timedelta

from recovery.database import Connection, require_idle, row

OLDEST_MAJOR = 14  # the first with date_bin and scans of block ranges

# How much older than the start of its transaction a row may claim to be: an application takes the time before it opens
# the transaction, from a clock of its own that NTP keeps. A row that claims more looks like one added later.
CLOCK_ALLOWANCE = timedelta(seconds=2)

# Used where the open transactions of other sessions cannot be seen (a role without pg_read_all_stats, a replica), and
# for prepared transactions, of which PostgreSQL tells when they were prepared, not when they began. A transaction that
# stays open longer than this and then commits would look like rows added later.
UNSEEN_TRANSACTION_ALLOWANCE = timedelta(hours=1)


class UnsupportedServerError(RuntimeError):
    """The server is older than the oldest that manifests can be taken of."""


def settle(connection: Connection) -> datetime:
    """Wait CLOCK_ALLOWANCE until the present has settled, and say up to when it has.

    Raises :class:`UnsupportedServerError`, ValueError for a connection in a transaction, or psycopg.Error.
    """
    require_idle(connection)
    major = connection.info.server_version // 10_000
    if major < OLDEST_MAJOR:
        raise UnsupportedServerError(f"expected PostgreSQL {OLDEST_MAJOR} or later, found {major}: upgrade the server")
    # Waiting the allowance out settles whatever was committed before we were called.
    time.sleep(CLOCK_ALLOWANCE.total_seconds())
    # Before the snapshot: whatever commits after it is then either among the transactions seen open, or began later.
    return _settled_at(connection)


def _settled_at(connection: Connection) -> datetime:
    """The time that no transaction still open, or yet to begin, can have written a row before."""
    found = row(
        connection,
        """
        SELECT clock_timestamp() AS now, pg_is_in_recovery() AS replica,
               pg_has_role('pg_read_all_stats', 'USAGE') AS sees_others,
               (SELECT min(xact_start) FROM pg_stat_activity
                WHERE pid <> pg_backend_pid() AND backend_type NOT IN ('autovacuum worker', 'walsender')) AS oldest,
               (SELECT min(prepared) FROM pg_prepared_xacts) AS oldest_prepared
        """,
    )
    candidates: list[datetime] = [found["now"], *([found["oldest"]] if found["oldest"] else [])]
    if found["replica"] or not found["sees_others"]:
        candidates.append(found["now"] - UNSEEN_TRANSACTION_ALLOWANCE)
    if found["oldest_prepared"]:
        candidates.append(found["oldest_prepared"] - UNSEEN_TRANSACTION_ALLOWANCE)
    return (min(candidates) - CLOCK_ALLOWANCE).astimezone(UTC)
