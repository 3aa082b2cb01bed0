"""How recovery reaches a PostgreSQL database: one way to connect, one kind of snapshot, messages without secrets."""

import re
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from typing import Any, LiteralString, TypeVar

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.pq import TransactionStatus
from psycopg.rows import dict_row
from psycopg.sql import SQL, Composable, Literal

Connection = psycopg.Connection[Any]
Row = dict[str, Any]

CONNECT_TIMEOUT_SECONDS = 10
ATTEMPTS = 3  # a REINDEX that meets us twice is rare, three times is a fault of its own
Result = TypeVar("Result")

# What a value looks like as text, and where a name is looked up, depends on these: a manifest and the check that reads
# it may run under different roles, databases and server settings.
_PINNED_SETTINGS = {
    "search_path": "pg_catalog",
    "TimeZone": "UTC",
    "DateStyle": "ISO, YMD",
    "IntervalStyle": "postgres",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    "lc_monetary": "C",
    "xmlbinary": "base64",
    "quote_all_identifiers": "off",
    # A row that row security hides must be an error, not a missing row.
    "row_security": "off",
    # Fingerprints group by an expression without statistics: the planner expects a group a row and would sort them all.
    # There are only as many groups as buckets, so hashing is right, and the memory it takes stays bounded.
    "enable_sort": "off",
    "hash_mem_multiplier": "16",
    # Slices are read side by side already.
    "max_parallel_workers_per_gather": "0",
    "jit": "off",
}

_PIN = SQL("SELECT {}").format(
    SQL(", ").join(
        SQL("pg_catalog.set_config({}, {}, true)").format(Literal(name), Literal(value))
        for name, value in _PINNED_SETTINGS.items()
    )
)


class UnreachableError(psycopg.OperationalError):
    """The database could not be reached; the message names host, port and database, never the password."""


class DsnError(ValueError):
    """The connection string cannot be read; the message does not repeat it, for it may hold a password."""


def connect(dsn: str, *, application_name: str, statement_timeout_seconds: float | None = None) -> Connection:
    """An autocommit connection to the database that ``dsn`` (URL or keyword string) names.

    ``statement_timeout_seconds`` ends any later statement that runs longer; None leaves the server's own setting.
    Raises :class:`DsnError` or :class:`UnreachableError`.
    """
    parameters = _read(dsn)
    parameters.setdefault("connect_timeout", CONNECT_TIMEOUT_SECONDS)
    parameters["application_name"] = application_name
    parameters["client_encoding"] = "UTF8"
    try:
        connection: Connection = psycopg.connect(make_conninfo("", **parameters), autocommit=True)
        # A role or a database can have its own, and the driver reads times in this one only.
        connection.execute("SELECT pg_catalog.set_config('DateStyle', 'ISO, YMD', false)")
        if statement_timeout_seconds is not None:
            set_statement_timeout(connection, statement_timeout_seconds)
    except psycopg.Error as error:
        raise UnreachableError(
            f"expected a PostgreSQL database at {place(dsn)}, found: {without_secrets(str(error), dsn)}"
        ) from None  # the cause's own text may repeat the connection string
    return connection


def place(dsn: str) -> str:
    """Host, port and database of a connection string, for messages."""
    parameters = _read(dsn)
    host = parameters.get("host") or parameters.get("hostaddr") or "libpq's default host"
    port = f"port {parameters['port']}" if parameters.get("port") else "libpq's default port"
    return f"{host}, {port}, database {parameters.get('dbname') or 'of the default name'}"


def without_secrets(message: str, dsn: str = "") -> str:
    """``message`` on one line and without the password, whole or inside a connection string."""
    try:
        password = str(_read(dsn).get("password") or "")
    except DsnError:
        password = ""
    if password:
        message = message.replace(password, "***")
    message = re.sub(r"(://[^:/@\s]+:)[^\s]*@", r"\1***@", message)
    message = re.sub(r"(?i)\b((?:ssl)?password\s*=\s*)('(?:[^'\\]|\\.)*'|\S+)", r"\1***", message)
    return " ".join(message.split())


def set_statement_timeout(connection: Connection, seconds: float) -> None:
    """End any later statement of this session that runs longer than ``seconds``."""
    milliseconds = max(1, round(seconds * 1000))  # 0 would mean: never
    connection.execute("SELECT set_config('statement_timeout', %s, false)", (str(milliseconds),))


@contextmanager
def snapshot(connection: Connection) -> Generator[None]:
    """One consistent, read-only view of the database, under settings that do not depend on role or server.

    ``connection`` must be in autocommit mode with no transaction open; raises ValueError otherwise.
    """
    require_idle(connection)
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        _pin_settings(connection)
        yield


@contextmanager
def shared_snapshot(connection: Connection, other: Connection) -> Generator[None]:
    """The view that ``other`` has in its open :func:`snapshot`, on a second connection. Raises as that does."""
    require_idle(connection)
    name = row(other, "SELECT pg_export_snapshot() AS name")["name"]
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        connection.execute(SQL("SET TRANSACTION SNAPSHOT {}").format(Literal(name)))
        _pin_settings(connection)
        yield


def again_after_deadlock(work: Callable[[], Result]) -> Result:
    """Do read-only work, and again when the server ended it because it and somebody's DDL waited for each other.

    Raises what the work raises, and its deadlock after ATTEMPTS.
    """
    for _ in range(ATTEMPTS - 1):
        with suppress(psycopg.errors.DeadlockDetected):
            return work()
    return work()


def _pin_settings(connection: Connection) -> None:
    connection.execute(_PIN)  # in one statement: a check of many parts does it many times


def require_idle(connection: Connection) -> None:
    """Raise ValueError unless ``connection`` is in autocommit mode with no transaction open."""
    status = connection.info.transaction_status
    if not connection.autocommit or status is not TransactionStatus.IDLE:
        raise ValueError(
            f"expected an autocommit connection with no transaction open, found autocommit={connection.autocommit} and"
            f" {status.name}: use recovery.database.connect"
        )


def rows(connection: Connection, query: LiteralString | Composable, parameters: object = None) -> list[Row]:
    """All rows of a query, as dictionaries."""
    with connection.cursor(row_factory=dict_row) as cursor:
        statement = query if isinstance(query, Composable) else SQL(query)
        return cursor.execute(statement, parameters).fetchall()  # pyright: ignore[reportArgumentType]


def row(connection: Connection, query: LiteralString | Composable, parameters: object = None) -> Row:
    """The only row of a query that always has one."""
    return rows(connection, query, parameters)[0]


def _read(dsn: str) -> dict[str, Any]:
    try:
        return dict(conninfo_to_dict(dsn))
    except psycopg.ProgrammingError:
        raise DsnError(
            "expected a PostgreSQL connection string, found one that cannot be read: write it as"
            " postgresql://user@host:5432/database or as host=... port=... dbname=... user=..."
            " (in a URL, encode special characters of a password as %XX)"
        ) from None
