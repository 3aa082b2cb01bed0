"""What a plan finds, on real servers where a database can show it, else on surveys."""

from collections.abc import Mapping

import pytest

from lab.moving import DATABASE, MovingPair
from recovery.migration.ends import open_ends
from recovery.migration.findings import Finding, find
from recovery.migration.plan import make_plan
from recovery.migration.survey import Survey, survey
from recovery.refusal import RefusedError
from tests.recovery.migration.conftest import Databases

TOOLS = {"pg_dump": 18, "pg_restore": 18}


def findings(databases: Databases) -> dict[str, Finding]:
    with open_ends(databases.source, databases.target) as ends:
        return {each.kind: each for each in make_plan(ends).findings}


@pytest.fixture(scope="module")
def surveys(pair: MovingPair) -> tuple[Survey, Survey]:
    with open_ends(pair.source.dsn(DATABASE), pair.target.dsn(DATABASE)) as ends:
        return survey(ends.source), survey(ends.target)


def test_nothing_stops_the_move_of_a_plain_database(databases: Databases) -> None:
    databases.on_source("CREATE TABLE a (id bigint PRIMARY KEY)")
    assert {kind for kind, each in findings(databases).items() if each.weight != "note"} == set()


@pytest.mark.parametrize(
    ("kind", "weight", "setup", "named"),
    [
        ("replica identity", "stops", "CREATE TABLE bare (v int)", "bare"),
        ("replica identity", "harms", "CREATE TABLE f (v int); ALTER TABLE f REPLICA IDENTITY FULL", "f"),
        ("large objects", "stops", "SELECT lo_create(4711)", "1 large"),
        ("unlogged tables", "harms", "CREATE UNLOGGED TABLE quick (id int PRIMARY KEY)", "quick"),
        ("sequences", "note", "CREATE SEQUENCE numbers", "numbers"),
        (
            "generated columns",
            "note",
            "CREATE TABLE g (id int PRIMARY KEY, twice int GENERATED ALWAYS AS (id * 2) STORED)",
            "g.twice",
        ),
        ("materialized views", "note", "CREATE MATERIALIZED VIEW seen AS SELECT 1 AS one", "seen"),
        (
            "triggers",
            "harms",
            "CREATE TABLE t (id int PRIMARY KEY); CREATE TRIGGER always BEFORE UPDATE ON t FOR EACH ROW EXECUTE"
            " FUNCTION suppress_redundant_updates_trigger(); ALTER TABLE t ENABLE ALWAYS TRIGGER always",
            "always on public.t",
        ),
    ],
)
def test_what_the_source_has_is_found(databases: Databases, kind: str, weight: str, setup: str, named: str) -> None:
    databases.on_source(setup)
    found = findings(databases)[kind]
    assert (found.weight, bool(found.fix)) == (weight, True)
    assert named in found.found


def test_a_role_that_the_target_lacks_stops_the_move(databases: Databases) -> None:
    databases.on_source("DROP ROLE IF EXISTS only_there; CREATE ROLE only_there; CREATE TABLE r (id int PRIMARY KEY)")
    databases.on_source("GRANT SELECT ON r TO only_there")
    found = findings(databases)["roles"]
    databases.on_source("DROP OWNED BY only_there; DROP ROLE only_there")
    assert (found.weight, "only_there" in found.found) == ("stops", True)


def test_a_target_with_data_stops_the_move(databases: Databases) -> None:
    databases.on_target("CREATE TABLE here (id int)")
    found = findings(databases)["target"]
    assert (found.weight, "here" in found.found) == ("stops", True)


def test_a_plan_estimates_by_a_rate_that_was_measured(databases: Databases) -> None:
    databases.on_source("CREATE TABLE a AS SELECT n AS id, repeat('x', 100) AS v FROM generate_series(1, 20000) n")
    databases.on_source("ALTER TABLE a ADD PRIMARY KEY (id)")
    with open_ends(databases.source, databases.target) as ends:
        plan = make_plan(ends)
    assert plan.read_bytes_per_second is not None
    assert plan.estimated_seconds == round(plan.table_bytes / plan.read_bytes_per_second, 1)


def test_an_empty_database_has_no_estimate(databases: Databases) -> None:
    with open_ends(databases.source, databases.target) as ends:
        assert make_plan(ends).estimated_seconds is None


def test_the_same_database_twice_is_refused(databases: Databases) -> None:
    with pytest.raises(RefusedError, match="the same one twice"), open_ends(databases.source, databases.source):
        pass


@pytest.mark.parametrize(
    ("kind", "source", "target", "tools"),
    [
        ("version", {"major": 13}, {}, TOOLS),
        ("version", {"major": 19}, {}, TOOLS),
        ("tools", {}, {}, {"pg_dump": None, "pg_restore": 18}),
        ("tools", {}, {}, {"pg_dump": 15, "pg_restore": 18}),
        ("tools", {}, {}, {"pg_dump": 19, "pg_restore": 18}),
        ("wal_level", {"settings": {"wal_level": "replica"}}, {}, TOOLS),
        ("wal_level", {}, {"settings": {"wal_level": "replica"}}, TOOLS),
        ("slot limit", {"settings": {"max_slot_wal_keep_size": "-1"}}, {}, TOOLS),
        ("slots", {"slots": 14}, {}, TOOLS),
        ("slots", {}, {"workers": 4}, TOOLS),
        ("rights", {"superuser": False}, {}, TOOLS),
        ("rights", {}, {"owner": False}, TOOLS),
        ("rights", {}, {"origins": False}, TOOLS),
        ("extensions", {"names": {"extensions": ("postgis",)}}, {}, TOOLS),
        ("encoding", {"encoding": "LATIN1"}, {}, TOOLS),
        ("transactions", {"names": {"prepared": ("gid",)}}, {}, TOOLS),
        ("row security", {"superuser": False, "rds": True, "names": {"row_security": ("t",)}}, {}, TOOLS),
    ],
)
def test_what_stops_the_move_between_two_servers(
    surveys: tuple[Survey, Survey],
    kind: str,
    source: dict[str, object],
    target: dict[str, object],
    tools: Mapping[str, int | None],
) -> None:
    found = find(changed(surveys[0], source), changed(surveys[1], target), tools)
    assert kind in {each.kind for each in found if each.weight == "stops"}


def test_the_limit_of_a_slot_is_told_of_both_ends(databases: Databases) -> None:
    with open_ends(databases.source, databases.target) as ends:
        found = [each.found for each in make_plan(ends).findings if each.kind == "slot limit"]
    assert found == [f"the {end} keeps at most 2.0 GiB of WAL for a slot" for end in ("source", "target")]


@pytest.mark.parametrize("change", [{"collate": "de_DE.UTF-8"}, {"collation_version": "153.14"}])
def test_other_rules_of_sorting_harm(surveys: tuple[Survey, Survey], change: dict[str, object]) -> None:
    found = find(surveys[0], changed(surveys[1], change), TOOLS)
    assert "collation" in {each.kind for each in found if each.weight == "harms"}


def changed(survey: Survey, change: dict[str, object]) -> Survey:
    """The survey with some of its values, or of the values within them, exchanged."""
    values = survey.model_dump()
    for name, value in change.items():
        values[name] = values[name] | value if isinstance(value, dict) else value
    return Survey.model_validate(values)
