"""The two ends of a migration: who they are, and that they are two."""

from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import psycopg

from recovery.database import Connection, connect, place, row, without_secrets
from recovery.refusal import RefusedError

APPLICATION_NAME = "dr migrate"

_IDENTITY = """
SELECT current_database() AS database, oid::text AS oid,
       concat_ws(':', coalesce(host(inet_server_addr()), 'local'), inet_server_port()) AS address
FROM pg_database WHERE datname = current_database()
"""
_SYSTEM = "SELECT system_identifier::text AS system FROM pg_control_system()"


@dataclass(frozen=True)
class End:
    """One end: its connection string, an open autocommit connection, and where it is, for messages."""

    dsn: str
    connection: Connection
    database: str
    identity: str

    @property
    def place(self) -> str:
        """Host, port and database."""
        return place(self.dsn)

    @property
    def major(self) -> int:
        """The server's major version."""
        return self.connection.info.server_version // 10_000

    def again(self) -> Connection:
        """A further connection. Raises as :func:`recovery.database.connect` does."""
        return _open(self.dsn)


@dataclass(frozen=True)
class Ends:
    """Where the data is, and where it goes."""

    source: End
    target: End


@contextmanager
def open_ends(source: str, target: str) -> Generator[Ends]:
    """Connect to both ends. The sessions may write where the database is fenced.

    Raises :class:`RefusedError` when both are one database, :class:`recovery.database.DsnError`,
    :class:`recovery.database.UnreachableError`, or RuntimeError for an end that is a standby.
    """
    with ExitStack() as opened:
        ends = Ends(*(_end(dsn, opened) for dsn in (source, target)))
        if ends.source.identity == ends.target.identity:
            raise RefusedError(
                f"expected two databases, found the same one twice ({ends.source.place}): give --target another one"
            )
        for name, each in (("--source", ends.source), ("--target", ends.target)):
            if row(each.connection, "SELECT pg_is_in_recovery() AS standby")["standby"]:
                raise RefusedError(f"{name}: expected a primary, found a standby at {each.place}: give its primary")
        try:
            yield ends
        except psycopg.Error as error:
            # libpq's own text of a broken connection names hosts and, of a subscription's, its connection string.
            message = without_secrets(without_secrets(str(error), source), target)
            error.args = (message, *error.args[1:])
            raise


@contextmanager
def open_source(source: str) -> Generator[End]:
    """Connect to the source alone. Raises as :func:`open_ends` does."""
    with ExitStack() as opened:
        yield _end(source, opened)


def _end(dsn: str, opened: ExitStack) -> End:
    connection = opened.enter_context(_open(dsn))
    found = row(connection, _IDENTITY)
    try:
        server = row(connection, _SYSTEM)["system"]
    except psycopg.errors.InsufficientPrivilege:
        server = found["address"]  # not proof against two names of one server, but all that the role may know
    return End(dsn, connection, found["database"], f"{server}/{found['oid']}")


def _open(dsn: str) -> Connection:
    connection = connect(dsn, application_name=APPLICATION_NAME)
    # A fenced end is read-only by default; whoever migrates it is who fenced it.
    connection.execute("SET default_transaction_read_only = off")
    connection.execute("SET search_path = pg_catalog")
    return connection
