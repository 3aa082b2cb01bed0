"""The fence on a real database: who writes, who does not, and what survives a repeat."""

from datetime import UTC, datetime

import psycopg
import pytest

from lab.postgres import Cluster
from recovery.bootstrap import bootstrap
from recovery.database import Connection, connect
from recovery.failover.epochs import Epoch
from recovery.failover.fence import adopt, database_state, lift_fence, raise_fence, replayed

SECOND = Epoch(number=2, region="ap-southeast-1", since=datetime(2026, 11, 1, tzinfo=UTC), operation="test")


@pytest.fixture
def database(connection: Connection) -> Connection:
    bootstrap(connection)
    connection.execute("CREATE TABLE notes (id int)")
    return connection


def test_new_session_cannot_write_to_a_fenced_database(database: Connection, dsn: str) -> None:
    fenced = raise_fence(database)
    assert database_state(database).fenced
    assert fenced.heartbeat is not None
    with connect(dsn, application_name="writer") as writer, pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        writer.execute("INSERT INTO notes VALUES (1)")


def test_session_from_before_the_fence_is_ended(database: Connection, dsn: str, cluster: Cluster) -> None:
    name = psycopg.conninfo.conninfo_to_dict(dsn)["dbname"]
    with cluster.connect() as admin:
        admin.execute("CREATE ROLE plain_writer LOGIN PASSWORD 'x'")
    try:
        writer = connect(cluster.dsn(str(name), user="plain_writer", password="x"), application_name="writer")
        assert raise_fence(database).ended_sessions == 1
        with pytest.raises(psycopg.OperationalError):
            writer.execute("SELECT 1")
        writer.close()
    finally:
        with cluster.connect() as admin:
            admin.execute("DROP ROLE plain_writer")


def test_fence_that_is_raised_again_adds_no_heartbeat(database: Connection) -> None:
    first, second = raise_fence(database), raise_fence(database)
    state = database_state(database)
    assert first.heartbeat is not None
    assert second.heartbeat == first.heartbeat == state.heartbeat


def test_lifted_fence_lets_new_sessions_write(database: Connection, dsn: str) -> None:
    raise_fence(database)
    assert not lift_fence(database).fenced
    with connect(dsn, application_name="writer") as writer:
        writer.execute("INSERT INTO notes VALUES (1)")


def test_adopted_database_is_fenced_and_of_the_epoch(database: Connection) -> None:
    before = adopt(database, SECOND)
    assert (before.epoch, before.fenced) == (1, False)
    after = database_state(database)
    assert (after.epoch, after.fenced) == (2, True)


def test_database_that_was_opened_is_not_fenced_by_a_late_repeat(database: Connection) -> None:
    adopt(database, SECOND)
    lift_fence(database)
    adopt(database, SECOND)
    assert not database_state(database).fenced


def test_writer_of_another_epoch_is_refused(database: Connection) -> None:
    adopt(database, SECOND)
    database.execute("SELECT continuity.require_epoch(2)")
    for held in (1, 3):
        with pytest.raises(psycopg.errors.InvalidTransactionState, match=f"holds epoch {held}"):
            database.execute("SELECT continuity.require_epoch(%s)", (held,))


def test_database_that_takes_writes_has_replayed_everything(database: Connection) -> None:
    assert replayed(database, "FFFFFFFF/0")
