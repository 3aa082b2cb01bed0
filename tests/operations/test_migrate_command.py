"""``dr migrate`` as a command: what it answers, and bad input, each with one clear error and nothing changed."""

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import psycopg
import pytest

from lab.moving import DATABASE, MovingPair, tools_on_path
from lab.postgres import free_port
from lab.server import make_run_folder
from tests.operations.conftest import Dr, error_of


class Ends(NamedTuple):
    """The options of both ends."""

    source: str
    target: str
    other: str

    @property
    def options(self) -> tuple[str, ...]:
        return ("--source", self.source, "--target", self.target)


@pytest.fixture(scope="module")
def pair() -> Iterator[MovingPair]:
    with tempfile.TemporaryDirectory(prefix="continuity-test-") as name:
        folder = make_run_folder(Path(name))
        pair = MovingPair(folder / "pair")
        try:
            pair.start()
            with tools_on_path(folder / "pair"):
                yield pair
        finally:
            pair.destroy()


@pytest.fixture(scope="module")
def ends(pair: MovingPair) -> Ends:
    """A small source, an empty target and a third database."""
    pair.make_database(pair.target, "other")
    with pair.source.connect(DATABASE) as connection:
        connection.execute("CREATE TABLE a AS SELECT n AS id FROM generate_series(1, 100) n")
        connection.execute("ALTER TABLE a ADD PRIMARY KEY (id)")
        connection.execute("CREATE ROLE nobody_much LOGIN PASSWORD 'x'")
    with pair.target.connect() as connection:
        connection.execute("CREATE ROLE nobody_much LOGIN PASSWORD 'x'")
    return Ends(pair.source.dsn(DATABASE), pair.target.dsn(DATABASE), pair.target.dsn("other"))


STATE = """
SELECT 'table ' || c.oid::regclass FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE nspname !~ '^(pg_|inf)' UNION ALL SELECT 'schema ' || nspname FROM pg_namespace
UNION ALL SELECT 'slot ' || slot_name FROM pg_replication_slots UNION ALL SELECT 'role ' || rolname FROM pg_roles
UNION ALL SELECT 'publication ' || pubname FROM pg_publication UNION ALL SELECT 'trigger ' || tgname FROM pg_trigger
UNION ALL SELECT 'subscription ' || subname FROM pg_subscription
UNION ALL SELECT 'setting ' || setdatabase || unnest(setconfig) FROM pg_db_role_setting ORDER BY 1
"""


def state(ends: Ends) -> list[object]:
    """What a migration could have changed, at all three databases."""
    found: list[object] = []
    for dsn in ends:
        with psycopg.connect(dsn) as connection:
            found += connection.execute(STATE).fetchall()
    return found


@pytest.fixture
def unchanged(ends: Ends) -> Iterator[None]:
    """Nothing is changed by the test."""
    before = state(ends)
    yield
    assert state(ends) == before


COMMANDS = ("plan", "start", "status", "verify", "cutover", "abort")


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("end", ["source", "target"])
def test_an_end_that_cannot_be_reached_is_one_error(dr: Dr, ends: Ends, command: str, end: str) -> None:
    nowhere = f"host=127.0.0.1 port={free_port()} dbname=x password=hidden-word"
    found = dr(
        "migrate",
        command,
        *(ends._replace(source=nowhere) if end == "source" else ends._replace(target=nowhere)).options,
    )
    if (command, end) == ("abort", "target"):  # which it does without
        assert "nothing to abort" in error_of(found, status=1)
        return
    told = error_of(found)
    assert "expected a PostgreSQL database at 127.0.0.1" in told
    assert "hidden-word" not in told


def test_a_dsn_that_cannot_be_read_is_one_error(dr: Dr, ends: Ends) -> None:
    assert "connection string" in error_of(dr("migrate", "plan", "--source", "::", "--target", ends.target))


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("command", COMMANDS)
def test_the_same_database_twice_is_refused(dr: Dr, ends: Ends, command: str) -> None:
    told = error_of(dr("migrate", command, "--source", ends.source, "--target", ends.source), status=1)
    assert "the same one twice" in told


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("end", ["source", "target"])
def test_a_role_without_rights_is_refused(dr: Dr, pair: MovingPair, ends: Ends, end: str) -> None:
    told = error_of(dr("migrate", "start", *weak(pair, ends, end).options), status=1)
    assert "neither superuser nor member of rds_superuser" in told


def weak(pair: MovingPair, ends: Ends, end: str) -> Ends:
    cluster = pair.source if end == "source" else pair.target
    dsn = cluster.dsn(DATABASE, user="nobody_much", password="x")
    return ends._replace(source=dsn) if end == "source" else ends._replace(target=dsn)


