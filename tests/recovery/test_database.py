"""Connecting: messages say where and why, and never the password."""

from threading import Thread
from typing import Any

import psycopg
import pytest

from lab.polling import wait_for
from recovery.database import (
    ATTEMPTS,
    Connection,
    DsnError,
    UnreachableError,
    again_after_deadlock,
    connect,
    place,
    row,
    without_secrets,
)


@pytest.mark.parametrize(
    "dsn",
    [
        "postgresql://user:geheim@127.0.0.1:1/db",  # pragma: allowlist secret
        "host=127.0.0.1 port=1 user=user password=geheim dbname=db",
        "host=127.0.0.1 port=1 user=user password='geheim' dbname=db",
    ],
)
def test_unreachable_database_is_named_without_its_password(dsn: str):
    with pytest.raises(UnreachableError) as caught:
        connect(dsn, application_name="test")
    assert "127.0.0.1, port 1, database db" in str(caught.value)
    assert "geheim" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("dsn", ["geheim", "host=x geheim", "postgresql://u:geheim@[::1/db", "hostname=x"])
def test_connection_string_that_cannot_be_read_is_not_repeated(dsn: str):
    with pytest.raises(DsnError) as caught:
        connect(dsn, application_name="test")
    assert "geheim" not in str(caught.value)
    assert "postgresql://user@host:5432/database" in str(caught.value)


def test_wrong_password_is_not_repeated(dsn: str):
    with pytest.raises(UnreachableError) as caught:
        connect(f"{dsn} password=geheim", application_name="test")
    assert "password authentication failed" in str(caught.value)
    assert "geheim" not in str(caught.value)


def test_secrets_are_taken_out_of_any_message():
    message = without_secrets("postgresql://u:geheim@h/d and password='ge heim' and\npassword=geheim end")
    assert message == "postgresql://u:***@h/d and password=*** and password=*** end"


def test_name_and_statement_timeout_of_the_session_are_set(dsn: str):
    with connect(dsn, application_name="dr test", statement_timeout_seconds=1.5) as connection:
        assert row(connection, "SELECT current_setting('application_name') AS name")["name"] == "dr test"
        assert row(connection, "SELECT current_setting('statement_timeout') AS time")["time"] == "1500ms"


def test_session_survives_a_database_with_a_date_style_of_its_own(connection: Connection, dsn: str):
    connection.execute(f"ALTER DATABASE {connection.info.dbname} SET DateStyle = 'German'".encode())
    with connect(dsn, application_name="test") as other:
        assert row(other, "SELECT '2026-01-02Z'::timestamptz AS time")["time"].day == 2


def test_place_of_a_dsn_without_host_is_libpqs_own():
    assert place("dbname=x") == "libpq's default host, libpq's default port, database x"


def test_work_that_a_deadlock_ended_is_done_again(connection: Connection, other: psycopg.Connection[Any], dsn: str):
    connection.execute("CREATE TABLE a (); CREATE TABLE b (); SET deadlock_timeout = '20ms'")
    other.execute("SET deadlock_timeout = '1min'")
    other.execute("LOCK TABLE b IN ACCESS EXCLUSIVE MODE")
    attempts: list[int] = []

    def in_the_way() -> None:
        other.execute("LOCK TABLE a IN ACCESS EXCLUSIVE MODE")
        other.commit()

    def work() -> int:
        attempts.append(1)
        with connection.transaction():
            connection.execute("SELECT FROM a")
            if len(attempts) == 1:
                Thread(target=in_the_way).start()
                with connect(dsn, application_name="test") as third:
                    wait_for("the lock", lambda: third.execute("SELECT FROM pg_locks WHERE NOT granted").fetchone())
            return row(connection, "SELECT count(*) AS rows FROM b")["rows"]

    assert again_after_deadlock(work) == 0
    assert len(attempts) == 2


def test_deadlock_that_comes_every_time_is_told():
    attempts: list[int] = []

    def work() -> None:
        attempts.append(1)
        raise psycopg.errors.DeadlockDetected("deadlock detected")

    with pytest.raises(psycopg.errors.DeadlockDetected):
        again_after_deadlock(work)
    assert len(attempts) == ATTEMPTS
