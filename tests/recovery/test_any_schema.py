"""The manifest is taken of whatever a DSN reaches."""

from collections.abc import Callable

import pytest
from psycopg.conninfo import make_conninfo

from lab import workload
from recovery import layout
from recovery.bootstrap import bootstrap
from recovery.check_results import CheckResult
from recovery.checks import CHECKS, CheckContext
from recovery.database import Connection
from recovery.manifest import Manifest
from recovery.manifest_taking import take_manifest
from tests.recovery.checking import run_check_at

Prove = Callable[..., CheckResult]


def test_products_own_tables_are_proven(connection: Connection, prove: Prove):
    workload.create(connection, users=30, transactions=300)
    result = prove(
        "UPDATE transactions SET amount_paisa = amount_paisa + 1 WHERE id = (SELECT id FROM transactions LIMIT 1)",
        "DELETE FROM sessions",
        may_lose_rows=workload.MAY_LOSE_ROWS,
    )
    assert result.status == "passed", result.detail
    assert result.measurements["tables"] == 6


def test_one_paisa_flipped_behind_the_triggers_back_is_found(connection: Connection, prove: Prove):
    workload.create(connection, users=30, transactions=300)
    result = prove(
        "ALTER TABLE transactions DISABLE TRIGGER touch",
        "UPDATE transactions SET amount_paisa = amount_paisa + 1 WHERE id = (SELECT id FROM transactions LIMIT 1)",
    )
    assert result.status == "failed"
    assert "table public.transactions" in result.detail


def test_odd_names_are_quoted(connection: Connection, prove: Prove):
    connection.execute(
        'CREATE SCHEMA "We"; CREATE TABLE "We"."T""x %s" ("select" int PRIMARY KEY, "ä {} %%" text, t text, "T" text);'
        """INSERT INTO "We"."T""x %s" VALUES (1, 'a', 'b', 'c')"""
    )
    assert prove().status == "passed"
    result = prove("""UPDATE "We"."T""x %s" SET "T" = 'd'""")
    assert result.status == "not_proven"
    assert '"We"."T""x %s"' in result.detail


def test_columns_named_like_the_querys_own_alias_are_read(connection: Connection, prove: Prove):
    connection.execute("CREATE TABLE t (t int PRIMARY KEY, settled text); INSERT INTO t VALUES (1, 'x')")
    assert prove("UPDATE t SET settled = 'y'").status == "not_proven"


@pytest.mark.parametrize(
    ("kind", "before", "after"),
    [
        ("json", '{"a": 1}', '{"a": 2}'),
        ("jsonb", '{"a": 1}', '{"a": 2}'),
        ("txid_snapshot", "10:20:", "10:21:"),
        ("point", "(1,2)", "(1,3)"),
        ("polygon", "((1,2),(3,4))", "((1,2),(3,5))"),
        ("money", "1.00", "2.00"),
        ("tsvector", "a b", "a c"),
        ("bit varying", "101", "100"),
        ("interval", "24 hours", "1 day"),
        ("numeric", "1.0", "1.00"),
        ("int[]", "{1,2}", "{2,1}"),
        ("json[]", '{"1"}', '{"2"}'),
        ("int4range", "[1,2)", "[1,3)"),
        ("mood", "happy", "sad"),
        ("mood[]", "{happy}", "{sad}"),
        ("amount", "1", "2"),
        ("pair", "(1,x)", "(1,y)"),
        ("float8", "0.1", "0.10000000000000002"),
        ("timestamptz", "2026-01-01Z", "2026-01-02Z"),
        ("bytea", "\\x00", "\\x01"),
        ("inet", "10.0.0.1", "10.0.0.2"),
        ("text", "ä", "ö"),
        ("char(3)", "a", "b"),
        ("date", "2026-01-01", "infinity"),
        ("time", "00:00:00", "01:11:34.967297"),
        ("name", "a", "b"),
        ("bool", "true", "false"),
        ("smallint", "1", "-1"),
        ("real", "1", "1.0000001"),
        # What PostgreSQL's own hash takes for the same.
        ("bigint", "1", "4294967296"),
        ("amount", "1", "4294967296"),
        ("timestamptz", "2000-01-01Z", "2000-01-01 01:11:34.967297Z"),
        ("timestamp", "2000-01-01", "2000-01-01 01:11:34.967297"),
        ("timestamptz", "-infinity", "infinity"),
        ("jsonb", "[]", "[[[]]]"),
        ("jsonb", "[1.0]", "[1.00]"),
        ("int[]", "{1,2}", "{{1,2}}"),
    ],
)
def test_change_in_a_column_of_any_type_is_found(
    connection: Connection, prove: Prove, kind: str, before: str, after: str
):
    connection.execute(
        "CREATE TYPE mood AS ENUM ('sad', 'happy'); CREATE DOMAIN amount AS bigint CHECK (value > 0);"
        "CREATE TYPE pair AS (a int, b text)"
    )
    connection.execute(f"CREATE TABLE odd (id int PRIMARY KEY, v {kind}, empty {kind})".encode())
    connection.execute("INSERT INTO odd VALUES (1, %s)", (before,))
    assert prove().status == "passed"
    result = prove(f"UPDATE odd SET v = '{after}'")
    assert result.status == "not_proven", result.detail


