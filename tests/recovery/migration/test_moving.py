"""A whole move between two majors: what arrives, what is refused, what stays behind."""

import subprocess
import sys
import time
from collections.abc import Callable
from typing import TypeVar

import psycopg
import pytest

from lab.moving import MovingPair
from recovery.migration.aborting import abort, abort_without_target
from recovery.migration.cutting_over import Cutover, cut_over
from recovery.migration.ends import Ends, open_ends, open_source
from recovery.migration.sequences import HEADROOM
from recovery.migration.standing import Standing, standing
from recovery.migration.starting import start
from recovery.migration.tools import run_tool
from recovery.migration.verifying import verify
from recovery.refusal import RefusedError
from tests.recovery.migration.conftest import Databases

LEFT = """
SELECT 'slot ' || slot_name FROM pg_replication_slots WHERE database = current_database()
UNION ALL SELECT 'publication ' || pubname FROM pg_publication
UNION ALL SELECT 'subscription ' || subname FROM pg_subscription
          WHERE subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())
UNION ALL SELECT 'role ' || rolname FROM pg_roles WHERE rolname LIKE 'continuity%'
UNION ALL SELECT 'trigger on ' || tgrelid::regclass FROM pg_trigger WHERE tgname LIKE 'continuity%'
UNION ALL SELECT 'schema ' || nspname FROM pg_namespace WHERE nspname = 'continuity'
UNION ALL SELECT unnest(setconfig) FROM pg_db_role_setting
          WHERE setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


Result = TypeVar("Result")


def moved(databases: Databases, work: Callable[[Ends], Result]) -> Result:
    with open_ends(databases.source, databases.target) as ends:
        return work(ends)


def started(databases: Databases) -> None:
    moved(databases, start)


def cut(databases: Databases, seconds: float = 10) -> Cutover:
    return moved(databases, lambda ends: cut_over(ends, max_pause_seconds=seconds))


def swapped(databases: Databases) -> Databases:
    return Databases(databases.target, databases.source)


def schema_of(dsn: str) -> str:
    text = run_tool("pg_dump", "--schema-only", dsn=dsn)
    return "\n".join(line for line in text.splitlines() if not line.startswith(("\\restrict", "\\unrestrict")))


def test_every_kind_of_table_arrives_and_is_verified(app: Databases) -> None:
    started(app)
    app.on_source(
        "UPDATE parts SET note = 'moved', day = '2026-06-06' WHERE n = 1; DELETE FROM notes WHERE ctid = '(0,1)'"
    )
    found = moved(app, verify)
    assert found.same, (found.compared.differences, found.schema_differences)
    assert (found.compared.rows, found.compared.tables) == (6299, 4)
    assert app.on_target("SELECT count(*) FROM totals") == [(200,)]


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


def test_verification_names_the_rows_that_differ(app: Databases) -> None:
    started(app)
    app.spoil_target(
        " UPDATE people SET name = 'somebody else' WHERE id = 7; DELETE FROM things WHERE id = 8;"
        " INSERT INTO parts VALUES ('2025-05-05', 9000, 'nobody sent this')"
    )
    found = moved(app, verify)
    told = {(each.table, row.kind, row.key, row.columns) for each in found.compared.differences for row in each.rows}
    assert told == {
        ("public.people", "changed", ("7",), ("name",)),
        ("public.things", "lost", ("8",), ()),
        ("public.parts", "added", ("2025-05-05", "9000"), ()),
    }
    with pytest.raises(RefusedError, match="expected a verified target"):
        cut(app)


def test_verification_finds_a_table_without_key_that_differs(app: Databases) -> None:
    started(app)
    app.spoil_target(" INSERT INTO notes (body) VALUES ('one more')")
    (difference,) = moved(app, verify).compared.differences
    assert difference.table == "public.notes"


def test_verification_finds_a_schema_that_differs(app: Databases) -> None:
    started(app)
    app.on_source("CREATE INDEX later ON things (seen)")
    assert any("later" in each for each in moved(app, verify).schema_differences)


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


def test_a_long_transaction_keeps_a_verification_from_its_point(
    app: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recovery.migration.replication.SLOT_PATIENCE_SECONDS", 0.3)
    started(app)
    with psycopg.connect(app.source) as busy:
        busy.execute("UPDATE people SET name = 'under way' WHERE id = 1")
        with pytest.raises(RefusedError, match="end long transactions"):
            moved(app, verify)


def test_a_cutover_that_was_interrupted_after_the_decision_is_ended_by_the_next(
    app: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    started(app)
    assert moved(app, verify).same

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("recovery.migration.cutting_over._finish", die)
        with pytest.raises(KeyboardInterrupt):
            cut(app)
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        app.on_target("INSERT INTO notes (body) VALUES ('too early')")
    found = cut(app)
    assert (found.done, found.pause_seconds) == (True, None)
    app.on_target("INSERT INTO notes (body) VALUES ('served')")


@pytest.mark.parametrize("step", [start, verify])
def test_abort_leaves_the_source_as_it_was(app: Databases, step: Callable[[Ends], object]) -> None:
    before = schema_of(app.source), app.on_source(LEFT)
    started(app)
    moved(app, step)
    assert app.on_source(LEFT) != before[1]
    moved(app, abort)
    assert (schema_of(app.source), app.on_source(LEFT)) == before
    assert [each for each in app.on_target(LEFT) if each != ("schema continuity",)] == []
    with pytest.raises(RefusedError, match="nothing to abort"):
        moved(app, abort)


def test_abort_needs_no_target(app: Databases) -> None:
    before = schema_of(app.source), app.on_source(LEFT)
    started(app)
    with open_source(app.source) as source:
        found = abort_without_target(source)
    assert found.left is not None
    assert (schema_of(app.source), app.on_source(LEFT)) == before


def test_abort_after_a_cutover_ends_the_way_back_and_keeps_the_old_one_closed(app: Databases) -> None:
    started(app)
    assert moved(app, verify).same
    cut(app)
    with pytest.raises(RefusedError, match="swap --source and --target"):
        moved(app, abort)
    moved(swapped(app), abort)
    assert app.on_source(LEFT) == [("default_transaction_read_only=on",)]
    assert app.on_target(LEFT) == []
    app.on_target("INSERT INTO notes (body) VALUES ('served')")


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


def test_a_target_that_does_not_follow_is_told_and_refused(app: Databases) -> None:
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
