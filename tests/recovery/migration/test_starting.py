"""The copy: it goes on wherever it was interrupted, and says when it cannot."""

import pytest

from lab.moving import MovingPair
from recovery.migration.ends import Ends
from recovery.migration.standing import Standing, standing
from recovery.migration.verifying import verify
from recovery.refusal import RefusedError
from tests.recovery.migration.conftest import Databases
from tests.recovery.migration.moves import moved, started


def test_a_second_start_goes_on_and_changes_nothing(app: Databases) -> None:
    started(app)
    before = moved(app, standing).migration
    started(app)
    assert moved(app, standing).migration == before


def test_a_copy_that_came_to_rest_is_told_and_gone_on_from(app: Databases, monkeypatch: pytest.MonkeyPatch) -> None:
    def at_rest(ends: Ends) -> Standing:
        found = standing(ends)
        return found.model_copy(
            update={"tables": tuple(each.model_copy(update={"state": "copying"}) for each in found.tables)}
        )

    with monkeypatch.context() as patched:
        patched.setattr("recovery.migration.starting.STALLED_SECONDS", 0.5)
        patched.setattr("recovery.migration.starting.standing", at_rest)
        with pytest.raises(RefusedError, match=r"no byte of it for 0 s .*start again"):
            started(app)
    started(app)
    assert moved(app, standing).copied


def test_an_interrupted_copy_of_the_schema_is_gone_on_from(app: Databases, monkeypatch: pytest.MonkeyPatch) -> None:
    def die(*_: object) -> None:
        raise KeyboardInterrupt

    for place in ("_schema", "_copy", "_rest_of_schema"):
        with monkeypatch.context() as patch:
            patch.setattr(f"recovery.migration.starting.{place}", die)
            with pytest.raises(KeyboardInterrupt):
                started(app)
    started(app)
    assert moved(app, verify).same


def test_a_target_that_does_not_follow_is_told_and_refused(app: Databases, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("recovery.migration.standing.WORKER_LOOKS", 2)
    started(app)
    slot = app.on_source("SELECT slot_name FROM pg_replication_slots WHERE database = current_database()")[0][0]
    app.spoil_target(f"ALTER SUBSCRIPTION {slot} DISABLE")
    found = moved(app, standing)
    assert any("not following" in each for each in found.alarms)
    with pytest.raises(RefusedError, match="without alarms"):
        moved(app, verify)


def test_no_password_gets_into_a_log_of_the_servers(pair: MovingPair, app: Databases) -> None:
    for cluster in (pair.source, pair.target):
        with cluster.connect() as connection:
            connection.execute("ALTER SYSTEM SET log_statement = 'all'")
            connection.execute("SELECT pg_reload_conf()")
    try:
        started(app)
        query = "SELECT substring(subconninfo from 'password=(\\S+)') FROM pg_subscription"
        passwords = {str(each) for (each,) in app.on_target(query)}
        for cluster in (pair.source, pair.target):
            text = cluster.log.read_text()
            assert "CREATE PUBLICATION" in text or cluster is pair.target
            assert not [each for each in passwords if each in text]
            assert cluster.password not in text
    finally:
        for cluster in (pair.source, pair.target):
            with cluster.connect() as connection:
                connection.execute("ALTER SYSTEM RESET log_statement")
                connection.execute("SELECT pg_reload_conf()")
