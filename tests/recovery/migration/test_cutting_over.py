"""The switch: who may write when, what calls it off, and that the way back has everything."""

import subprocess
import sys
import time

import psycopg
import pytest

from lab.moving import MovingPair
from recovery.migration.aborting import abort
from recovery.migration.cutting_over import cut_over
from recovery.migration.sequences import HEADROOM
from recovery.migration.standing import standing
from recovery.migration.verifying import verify
from recovery.refusal import RefusedError
from tests.recovery.migration.conftest import Databases
from tests.recovery.migration.moves import LEFT, cut, moved, schema_of, started, swapped


def test_what_changed_since_the_verification_is_compared_in_the_cutover(app: Databases) -> None:
    started(app)
    assert moved(app, verify).same
    app.on_source("UPDATE people SET name = 'renamed' WHERE id = 3")
    app.spoil_target(
        " CREATE FUNCTION spoil() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.name := ''spoiled''; RETURN NEW; END';"
        " CREATE TRIGGER spoil BEFORE UPDATE ON people FOR EACH ROW EXECUTE FUNCTION spoil();"
        " ALTER TABLE people ENABLE ALWAYS TRIGGER spoil"
    )
    app.on_source("UPDATE people SET name = 'renamed again' WHERE id = 4")
    app.on_source("ALTER TABLE people ADD COLUMN unused int; ALTER TABLE people DROP COLUMN unused")
    with pytest.raises(RefusedError, match="spoil"):
        cut(app)
    app.spoil_target("DROP TRIGGER spoil ON people; DROP FUNCTION spoil()")
    found = cut(app)
    assert not found.done
    assert [(each.table, row.key) for each in found.differences for row in each.rows] == [("public.people", ("4",))]
    app.on_source("UPDATE people SET name = 'still written' WHERE id = 5")


def test_after_a_cutover_the_target_has_everything_and_takes_the_writes(app: Databases) -> None:
    started(app)
    assert moved(app, verify).same
    app.on_source("INSERT INTO things (owner, price) VALUES (1, 1)")
    found = cut(app)
    assert found.done
    assert found.pause_seconds is not None
    assert found.pause_seconds < 10
    assert app.on_target("INSERT INTO things (owner, price) VALUES (1, 2) RETURNING id") == [(5002 + HEADROOM,)]
    assert app.on_target("INSERT INTO people (name) VALUES ('new') RETURNING id") == [(201 + HEADROOM,)]


def test_nobody_can_write_to_the_source_after_a_cutover(app: Databases) -> None:
    started(app)
    assert moved(app, verify).same
    cut(app)
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction, match="this database was moved"):
        app.defy(app.source, "INSERT INTO notes VALUES ('late')")


def test_nobody_can_write_to_the_target_before_a_cutover(app: Databases) -> None:
    started(app)
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction, match="receives another one"):
        app.defy(app.target, "DELETE FROM parts_old")


def test_the_way_back_loses_nothing_that_was_written_meanwhile(app: Databases) -> None:
    started(app)
    assert moved(app, verify).same
    cut(app)
    app.on_target(
        "INSERT INTO notes (body) VALUES ('written on the new one'); UPDATE parts SET note = 'new' WHERE n = 2"
    )
    back = swapped(app)
    assert moved(back, verify).same
    assert cut(back).done
    assert app.on_source("SELECT count(*) FROM notes WHERE body = 'written on the new one'") == [(1,)]
    assert app.on_source("SELECT note FROM parts WHERE n = 2") == [("new",)]
    app.on_source("INSERT INTO notes (body) VALUES ('written on the old one again')")


def test_what_came_by_the_forward_way_does_not_come_back(app: Databases) -> None:
    started(app)
    assert moved(app, verify).same

    def write_late(step: str) -> None:
        if step == "holding writers off":  # the slot of the way back is there already
            app.on_source("INSERT INTO people (name) VALUES ('late')")

    moved(app, lambda ends: cut_over(ends, max_pause_seconds=10, progress=write_late))
    app.on_target("INSERT INTO notes (body) VALUES ('served')")
    assert moved(swapped(app), verify).same


def test_a_cutover_past_its_limit_leaves_the_source_serving(app: Databases) -> None:
    started(app)
    assert moved(app, verify).same
    with psycopg.connect(app.source) as busy:
        busy.execute("UPDATE people SET name = 'under way' WHERE id = 1")
        with pytest.raises(RefusedError, match=r"a pause of 0\.4 s at most"):
            cut(app, seconds=0.4)
        busy.commit()
    app.on_source("UPDATE people SET name = 'served' WHERE id = 2")
    assert app.on_target("SELECT slot_name FROM pg_replication_slots WHERE database = current_database()") == []
    assert moved(app, verify).same
    assert cut(app).done


def test_a_comparison_that_takes_too_long_is_ended_and_thawed(app: Databases, monkeypatch: pytest.MonkeyPatch) -> None:
    started(app)
    assert moved(app, verify).same

    def slow(*_: object) -> list[object]:
        time.sleep(1.2)
        return []

    monkeypatch.setattr("recovery.migration.cutting_over._compare", slow)
    with pytest.raises(RefusedError, match="the source serves on"):
        cut(app, seconds=0.6)
    app.on_source("UPDATE people SET name = 'served' WHERE id = 2")


def test_a_cutover_whose_tool_is_killed_in_the_freeze_thaws_by_itself(app: Databases) -> None:
    before = schema_of(app.source), app.on_source(LEFT)
    started(app)
    assert moved(app, verify).same
    freezing = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'LOCK TABLE%'"
    with psycopg.connect(app.source) as busy:
        busy.execute("UPDATE people SET name = 'under way' WHERE id = 1")
        command = [sys.executable, "-m", "operations.cli", "migrate", "cutover", "--max-pause-seconds", "60"]
        tool = subprocess.Popen([*command, "--source", app.source, "--target", app.target], stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 30
        while app.on_source(freezing) == [(0,)]:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        tool.kill()
        tool.wait()
        busy.commit()
    app.on_source("UPDATE people SET name = 'served' WHERE id = 2")
    assert moved(app, verify).same
    moved(app, abort)
    assert (schema_of(app.source), app.on_source(LEFT)) == before


def test_an_old_database_that_gave_up_following_is_woken_once_the_new_one_answers(
    pair: MovingPair, app: Databases
) -> None:
    started(app)
    assert moved(app, verify).same
    assert cut(app).done
    attempts = [0]
    pair.target.kill()
    try:
        # Whoever tries so often soon misses that a worker died, and naps for three minutes.
        app.defy(app.source, "ALTER SYSTEM SET wal_retrieve_retry_interval = '1ms'")
        app.defy(app.source, "SELECT pg_reload_conf()")
        for _ in range(40):
            time.sleep(0.5)
            attempts.append(pair.source.log.read_text().count("apply worker for subscription"))
            if attempts[-1] == attempts[-2]:
                break
    finally:
        app.defy(app.source, "ALTER SYSTEM RESET wal_retrieve_retry_interval")
        pair.target.start()
    assert moved(swapped(app), standing).worker
