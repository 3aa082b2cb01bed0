"""Verification: what cannot be checked is not proven, and nothing secret is told."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from psycopg.conninfo import make_conninfo

from recovery.bootstrap import bootstrap
from recovery.check_results import CheckResult
from recovery.checks import CHECKS
from recovery.database import Connection, connect
from recovery.heartbeat import write_heartbeat
from recovery.manifest_taking import take_manifest
from recovery.verification import Verification, verify

Check = Callable[..., CheckResult]


def test_every_check_runs_and_passes_on_an_intact_copy(notes: Connection, dsn: str):
    bootstrap(notes)
    told: list[str] = []
    verification = verify(
        dsn,
        take_manifest(notes),
        disaster_time=write_heartbeat(notes).written_at + timedelta(seconds=30),
        rpo=timedelta(hours=1),
        progress=told.append,
    )
    assert [check.name for check in verification.checks] == list(CHECKS)
    assert verification.status == "passed"
    assert verification.measured_rpo == timedelta(seconds=30)
    assert "public.notes" in told


def test_one_failed_check_fails_the_verification(notes: Connection, dsn: str):
    bootstrap(notes)
    manifest = take_manifest(notes)
    notes.execute("DELETE FROM notes WHERE id = 1")
    verification = verify(lambda: connect(dsn, application_name="test"), manifest, disaster_time=None, rpo=None)
    assert verification.status == "failed"
    assert [check.name for check in verification.checks if check.status != "passed"] == ["content"]


def test_unreachable_database_is_not_proven_and_keeps_its_password(notes: Connection, dsn: str):
    gone = make_conninfo(dsn, port=1, password="geheim")
    verification = verify(gone, take_manifest(notes), disaster_time=datetime.now(UTC), rpo=timedelta(hours=1))
    assert verification.status == "not_proven"
    assert verification.measured_rpo is None
    assert all("port 1" in check.detail and "geheim" not in check.detail for check in verification.checks)


def test_no_check_at_all_proves_nothing():
    assert Verification(checks=()).status == "not_proven"


def test_missing_permission_is_not_proven(notes: Connection, check: Check):
    manifest = take_manifest(notes)
    notes.execute("CREATE ROLE stranger")
    try:
        result = check("content", manifest, role="stranger")
    finally:
        notes.execute("DROP ROLE stranger")
    assert result.status == "not_proven"
    assert "permission denied for table notes" in result.detail


def test_rows_hidden_by_row_security_are_not_proven(notes: Connection, check: Check):
    """They would look lost, or, worse, not be looked at."""
    manifest = take_manifest(notes)
    notes.execute(
        "CREATE ROLE curtained; GRANT SELECT ON notes TO curtained; ALTER TABLE notes ENABLE ROW LEVEL SECURITY"
    )
    try:
        result = check("content", manifest, role="curtained")
    finally:
        notes.execute("DROP OWNED BY curtained; DROP ROLE curtained")
    assert result.status == "not_proven"
    assert "row-level security" in result.detail


def test_statement_that_takes_too_long_is_not_proven(connection: Connection, check: Check):
    connection.execute("CREATE TABLE big AS SELECT n AS id, repeat('x', 200) AS pad FROM generate_series(1, 100000) n")
    result = check("content", take_manifest(connection), timeout=0.005)
    assert result.status == "not_proven"
    assert "statement timeout" in result.detail


def test_lost_connection_is_not_proven(notes: Connection, dsn: str):
    manifest = take_manifest(notes)

    def cut() -> Connection:
        victim = connect(dsn, application_name="victim")
        notes.execute("SELECT pg_terminate_backend(%s)", (victim.info.backend_pid,))
        return victim

    verification = verify(cut, manifest, disaster_time=None, rpo=None)
    assert verification.status == "not_proven"


def test_unknown_check_is_an_error_of_the_caller(notes: Connection, check: Check):
    with pytest.raises(KeyError):
        check("vibes", take_manifest(notes))
