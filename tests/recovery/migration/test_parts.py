"""The parts of a migration by themselves: what a change stream tells, how sequences go on, how tables are locked."""

import threading
import time

import psycopg
import pytest

from recovery.database import Connection
from recovery.migration.changes import Changes
from recovery.migration.ends import open_source
from recovery.migration.replication import PUBLICATION, publish
from recovery.migration.sequences import HEADROOM, after
from recovery.migration.verifying import hold_writers
from tests.recovery.migration.conftest import Databases

TABLES = """
CREATE TABLE one (id int PRIMARY KEY, body text);
CREATE TABLE two (a text, b date, big text, PRIMARY KEY (b, a));
CREATE TABLE three (v int);
ALTER TABLE three REPLICA IDENTITY FULL;
"""
KEYS = {("public", "one"): ("id",), ("public", "two"): ("b", "a"), ("public", "three"): ()}


def changes_of(databases: Databases, *statements: str) -> Changes:
    databases.on_source(TABLES)
    databases.on_source("INSERT INTO one VALUES (1, 'x'), (2, 'y')")
    databases.on_source(
        "INSERT INTO two SELECT 'k', '2026-01-01', string_agg(md5(n::text), '') FROM generate_series(1, 999) n"
    )
    found = Changes(KEYS)
    with open_source(databases.source) as source:
        publish(source)
        source.connection.execute("SELECT pg_create_logical_replication_slot('parts', 'pgoutput')")
        for each in statements:
            databases.on_source(each)
        found.read(source.connection, "parts")
        assert found.read(source.connection, "parts") == 0
    return found


@pytest.mark.parametrize(
    ("statement", "keys"),
    [
        ("INSERT INTO one VALUES (3, NULL)", {("public", "one"): {("3",)}}),
        ("UPDATE one SET body = 'ü' WHERE id = 1", {("public", "one"): {("1",)}}),
        ("UPDATE one SET id = 7 WHERE id = 1", {("public", "one"): {("1",), ("7",)}}),
        ("DELETE FROM one WHERE id = 2", {("public", "one"): {("2",)}}),
        ("UPDATE two SET a = 'l'", {("public", "two"): {("2026-01-01", "k"), ("2026-01-01", "l")}}),
    ],
)
def test_keys_of_changed_rows_are_told(
    databases: Databases, statement: str, keys: dict[tuple[str, str], set[tuple[str, ...]]]
) -> None:
    found = changes_of(databases, statement)
    assert (found.keys, found.whole) == (keys, set())


@pytest.mark.parametrize(("statement", "table"), [("INSERT INTO three VALUES (1)", "three"), ("TRUNCATE one", "one")])
def test_a_table_without_key_and_an_emptied_one_are_looked_at_whole(
    databases: Databases, statement: str, table: str
) -> None:
    assert changes_of(databases, statement).whole == {("public", table)}


def test_only_rows_that_still_differ_are_kept() -> None:
    found = Changes(KEYS, {("public", "one"): {("1",), ("2",)}, ("public", "two"): {("x", "y")}})
    found.keep({("public", "one"): {("2",)}})
    assert found.keys == {("public", "one"): {("2",)}}


@pytest.mark.parametrize(
    ("last", "step", "low", "high", "expected"),
    [
        (7, 1, 1, 10**9, 7 + HEADROOM),
        (7, 5, 1, 10**9, 7 + 5 * HEADROOM),
        (-7, -1, -(10**9), -1, -7 - HEADROOM),
        (95, 1, 1, 100, 100),
        (-7, -1, -10, -1, -10),
    ],
)
def test_a_sequence_goes_on_with_headroom_and_within_its_bounds(
    last: int, step: int, low: int, high: int, expected: int
) -> None:
    assert after({"last_value": last, "increment_by": step, "min_value": low, "max_value": high}) == expected


def test_a_freeze_ends_no_transaction_of_an_application_that_locks_in_another_order(databases: Databases) -> None:
    databases.on_source(
        "CREATE TABLE a (v int); CREATE TABLE b (v int); INSERT INTO a VALUES (0); INSERT INTO b VALUES (0)"
    )
    stop, errors, done = threading.Event(), list[BaseException](), [0]

    def write() -> None:
        try:
            with psycopg.connect(databases.source, autocommit=True) as connection:
                while not stop.is_set():
                    with connection.transaction():
                        connection.execute("UPDATE b SET v = v + 1")
                        time.sleep(0.02)
                        connection.execute("UPDATE a SET v = v + 1")
                    done[0] += 1
        except psycopg.Error as error:
            errors.append(error)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        with open_source(databases.source) as source:
            for _ in range(5):
                time.sleep(0.05)
                with hold_writers(source.connection, 5):
                    before = done[0]
                    time.sleep(0.1)
                    assert done[0] - before <= 1  # the one that had ended and was not counted yet
    finally:
        stop.set()
        writer.join()
    assert errors == []


def test_a_freeze_that_nobody_ends_is_ended_by_the_server(databases: Databases) -> None:
    databases.on_source("CREATE TABLE a (v int)")
    with open_source(databases.source) as source, pytest.raises(psycopg.errors.IdleInTransactionSessionTimeout):
        _hold_too_long(source.connection)
    databases.on_source("INSERT INTO a VALUES (1)")


def _hold_too_long(connection: Connection) -> None:
    with hold_writers(connection, 0.3):
        time.sleep(1)
        connection.execute("SELECT 1")


def test_every_table_is_published(databases: Databases) -> None:
    databases.on_source(TABLES)
    with open_source(databases.source) as source:
        publish(source)
        publish(source)
    query = f"SELECT tablename FROM pg_publication_tables WHERE pubname = '{PUBLICATION}' ORDER BY 1"
    assert databases.on_source(query) == [("one",), ("three",), ("two",)]
