"""What the tests of recovery share: a database with known rows, and short ways to take and to check manifests."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from recovery import settling
from recovery.check_results import CheckResult
from recovery.checks import CheckContext
from recovery.database import Connection, connect
from recovery.manifest import Manifest
from recovery.manifest_taking import take_manifest
from tests.recovery.checking import run_check_at

Check = Callable[..., CheckResult]

NOTES = """
CREATE TABLE notes (
    id int PRIMARY KEY,
    body text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO notes (id, body, created_at, updated_at)
SELECT n, 'note ' || n, now() - interval '1 day', now() - interval '1 day' FROM generate_series(1, 200) n;
"""


@pytest.fixture(autouse=True)
def no_clock_allowance(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests write with the server's own clock: there is nothing to wait for."""
    monkeypatch.setattr(settling, "CLOCK_ALLOWANCE", timedelta(0))


@pytest.fixture
def connection(dsn: str) -> Iterator[Connection]:
    with connect(dsn, application_name="test") as connection:
        yield connection


@pytest.fixture
def notes(connection: Connection) -> Connection:
    """A connection to a database with 200 rows in the table ``notes``."""
    connection.execute(NOTES.encode())
    return connection


@pytest.fixture
def check(dsn: str) -> Check:
    """Run one check on the test's database, on a connection of its own."""

    def run(
        name: str, manifest: Manifest, *, role: str | None = None, timeout: float = 60, **context: Any
    ) -> CheckResult:
        def sign_in() -> Connection:
            connection = connect(dsn, application_name="test")
            if role is not None:
                connection.execute(f"SET ROLE {role}".encode())
            return connection

        return run_check_at(sign_in, name, CheckContext(manifest=manifest, **context), timeout=timeout)

    return run


@pytest.fixture
def prove(check: Check, connection: Connection) -> Callable[..., CheckResult]:
    """Take a manifest, do something to the database, and check its content."""

    def run(*statements: str, may_lose_rows: tuple[str, ...] = ()) -> CheckResult:
        manifest = take_manifest(connection, may_lose_rows=may_lose_rows)
        for statement in statements:
            connection.execute(statement.encode())
        return check("content", Manifest.model_validate_json(manifest.model_dump_json()))

    return run


@pytest.fixture
def other(dsn: str) -> Iterator[psycopg.Connection[Any]]:
    """A second session, not in autocommit mode."""
    with psycopg.connect(dsn) as connection:
        yield connection
        connection.rollback()
