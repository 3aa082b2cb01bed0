"""The manifest: one snapshot, and settled rows that no running transaction can add to."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from pydantic import ValidationError

from lab import workload
from recovery import settling
from recovery.check_results import CheckResult
from recovery.database import Connection, connect
from recovery.layout import bucket_count
from recovery.manifest import Manifest
from recovery.manifest_taking import UnknownTableError, take_manifest

Check = Callable[..., CheckResult]


def test_database_and_its_newest_heartbeat_are_named(connection: Connection):
    manifest = take_manifest(connection)
    assert manifest.database.name == connection.info.dbname
    assert manifest.database.encoding == "UTF8"
    assert manifest.database.server_major == connection.info.server_version // 10_000
    assert manifest.heartbeat is None


def test_row_of_a_transaction_still_open_does_not_look_added_later(
    notes: Connection, other: psycopg.Connection[Any], check: Check
):
    other.execute("INSERT INTO notes (id, body) VALUES (1000, 'began before the manifest, commits after it')")
    manifest = take_manifest(notes)
    other.commit()
    result = check("content", manifest)
    assert result.status == "passed", result.detail


def test_old_transaction_is_why_less_is_settled(notes: Connection, other: psycopg.Connection[Any]):
    began = other.execute("SELECT now()").fetchone()
    notes.execute("UPDATE notes SET updated_at = clock_timestamp() WHERE id = 7")
    manifest = take_manifest(notes)
    assert began is not None
    assert manifest.settled_at <= began[0]
    assert manifest.settled_rows == 199


def test_clock_allowance_is_waited_out(notes: Connection, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(settling, "CLOCK_ALLOWANCE", timedelta(milliseconds=300))
    notes.execute("UPDATE notes SET updated_at = clock_timestamp()")
    assert take_manifest(notes).settled_rows == 200


def test_role_that_cannot_see_transactions_settles_less(notes: Connection, dsn: str):
    notes.execute("CREATE ROLE blind LOGIN PASSWORD 'x'; GRANT SELECT ON notes TO blind")
    try:
        notes.execute("UPDATE notes SET updated_at = now() - interval '30 minutes' WHERE id = 7")
        with connect(make_conninfo(dsn, user="blind", password="x"), application_name="test") as blind:
            manifest = take_manifest(blind)
        assert manifest.settled_at <= manifest.taken_at - settling.UNSEEN_TRANSACTION_ALLOWANCE
        assert manifest.settled_rows == 199
    finally:
        notes.execute("DROP OWNED BY blind; DROP ROLE blind")


def test_writers_at_work_raise_no_false_alarm(
    connection: Connection, dsn: str, check: Check, monkeypatch: pytest.MonkeyPatch
):
    # PostgreSQL tells of a transaction a moment after it took its time.
    monkeypatch.setattr(settling, "CLOCK_ALLOWANCE", timedelta(milliseconds=50))
    workload.create(connection, users=50, transactions=500)
    with workload.Writer(dsn, pause_seconds=0), workload.Writer(dsn, pause_seconds=0) as writer:
        while not writer.ledger:
            threading.Event().wait(0.01)
        for _ in range(5):
            result = check("content", take_manifest(connection, may_lose_rows=workload.MAY_LOSE_ROWS))
            assert result.status == "passed", result.detail


def test_tables_that_may_lose_rows_have_to_exist(notes: Connection):
    with pytest.raises(UnknownTableError, match=r"found public\.nots: the database has public\.notes"):
        take_manifest(notes, may_lose_rows=["public.nots"])


def test_connection_in_a_transaction_is_refused(dsn: str):
    with psycopg.connect(dsn) as connection, pytest.raises(ValueError, match="autocommit"):
        take_manifest(connection)


def test_manifest_of_another_format_is_refused(notes: Connection):
    data = take_manifest(notes).model_dump(mode="json") | {"format": 99}
    with pytest.raises(ValidationError, match="expected a manifest of format 3, found 99"):
        Manifest.model_validate(data)


def test_manifest_whose_sums_are_damaged_is_refused(notes: Connection):
    data = take_manifest(notes).model_dump(mode="json")
    data["tables"][0]["slices"][0]["sums"]["settled"] = "rubbish"
    with pytest.raises(ValidationError, match="expected packed numbers"):
        Manifest.model_validate(data)


def test_manifest_whose_buckets_are_damaged_proves_nothing(notes: Connection, check: Check):
    data = take_manifest(notes).model_dump(mode="json")
    data["tables"][0]["slices"][0]["heads"] = "rubbish"
    notes.execute("DELETE FROM notes WHERE id = 7")
    result = check("content", Manifest.model_validate(data))
    assert result.status == "not_proven"
    assert "expected packed numbers, found something else" in result.detail


def test_manifest_whose_counts_do_not_agree_is_refused(notes: Connection):
    data = take_manifest(notes).model_dump(mode="json")
    data["tables"][0]["settled"] -= 1
    with pytest.raises(
        ValidationError,
        match=r"expected the ranges of public\.notes to hold 200 rows, 199 of them settled, found 200 and 200",
    ):
        Manifest.model_validate(data)


def test_time_of_the_manifest_is_the_servers(connection: Connection):
    assert abs(take_manifest(connection).taken_at - datetime.now(UTC)) < timedelta(minutes=1)


@pytest.mark.parametrize(
    ("rows", "buckets"),
    [(0, 1), (1, 4), (3, 16), (1000, 4096), (60_000, 131_072), (3_000_000, 524_288), (10**9, 524_288)],
)
def test_buckets_have_few_rows_each_and_are_bounded(rows: int, buckets: int):
    assert bucket_count(rows) == buckets