@pytest.mark.usefixtures("unchanged")
def test_a_target_with_data_is_refused(dr: Dr, ends: Ends) -> None:
    with psycopg.connect(ends.other, autocommit=True) as connection:
        connection.execute("CREATE TABLE here (id int)")
        told = error_of(dr("migrate", "start", "--source", ends.source, "--target", ends.other), status=1)
        connection.execute("DROP TABLE here")
    assert "the target is not empty" in told


@pytest.mark.usefixtures("unchanged")
def test_without_a_migration_there_is_nothing_to_look_at_or_end(dr: Dr, ends: Ends) -> None:
    for command in ("status", "verify", "cutover", "abort"):
        assert "found none" in error_of(dr("migrate", command, *ends.options), status=1)


@pytest.mark.usefixtures("unchanged")
def test_without_the_tools_a_start_is_refused(dr: Dr, ends: Ends, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert "pg_dump is not on PATH" in error_of(dr("migrate", "start", *ends.options), status=1)


def test_a_limit_that_is_no_limit_is_a_slip_of_the_pen(dr: Dr, ends: Ends) -> None:
    assert dr("migrate", "cutover", *ends.options, "--max-pause-seconds", "0").exit_code == 2


@pytest.fixture
def half_finished(dr: Dr, pair: MovingPair, ends: Ends) -> Iterator[None]:
    """A migration whose start broke off before the copy; ended afterwards."""

    def die(*_: object) -> None:
        raise RuntimeError("the network is gone")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("recovery.migration.starting._copy", die)
        assert "the network is gone" in error_of(dr("migrate", "start", *ends.options))
    yield
    assert dr("migrate", "abort", *ends.options).exit_code == 0
    pair.make_database(pair.target, DATABASE)


@pytest.mark.usefixtures("half_finished", "unchanged")
def test_half_a_migration_keeps_another_from_beginning(dr: Dr, ends: Ends) -> None:
    for source, target in ((ends.source, ends.other), (ends.other, ends.target)):
        told = error_of(dr("migrate", "start", "--source", source, "--target", target), status=1)
        assert "`dr migrate abort`" in told
        assert dr("migrate", "plan", "--source", source, "--target", target).exit_code == 1


@pytest.mark.usefixtures("half_finished", "unchanged")
@pytest.mark.parametrize("command", ["verify", "cutover"])
def test_half_a_migration_is_neither_verified_nor_cut_over(dr: Dr, ends: Ends, command: str) -> None:
    assert "run `dr migrate start` again" in error_of(dr("migrate", command, *ends.options), status=1)


@pytest.mark.usefixtures("half_finished", "unchanged")
@pytest.mark.parametrize("command", ["start", "status", "verify", "cutover", "abort"])
@pytest.mark.parametrize("end", ["source", "target"])
def test_a_role_without_rights_does_nothing_to_a_migration(
    dr: Dr, pair: MovingPair, ends: Ends, command: str, end: str
) -> None:
    assert "the role may not do this" in error_of(dr("migrate", command, *weak(pair, ends, end).options))


@pytest.mark.usefixtures("half_finished", "unchanged")
@pytest.mark.parametrize("command", ["start", "verify", "cutover", "abort"])
@pytest.mark.parametrize("end", ["source", "target"])
def test_a_command_at_work_keeps_others_out(dr: Dr, ends: Ends, command: str, end: str) -> None:
    with psycopg.connect(ends.source if end == "source" else ends.target) as busy:
        busy.execute("SELECT pg_advisory_lock(%s)", (0x6D69677261746500,))
        assert "another `dr migrate`" in error_of(dr("migrate", command, *ends.options), status=1)


def test_a_whole_move_by_its_commands(dr: Dr, ends: Ends) -> None:
    assert json.loads(dr("migrate", "plan", *ends.options, "--json").stdout)["ready"] is True
    assert dr("migrate", "start", *ends.options).exit_code == 0
    # Neither may a second one begin beside it, from this source or into this target.
    assert "found one from" in error_of(
        dr("migrate", "start", "--source", ends.source, "--target", ends.other), status=1
    )
    assert "one is under way" in error_of(
        dr("migrate", "start", "--source", ends.other, "--target", ends.target), status=1
    )
    assert "expected a verified target" in error_of(dr("migrate", "cutover", *ends.options), status=1)
    assert json.loads(dr("migrate", "verify", *ends.options, "--json").stdout)["same"] is True
    assert json.loads(dr("migrate", "status", *ends.options, "--json").stdout)["copied"] is True
    cut = json.loads(dr("migrate", "cutover", *ends.options, "--max-pause-seconds", "20", "--json").stdout)
    assert 0 < cut["pause_seconds"] < 20
    assert "swap --source and --target" in error_of(dr("migrate", "cutover", *ends.options), status=1)
    swapped = ("--source", ends.target, "--target", ends.source)
    assert dr("migrate", "abort", *swapped).exit_code == 0
    with psycopg.connect(ends.target, autocommit=True) as connection:
        assert connection.execute("SELECT count(*) FROM a").fetchone() == (100,)
