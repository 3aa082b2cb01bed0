"""Schema: every object is there, as it was."""

from collections.abc import Callable

import pytest

from recovery.database import Connection
from recovery.manifest import take_manifest
from recovery.verification import CheckResult

Check = Callable[..., CheckResult]

EVERYTHING = """
CREATE SCHEMA app;
CREATE TYPE app.mood AS ENUM ('sad', 'happy');
CREATE TYPE app.pair AS (a int, b text);
CREATE DOMAIN app.paisa AS bigint CHECK (value >= 0);
CREATE SEQUENCE app.numbers START 5;
CREATE TABLE app.people (id int PRIMARY KEY, name text NOT NULL DEFAULT 'x', mood app.mood, owes app.paisa,
                         upper_name text GENERATED ALWAYS AS (upper(name)) STORED);
CREATE TABLE app.debts (id int GENERATED ALWAYS AS IDENTITY, person int REFERENCES app.people ON DELETE CASCADE,
                        amount bigint, CONSTRAINT positive CHECK (amount > 0));
CREATE INDEX people_name ON app.people (lower(name)) WHERE name <> '';
CREATE VIEW app.happy AS SELECT id FROM app.people WHERE mood = 'happy';
CREATE MATERIALIZED VIEW app.counts AS SELECT count(*) FROM app.people;
CREATE FUNCTION app.touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE AGGREGATE app.total (bigint) (SFUNC = int8pl, STYPE = bigint);
CREATE PROCEDURE app.nothing() LANGUAGE sql AS 'SELECT 1';
CREATE TRIGGER touch BEFORE UPDATE ON app.people FOR EACH ROW EXECUTE FUNCTION app.touch();
ALTER TABLE app.debts ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON app.debts USING (person = 1);
"""


@pytest.fixture
def everything(connection: Connection) -> Connection:
    connection.execute(EVERYTHING.encode())
    return connection


def test_unchanged_schema_passes(everything: Connection, check: Check):
    result = check("schema", take_manifest(everything))
    assert result.status == "passed", result.detail


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        ("DROP INDEX app.people_name", "index app.people_name is missing"),
        ("ALTER TABLE app.people DROP COLUMN owes", "column app.people.owes is missing"),
        ("DROP TABLE app.debts", "table app.debts is missing"),
        ("DROP VIEW app.happy", "view app.happy is missing"),
        ("DROP MATERIALIZED VIEW app.counts", "materialized view app.counts is missing"),
        ("ALTER TABLE app.debts DROP CONSTRAINT positive", "constraint app.debts positive is missing"),
        ("DROP TRIGGER touch ON app.people", "trigger app.people touch is missing"),
        ("ALTER TABLE app.people DISABLE TRIGGER touch", "trigger app.people touch differs"),
        ("DROP POLICY own ON app.debts", "policy app.debts own is missing"),
        ("ALTER TABLE app.debts DISABLE ROW LEVEL SECURITY", "table app.debts differs"),
        ("DROP AGGREGATE app.total (bigint)", "aggregate app.total(bigint) is missing"),
        ("DROP PROCEDURE app.nothing", "procedure app.nothing() is missing"),
        ("ALTER TYPE app.mood ADD VALUE 'calm'", "type app.mood differs"),
        ("ALTER DOMAIN app.paisa SET DEFAULT 1", "type app.paisa differs"),
        ("ALTER TYPE app.pair ADD ATTRIBUTE c int", "column app.pair.c is not in the manifest"),
        ("ALTER SEQUENCE app.numbers INCREMENT 2", "sequence app.numbers differs"),
        ("ALTER TABLE app.people ALTER name SET DEFAULT 'y'", "expected text not null default 'x'::text, found text"),
        ("ALTER TABLE app.people ALTER name DROP NOT NULL", "column app.people.name differs"),
        ("ALTER TABLE app.debts ALTER amount TYPE int", "expected bigint, found integer"),
        ("CREATE TABLE app.extra (id int)", "table app.extra is not in the manifest"),
        (
            "CREATE OR REPLACE FUNCTION app.touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN OLD; END'",
            "function app.touch() differs",
        ),
        ("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'app.people_name'::regclass", "(invalid)"),
    ],
)
def test_difference_is_named(everything: Connection, check: Check, change: str, finding: str):
    manifest = take_manifest(everything)
    everything.execute(change.encode())
    result = check("schema", manifest)
    assert result.status == "failed"
    assert finding in result.detail


def test_many_differences_are_summed_up(everything: Connection, check: Check):
    manifest = take_manifest(everything)
    everything.execute("DROP SCHEMA app CASCADE")
    result = check("schema", manifest)
    assert "more" in result.detail
    assert len(result.detail) < 2000


def test_objects_of_extensions_are_recorded_by_their_extensions_version(connection: Connection, check: Check):
    connection.execute("CREATE EXTENSION pageinspect")
    manifest = take_manifest(connection)
    assert not [name for name in manifest.objects if name.startswith("function ")]
    connection.execute("DROP EXTENSION pageinspect")
    assert "extension pageinspect is missing" in check("schema", manifest).detail
