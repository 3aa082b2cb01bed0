"""What nobody emits a metric of, and the objectives depend on: asked of the database."""

from datetime import datetime

from recovery.database import Connection, row
from recovery.heartbeat import newest_heartbeat

# Sessions of every database, and those that a role without privileges may open; pg_stat_activity would hide others'.
_CONNECTIONS = """
SELECT 100.0 * (SELECT sum(numbackends) FROM pg_stat_database)::float
       / (current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
          - coalesce(current_setting('reserved_connections', true), '0')::int) AS percent
"""


def connections_used_percent(connection: Connection) -> float:
    """How much of the connections is used that ordinary roles may open, in percent."""
    return row(connection, _CONNECTIONS)["percent"]


def heartbeat_age_seconds(connection: Connection, *, now: datetime) -> float | None:
    """The age of the newest heartbeat of a copy, which is what the loss of its source would cost; None without one."""
    newest = newest_heartbeat(connection)
    return None if newest is None else max(0.0, (now - newest.written_at).total_seconds())
