"""Tool, source and target killed at the decisive instants of a cutover: never two ends that serve, and nothing lost."""

import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from lab.moving import MovingPair
from recovery.migration import cutting_over
from recovery.migration.aborting import abort
from recovery.migration.ends import open_ends
from recovery.migration.preparing import disarm, prepare
from recovery.migration.replication import subscription_of, wait_until
from recovery.migration.standing import standing
from recovery.migration.state import write_migration
from recovery.migration.verifying import verify
from recovery.refusal import RefusedError
from tests.recovery.migration import dying
from tests.recovery.migration.conftest import Databases
from tests.recovery.migration.moves import LEFT, cut, moved, schema_of, started, swapped

WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%FOR UPDATE'"
# Who serves right after it. A target whose death nobody can notice any more does not keep the source from deciding.
everybody_at_every_instant = pytest.mark.parametrize(
    ("victim", "instant", "serving"),
    [
        ("tool", "before the decision", ["source"]),
        ("tool", "after the decision", []),
        ("tool", "after the release", ["target"]),
        ("source", "before the decision", ["source"]),
        ("source", "after the decision", []),
        ("source", "after the release", ["target"]),
        ("target", "before the comparison", ["source"]),
        ("target", "before the decision", []),
        ("target", "after the decision", []),
        ("target", "after the release", ["target"]),
    ],
)


def killed(databases: Databases, pair: MovingPair, victim: str, instant: str, patch: pytest.MonkeyPatch) -> None:
    """A cutover in which the victim was killed, and is up again."""
    if victim == "tool":
        command = [sys.executable, "-m", "tests.recovery.migration.dying", instant, databases.source, databases.target]
        done = subprocess.run(command, check=False, cwd=Path(__file__).parents[3], timeout=60)
        assert done.returncode < 0
        return
    cluster = pair.source if victim == "source" else pair.target

    def die() -> None:
        cluster.kill()
        cluster.start()

    with patch.context() as patched:
        patched.setattr(cutting_over, *dying.patched(instant, die))
        if (victim, instant) == ("target", "after the release"):  # it is not needed any more
            dying.cut_over(databases.source, databases.target)
            return
        with pytest.raises(RuntimeError, match="the same command again, or `dr migrate abort`, ends it"):
            dying.cut_over(databases.source, databases.target)


def ends_that_serve(databases: Databases) -> list[str]:
    found: list[str] = []
    for name, dsn in (("source", databases.source), ("target", databases.target)):
        with psycopg.connect(dsn, autocommit=True) as connection:
            try:
                connection.execute("INSERT INTO notes (body) VALUES ('whoever serves')")
            except psycopg.errors.ReadOnlySqlTransaction:
                continue
        found.append(name)
    return found


def finish(databases: Databases) -> None:
    """As whoever is on call does: the same command again, after a verification where it asks for one."""
    for _ in range(2):
        try:
            if cut(databases).done:
                return
        except RefusedError as refusal:
            if "swap" in str(refusal):
                return
        assert moved(databases, verify).same
    raise AssertionError("expected the cutover to be ended, found it refused")


def verified(app: Databases) -> None:
    started(app)
    assert moved(app, verify).same


@everybody_at_every_instant
def test_a_cutover_in_which_somebody_is_killed_is_ended_by_the_next(
    app: Databases, pair: MovingPair, victim: str, instant: str, serving: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    verified(app)
    killed(app, pair, victim, instant, monkeypatch)
    assert ends_that_serve(app) == serving
    finish(app)
    assert ends_that_serve(app) == ["target"]
    back = swapped(app)
    assert moved(back, verify).same
    assert app.on_target("SELECT count(*) FROM notes WHERE body = 'late'") == [(1,)]
    assert not moved(back, standing).alarms
    assert app.on_source("SELECT slot_name FROM pg_replication_slots WHERE database = current_database()") == []


@everybody_at_every_instant
def test_a_cutover_in_which_somebody_is_killed_is_ended_by_an_abort(
    app: Databases, pair: MovingPair, victim: str, instant: str, serving: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = schema_of(app.source), app.on_source(LEFT)
    verified(app)
    killed(app, pair, victim, instant, monkeypatch)
    serves = "target" if serving == ["target"] else "source"
    moved(swapped(app) if serves == "target" else app, abort)
    assert ends_that_serve(app) == [serves]
    on_source, on_target = app.on_source(LEFT), app.on_target(LEFT)
    closed = ("default_transaction_read_only=on",)
    if serves == "source":
        assert (schema_of(app.source), on_source) == before
        assert [each for each in on_target if each != ("schema continuity",)] == [closed]
        count = app.on_source("SELECT count(*) FROM notes WHERE body = 'late'")
    else:
        assert (on_source, on_target) == ([closed], [])
        count = app.on_target("SELECT count(*) FROM notes WHERE body = 'late'")
    assert count == [(1,)]


def interrupted(app: Databases, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cutover that was decided and has released nothing."""

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    verified(app)
    with monkeypatch.context() as patch:
        patch.setattr("recovery.migration.cutting_over._release", die)
        with pytest.raises(KeyboardInterrupt):
            cut(app)


@pytest.mark.parametrize("command", [standing, verify])
def test_between_decision_and_release_every_command_tells_what_ends_it(
    app: Databases, command: Callable[..., object], monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupted(app, monkeypatch)
    for ends in (app, swapped(app)):
        with pytest.raises(
            RefusedError, match=r"`dr migrate cutover` from .* ends it, `dr migrate abort` .* undoes it"
        ):
            moved(ends, command)
    with pytest.raises(RefusedError, match="undoes it"):
        moved(swapped(app), abort)


def test_an_abort_that_undoes_a_decision_and_breaks_off_is_ended_by_an_abort_alone(
    app: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupted(app, monkeypatch)
    app.spoil_target("DROP TABLE continuity.migration CASCADE")
    with pytest.raises(RefusedError, match="`dr migrate abort` again"):
        cut(app)
    moved(app, abort)
    app.on_source("INSERT INTO notes (body) VALUES ('served')")


def test_a_cutover_that_was_ended_is_not_ended_again(app: Databases) -> None:
    verified(app)
    assert cut(app).done
    with pytest.raises(RefusedError, match="swap --source and --target"):
        cut(app)


def test_a_freeze_that_still_commits_is_waited_for_before_its_way_back_is_taken_away(app: Databases) -> None:
    verified(app)
    with open_ends(app.source, app.target) as ends, ends.source.again() as one, ends.target.again() as other:
        prepared = prepare(ends, (one, other), lambda _: None)
        with ThreadPoolExecutor(1) as pool, ends.source.again() as frozen:
            with frozen.transaction():
                write_migration(frozen, prepared.back)
                taken = pool.submit(disarm, ends, prepared)
                wait_until(lambda: app.on_source(WAITING) == [(1,)], "the row to be wanted", seconds=30)
            taken.result(30)
        assert subscription_of(ends.source, prepared.back.key) is not None