@pytest.mark.parametrize("kind", ["int", "bigint", "text", "timestamptz", "jsonb", "bytea"])
@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE odd SET (a, b) = (b, a) WHERE id = 1",
        "UPDATE odd SET a = (SELECT o.a FROM odd AS o WHERE o.id = 3 - odd.id)",
        "UPDATE odd SET (a, b) = (NULL, a) WHERE id = 1",
    ],
    ids=["of one row", "of two rows", "with a null"],
)
def test_values_that_change_places_are_found(
    connection: Connection, prove: Prove, monkeypatch: pytest.MonkeyPatch, kind: str, damage: str
):
    monkeypatch.setattr(layout, "SMALL_TABLE_BUCKETS", 1)  # rows of one bucket
    one, two = {"int": ("1", "2"), "bigint": ("1", "2"), "jsonb": ("1", "2")}.get(kind, ("2026-01-01", "2026-01-02"))
    connection.execute(f"CREATE TABLE odd (id int NOT NULL, a {kind}, b {kind}, PRIMARY KEY (id))".encode())
    connection.execute("INSERT INTO odd VALUES (1, %s, %s), (2, %s, %s)", (one, two, two, one))
    assert prove(damage).status == "not_proven"


def test_partitioned_table_is_proven_as_one(connection: Connection, prove: Prove):
    connection.execute(
        "CREATE TABLE part (id int, day date, created_at timestamptz NOT NULL, updated_at timestamptz NOT NULL,"
        " PRIMARY KEY (id, day)) PARTITION BY RANGE (day);"
        "CREATE TABLE part_1 PARTITION OF part FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');"
        "CREATE TABLE part_2 PARTITION OF part DEFAULT;"
        "INSERT INTO part SELECT n, '2026-01-31'::date + n % 2, now(), now() FROM generate_series(1, 40) n"
    )
    result = prove()
    assert (result.status, result.measurements["tables"]) == ("passed", 1)
    assert result.measurements["rows_proven"] == 40
    assert prove("DELETE FROM part_2 WHERE id = 1").status == "failed"


def test_inherited_table_is_proven_once(connection: Connection, prove: Prove):
    connection.execute(
        "CREATE TABLE parent (id int PRIMARY KEY); CREATE TABLE child () INHERITS (parent);"
        "INSERT INTO parent VALUES (1); INSERT INTO child VALUES (2), (3)"
    )
    assert prove().measurements["rows"] == 3


def test_table_without_columns_is_counted(connection: Connection, prove: Prove):
    connection.execute("CREATE TABLE bare (); INSERT INTO bare DEFAULT VALUES")
    assert prove().status == "passed"
    assert prove("INSERT INTO bare DEFAULT VALUES").status == "not_proven"


def test_generated_and_dropped_columns_do_no_harm(connection: Connection, prove: Prove):
    connection.execute(
        "CREATE TABLE made (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, gone int, a int,"
        " double int GENERATED ALWAYS AS (a * 2) STORED);"
        "INSERT INTO made (a) VALUES (1), (2); ALTER TABLE made DROP COLUMN gone"
    )
    assert prove().status == "passed"
    assert prove("UPDATE made SET a = 3 WHERE a = 1").status == "not_proven"


def test_unlogged_and_temporary_tables_are_left_out(connection: Connection):
    connection.execute("CREATE UNLOGGED TABLE cache (id int); CREATE TEMP TABLE scratch (id int)")
    assert take_manifest(connection).tables == ()


def test_settings_of_the_session_do_not_matter(connection: Connection, dsn: str):
    """The manifest is taken in a session with other settings than the check's."""
    bootstrap(connection)
    connection.execute("CREATE TABLE j (id int PRIMARY KEY, d json, i interval, b bytea, w timestamptz)")
    connection.execute("INSERT INTO j VALUES (1, '{}', '1 day 3 hours', '\\xff', '2026-01-01Z')")
    manifest = take_manifest(connection)
    settings = (
        "DateStyle=German",
        "IntervalStyle=iso_8601",
        "TimeZone=Asia/Kolkata",
        "bytea_output=escape",
        "extra_float_digits=-3",
        "search_path=nowhere",
    )
    strange = make_conninfo(dsn, options=" ".join(f"-c {setting}" for setting in settings))
    for name in CHECKS:
        result = run_check_at(strange, name, CheckContext(manifest=manifest))
        assert result.status == "passed", result


def test_manifest_survives_its_file(notes: Connection):
    manifest = take_manifest(notes)
    assert Manifest.model_validate_json(manifest.model_dump_json()) == manifest
