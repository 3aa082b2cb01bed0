"""Schema: every object is there, as it was, and everybody may do what they might."""

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import uuid4

import psycopg
import pytest

from lab.postgres import Cluster
from recovery.bootstrap import bootstrap
from recovery.check_results import CheckResult
from recovery.database import Connection, connect, snapshot
from recovery.manifest_taking import take_manifest
from recovery.schema import differences, read_schema

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
CREATE VIEW app.names WITH (security_invoker) AS SELECT name FROM app.people;
CREATE RULE quiet AS ON DELETE TO app.debts DO INSTEAD NOTHING;
CREATE STATISTICS app.related ON id, mood FROM app.people;
CREATE COLLATION app.digits (provider = builtin, locale = 'C.UTF-8');
CREATE TABLE app.log (day date NOT NULL, place text COLLATE app.digits) PARTITION BY RANGE (day);
CREATE TABLE app.log_old PARTITION OF app.log FOR VALUES FROM (MINVALUE) TO ('2026-01-01');
CREATE INDEX log_place ON app.log (place);
CREATE FUNCTION app.notice() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
CREATE EVENT TRIGGER notice ON sql_drop EXECUTE FUNCTION app.notice();
CREATE PUBLICATION feed FOR TABLE app.people;
ALTER DEFAULT PRIVILEGES IN SCHEMA app GRANT SELECT ON TABLES TO {readers};
GRANT USAGE ON SCHEMA app TO {readers};
GRANT SELECT ON app.people TO {readers};
GRANT USAGE ON SEQUENCE app.numbers TO {readers};
GRANT UPDATE (name) ON app.people TO {readers};
REVOKE EXECUTE ON FUNCTION app.touch() FROM public;
"""


@contextmanager
def roles(admin: psycopg.Connection) -> Generator[str]:
    """A role that signs in, and owes its rights to the role ``<its name>_readers``."""
    name = f"app_{uuid4().hex[:8]}"
    admin.execute(f"CREATE ROLE {name} LOGIN; CREATE ROLE {name}_readers; GRANT {name}_readers TO {name}".encode())
    yield name
    admin.execute(f"DROP ROLE {name}, {name}_readers".encode())


@pytest.fixture
def app(cluster: Cluster) -> Iterator[str]:
    with cluster.connect() as admin, roles(admin) as name:
        yield name


@pytest.fixture
def everything(app: str, connection: Connection) -> Connection:
    connection.execute(EVERYTHING.replace("{readers}", f"{app}_readers").encode())
    return connection


@dataclass(frozen=True)
class Built:
    """A database with everything in it, what its schema was, and the role that uses it."""

    connection: Connection
    schema: dict[str, str]
    app: str


@pytest.fixture(scope="module")
def built(cluster: Cluster) -> Iterator[Built]:
    """Shared by the tests that undo what they change."""
    name = f"built_{uuid4().hex[:8]}"
    with cluster.connect() as admin, roles(admin) as app:
        admin.execute(f"CREATE DATABASE {name}".encode())
        with connect(cluster.dsn(name), application_name="test") as connection:
            connection.execute(EVERYTHING.replace("{readers}", f"{app}_readers").encode())
            with snapshot(connection):
                schema = read_schema(connection)
            yield Built(connection, schema, app)
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


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
        ("ALTER TABLE app.debts DISABLE TRIGGER ALL", "ON DELETE CASCADE (triggers disabled)"),
        ("ALTER TABLE app.debts ALTER CONSTRAINT debts_person_fkey DEFERRABLE", "CASCADE DEFERRABLE"),
        (
            "ALTER TABLE app.debts DROP CONSTRAINT positive, ADD CONSTRAINT positive CHECK (amount > 0) NOT VALID",
            "found CHECK ((amount > 0)) NOT VALID",
        ),
        ("ALTER TABLE app.debts SET UNLOGGED", "found unlogged table"),
        ("ALTER TABLE app.debts ALTER id DROP IDENTITY", "sequence app.debts_id_seq is missing"),
        ("ALTER SEQUENCE app.numbers OWNED BY app.people.id", "sequence app.numbers differs"),
        ("ALTER VIEW app.names RESET (security_invoker)", "view app.names differs"),
        ("REFRESH MATERIALIZED VIEW app.counts WITH NO DATA", "(not populated)"),
        ("ALTER POLICY own ON app.debts TO postgres", "policy app.debts own differs"),
        ("DROP RULE quiet ON app.debts", "rule app.debts quiet is missing"),
        ("DROP STATISTICS app.related", "statistics app.related is missing"),
        ("ALTER TABLE app.log ALTER place TYPE text COLLATE pg_catalog.default", "column app.log.place differs"),
        ("DROP TABLE app.log_old", "table app.log_old is missing"),
        ("ALTER TABLE app.log DETACH PARTITION app.log_old", "table app.log_old differs"),
        ("DROP EVENT TRIGGER notice", "event trigger notice is missing"),
        ("ALTER EVENT TRIGGER notice DISABLE", "event trigger notice differs"),
        ("ALTER PUBLICATION feed DROP TABLE app.people", "publication feed differs"),
        ("ALTER TABLE app.people OWNER TO {app}", "table app.people differs: expected table owned by postgres"),
        ("REVOKE SELECT ON app.people FROM {app}_readers", "grants on table app.people differ: expected"),
        ("REVOKE USAGE ON SEQUENCE app.numbers FROM {app}_readers", "grants on sequence app.numbers differ: expected"),
        ("REVOKE USAGE ON SCHEMA app FROM {app}_readers", "grants on schema app differ: expected"),
        (
            "REVOKE UPDATE (name) ON app.people FROM {app}_readers",
            "grants on column app.people.name differ: expected {app}_readers: UPDATE, found the usual",
        ),
        ("GRANT SELECT ON app.debts TO public", "grants on table app.debts differ: expected the usual, found"),
        ("GRANT EXECUTE ON FUNCTION app.touch() TO public", "grants on function app.touch() differ"),
        (
            "ALTER DEFAULT PRIVILEGES IN SCHEMA app REVOKE SELECT ON TABLES FROM {app}_readers",
            "default privileges of postgres in schema app for tables differ",
        ),
        ("ALTER ROLE {app} NOLOGIN", "role {app} differs: expected may sign in, found may not sign in"),
        ("ALTER ROLE {app} SUPERUSER", "found superuser"),
        ("ALTER ROLE {app} SET search_path = elsewhere", "with search_path=elsewhere"),
        ("DROP ROLE {app}", "role {app} is missing"),
        ("REVOKE {app}_readers FROM {app}", "membership of {app} in {app}_readers is missing"),
        ("GRANT pg_read_all_data TO {app}", "membership of {app} in pg_read_all_data is not in the manifest"),
        ("GRANT rds_iam TO {app}", "membership of {app} in rds_iam is not in the manifest"),
        (
            "DO $$ BEGIN EXECUTE format('REVOKE CONNECT ON DATABASE %I FROM public', current_database()); END $$",
            "grants on database itself differ",
        ),
        (
            "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET search_path = elsewhere', current_database()); END $$",
            "database settings is not in the manifest",
        ),
    ],
)
def test_difference_is_named(built: Built, change: str, finding: str):
    with built.connection.transaction(force_rollback=True):
        built.connection.execute(change.replace("{app}", built.app).encode())
        built.connection.execute("SET LOCAL search_path = pg_catalog")
        told = "; ".join(differences(built.schema, read_schema(built.connection)))
    assert finding.replace("{app}", built.app) in told


def test_difference_fails_the_check(everything: Connection, check: Check):
    manifest = take_manifest(everything)
    everything.execute("DROP INDEX app.people_name")
    result = check("schema", manifest)
    assert result.status == "failed"
    assert result.detail == "index app.people_name is missing"


@pytest.mark.parametrize("since", ["DROP INDEX app.people_name", "REINDEX INDEX app.people_name"])
def test_index_that_was_being_built_may_be_gone_or_done(everything: Connection, check: Check, since: str):
    """REINDEX CONCURRENTLY has an index beside the old one for a while, by another name."""
    everything.execute("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'app.people_name'::regclass")
    manifest = take_manifest(everything)
    everything.execute(since.encode())
    result = check("schema", manifest)
    assert result.status == "passed", result.detail


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


def test_extension_that_the_bootstrap_adds_is_no_difference(everything: Connection, check: Check):
    """The manifest may be older than the bootstrap that added amcheck."""
    manifest = take_manifest(everything)
    assert "extension amcheck" in bootstrap(everything).created
    assert check("schema", manifest).status == "passed"


@pytest.mark.parametrize(
    "change",
    [
        "GRANT SELECT ON app.people TO rds_superuser",
        "GRANT rds_superuser TO {app}",
        "ALTER ROLE rds_superuser CREATEDB",
        "ALTER DEFAULT PRIVILEGES FOR ROLE rds_superuser GRANT SELECT ON TABLES TO public",
    ],
)
def test_what_rds_grants_itself_is_no_difference(
    everything: Connection, app: str, cluster: Cluster, check: Check, change: str
):
    with cluster.connect() as admin:
        admin.execute("CREATE ROLE rds_superuser")
        try:
            manifest = take_manifest(everything)
            everything.execute(change.replace("{app}", app).encode())
            result = check("schema", manifest)
            assert result.status == "passed", result.detail
        finally:
            everything.execute("DROP OWNED BY rds_superuser")
            admin.execute("DROP ROLE rds_superuser")


def test_grants_are_compared_whoever_granted_them(everything: Connection, app: str, check: Check):
    manifest = take_manifest(everything)
    everything.execute("GRANT SELECT ON app.people TO postgres WITH GRANT OPTION")
    everything.execute("REVOKE GRANT OPTION FOR SELECT ON app.people FROM postgres")
    everything.execute(f"GRANT SELECT ON app.people TO {app}_readers".encode())
    assert check("schema", manifest).status == "passed"


def test_collation_whose_rules_changed_under_its_indexes_is_found(everything: Connection, check: Check):
    manifest = take_manifest(everything)
    everything.execute("UPDATE pg_collation SET collversion = '1.0' WHERE collname = 'digits'")
    result = check("schema", manifest)
    assert result.status == "failed"
    assert "collation version app.digits differs" in result.detail
    assert "indexes sorted by version 1.0: REINDEX" in result.detail


def test_collation_that_was_outdated_already_is_told(everything: Connection, check: Check):
    everything.execute("UPDATE pg_collation SET collversion = '1.0' WHERE collname = 'digits'")
    result = check("schema", take_manifest(everything))
    assert result.status == "passed"
    assert "collation version app.digits is version" in result.detail
    assert result.measurements["outdated_collations"] == 1


def test_other_major_version_is_not_compared(everything: Connection, check: Check):
    manifest = take_manifest(everything)
    older = manifest.database.model_copy(update={"server_major": 17})
    assert check("schema", manifest.model_copy(update={"database": older})).status == "not_proven"
