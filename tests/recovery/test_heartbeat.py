"""The pulse: a chain that shows what is missing from it and what was written over."""

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from recovery.bootstrap import bootstrap
from recovery.check_results import CheckResult
from recovery.database import Connection, connect
from recovery.heartbeat import GENESIS, Heartbeat, write_heartbeat
from recovery.manifest_taking import take_manifest

Check = Callable[..., CheckResult]


@pytest.fixture
def pulse(connection: Connection) -> Connection:
    """A bootstrapped database with five heartbeats."""
    bootstrap(connection)
    for _ in range(4):
        write_heartbeat(connection)
    return connection


def hash_of(beat: Heartbeat) -> str:
    """The hash as its definition says, computed apart from the server."""
    written_at = beat.written_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return hashlib.sha256(f"{beat.sequence}|{written_at}|{beat.previous_hash}".encode()).hexdigest()


def test_hash_covers_sequence_time_and_the_hash_before(connection: Connection):
    first = bootstrap(connection).heartbeat
    second = write_heartbeat(connection)
    assert first.previous_hash == GENESIS
    assert second.previous_hash == first.hash
    assert (first.hash, second.hash) == (hash_of(first), hash_of(second))


def test_time_zone_of_the_session_does_not_change_the_hash(pulse: Connection):
    pulse.execute("SET TimeZone = 'Asia/Kolkata'")
    beat = write_heartbeat(pulse)
    assert beat.hash == hash_of(beat)


def test_writers_at_once_make_one_chain(pulse: Connection, dsn: str, check: Check):
    def write(_: int) -> None:
        with connect(dsn, application_name="test") as connection:
            for _ in range(5):
                write_heartbeat(connection)

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(write, range(6)))
    result = check("heartbeat", take_manifest(pulse))
    assert (result.status, result.measurements["heartbeats"]) == ("passed", 35)


@pytest.mark.parametrize(
    ("damage", "finding"),
    [
        ("DELETE FROM continuity.heartbeat WHERE sequence = 3", "expected heartbeat 3, found 4"),
        ("DELETE FROM continuity.heartbeat WHERE sequence = 1", "expected heartbeat 1, found 2"),
        (
            "UPDATE continuity.heartbeat SET written_at = written_at + interval '1 hour' WHERE sequence = 3",
            "heartbeat 3 does not match its own hash",
        ),
        (
            "UPDATE continuity.heartbeat SET previous_hash = repeat('a', 64), hash = encode(sha256(convert_to(sequence"
            " || '|' || to_char(written_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') || '|'"
            " || repeat('a', 64), 'UTF8')), 'hex') WHERE sequence = 3",
            "heartbeat 3 does not continue the one before it",
        ),
        ("DELETE FROM continuity.heartbeat WHERE sequence = 5", "heartbeat 5, which the manifest has seen, is missing"),
        ("DELETE FROM continuity.heartbeat", "has no rows"),
        ("DROP TABLE continuity.heartbeat", "is missing"),
        ("DROP SCHEMA continuity CASCADE", "is missing"),
    ],
)
def test_damage_to_the_chain_is_found(pulse: Connection, check: Check, damage: str, finding: str):
    manifest = take_manifest(pulse)
    pulse.execute(damage.encode())
    result = check("heartbeat", manifest)
    assert result.status == "failed"
    assert finding in result.detail


def test_chain_rewritten_from_its_start_is_found(pulse: Connection, check: Check):
    manifest = take_manifest(pulse)
    pulse.execute("DELETE FROM continuity.heartbeat")
    for _ in range(6):
        write_heartbeat(pulse)
    result = check("heartbeat", manifest)
    assert result.status == "failed"
    assert "the chain was rewritten" in result.detail


@pytest.mark.parametrize("ahead", [timedelta(hours=-1), timedelta(hours=1)], ids=["gone back", "in the future"])
def test_heartbeat_of_a_wrong_clock_is_found_though_its_hash_is_right(
    pulse: Connection, check: Check, ahead: timedelta
):
    newest = write_heartbeat(pulse)
    beat = Heartbeat(
        sequence=newest.sequence + 1, written_at=newest.written_at + ahead, previous_hash=newest.hash, hash=""
    )
    pulse.execute(
        "INSERT INTO continuity.heartbeat VALUES (%s, %s, %s, %s)",
        (beat.sequence, beat.written_at, beat.previous_hash, hash_of(beat)),
    )
    result = check("heartbeat", take_manifest(pulse))
    assert result.status == "failed"
    assert "before the one before it or in the future" in result.detail


def test_silence_of_the_pulse_is_told_and_fails_nothing(connection: Connection, check: Check):
    bootstrap(connection)
    connection.execute("TRUNCATE continuity.heartbeat")
    previous, started = GENESIS, datetime.now(UTC) - timedelta(hours=1)
    for sequence, minutes in enumerate((0, 1, 6, 13, 14), start=1):  # five minutes are allowed
        beat = Heartbeat(
            sequence=sequence, written_at=started + timedelta(minutes=minutes), previous_hash=previous, hash=""
        )
        previous = hash_of(beat)
        connection.execute(
            "INSERT INTO continuity.heartbeat VALUES (%s, %s, %s, %s)",
            (beat.sequence, beat.written_at, beat.previous_hash, previous),
        )
    result = check("heartbeat", take_manifest(connection))
    assert result.status == "passed", result.detail
    assert "it fell silent 1 time, for 420 s at most" in result.detail
    assert (result.measurements["silences"], result.measurements["longest_silence_seconds"]) == (1, 420.0)


def test_rpo_is_the_disaster_time_minus_the_newest_heartbeat(pulse: Connection, check: Check):
    newest = write_heartbeat(pulse)
    disaster = newest.written_at + timedelta(minutes=7)
    result = check("heartbeat", take_manifest(pulse), disaster_time=disaster, rpo=timedelta(hours=1))
    assert (result.status, result.measurements["rpo_seconds"]) == ("passed", 420.0)


def test_data_older_than_the_rpo_fails(pulse: Connection, check: Check):
    disaster = datetime.now(UTC) + timedelta(hours=1, minutes=1)
    result = check("heartbeat", take_manifest(pulse), disaster_time=disaster, rpo=timedelta(hours=1))
    assert result.status == "failed"
    assert "the RPO allows 3600 s" in result.detail


def test_heartbeats_after_the_disaster_do_not_count(pulse: Connection, check: Check):
    """A promoted copy goes on beating; what it lost does not get younger by that."""
    last_before = write_heartbeat(pulse)
    disaster = last_before.written_at + timedelta(microseconds=1)
    write_heartbeat(pulse)
    result = check("heartbeat", take_manifest(pulse), disaster_time=disaster, rpo=timedelta(hours=1))
    assert result.measurements["rpo_seconds"] == pytest.approx(1e-6)


def test_no_heartbeat_before_the_disaster_leaves_the_rpo_unmeasured(pulse: Connection, check: Check):
    result = check("heartbeat", take_manifest(pulse), disaster_time=datetime(2020, 1, 1, tzinfo=UTC), rpo=None)
    assert result.status == "failed"
    assert result.measurements["rpo_seconds"] is None


def test_without_a_disaster_no_rpo_is_measured(pulse: Connection, check: Check):
    result = check("heartbeat", take_manifest(pulse), disaster_time=None, rpo=timedelta(0))
    assert (result.status, result.measurements["rpo_seconds"]) == ("passed", None)
