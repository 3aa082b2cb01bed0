"""Bootstrap: idempotent, least privilege, and at home on RDS as on any server."""

from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from uuid import uuid4

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from lab.postgres import Cluster
from recovery.bootstrap import HEARTBEAT_ROLE, VERIFIER_ROLE, bootstrap
from recovery.database import Connection, connect, row
from recovery.heartbeat import write_heartbeat


@contextmanager
def signed_in(dsn: str, role: str) -> Generator[Connection]:
    """As on RDS: the role is a member of rds_iam, and needs no password of its own."""
    with connect(make_conninfo(dsn, user=role, password=""), application_name="test") as connection:
        yield connection


def test_first_heartbeat_is_written(connection: Connection):
    assert bootstrap(connection).heartbeat.sequence == 1


def test_second_run_changes_nothing(connection: Connection):
    first = bootstrap(connection)
    second = bootstrap(connection)
    assert "table continuity.heartbeat" in first.created
    assert second.created == ()
    assert second.heartbeat == first.heartbeat


def test_bootstraps_at_once_all_succeed(cluster: Cluster):
    """Two functions of a deploy that was repeated, or the databases of one cluster."""
    names = [f"many_{uuid4().hex[:8]}" for _ in range(3)]
    for role in (HEARTBEAT_ROLE, VERIFIER_ROLE):
        _drop_role(cluster, role)
    with cluster.connect() as admin:
        for name in names:
            admin.execute(f'CREATE DATABASE "{name}"'.encode())

        def run(name: str) -> int:
            with connect(cluster.dsn(name), application_name="test") as connection:
                return bootstrap(connection).heartbeat.sequence

        try:
            with ThreadPoolExecutor(9) as pool:
                assert set(pool.map(run, names * 3)) <= {1, 2, 3}
        finally:
            for name in names:
                admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())


def test_role_made_meanwhile_in_another_database_is_taken_as_it_is(cluster: Cluster, connection: Connection):
    _drop_role(cluster, HEARTBEAT_ROLE)
    with psycopg.connect(cluster.dsn()) as elsewhere, ThreadPoolExecutor(1) as pool, cluster.connect() as admin:
        elsewhere.execute(f"CREATE ROLE {HEARTBEAT_ROLE} LOGIN".encode())
        report = pool.submit(bootstrap, connection)
        waiting = "SELECT 1 FROM pg_stat_activity WHERE pid = %s AND wait_event_type = 'Lock'"
        while not admin.execute(waiting, (connection.info.backend_pid,)).fetchone():
            assert not report.done()
        elsewhere.commit()
        assert f"role {HEARTBEAT_ROLE}" not in report.result(30).created


def test_heartbeat_role_appends_and_cannot_rewrite(connection: Connection, dsn: str):
    bootstrap(connection)
    with signed_in(dsn, HEARTBEAT_ROLE) as pulse:
        assert write_heartbeat(pulse).sequence == 2
        for statement in (
            "UPDATE continuity.heartbeat SET hash = ''",
            "DELETE FROM continuity.heartbeat",
            "TRUNCATE continuity.heartbeat",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                pulse.execute(statement.encode())


def test_heartbeat_role_cannot_read_the_product(notes: Connection, dsn: str):
    bootstrap(notes)
    with signed_in(dsn, HEARTBEAT_ROLE) as pulse, pytest.raises(psycopg.errors.InsufficientPrivilege):
        pulse.execute("SELECT * FROM notes")


def test_verifier_reads_everything_and_writes_nothing(notes: Connection, dsn: str):
    bootstrap(notes)
    with signed_in(dsn, VERIFIER_ROLE) as verifier:
        assert row(verifier, "SELECT count(*) AS n FROM notes")["n"] == 200
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            verifier.execute("DELETE FROM notes")


def test_verifier_reads_tables_made_after_it(connection: Connection, dsn: str):
    bootstrap(connection)
    connection.execute("CREATE SCHEMA later; CREATE TABLE later.t (id int)")
    with signed_in(dsn, VERIFIER_ROLE) as verifier:
        assert row(verifier, "SELECT count(*) AS n FROM later.t")["n"] == 0


def test_amcheck_is_added_for_the_verifier_alone(connection: Connection, dsn: str):
    report = bootstrap(connection)
    assert "extension amcheck" in report.created
    assert report.refused == ()
    with signed_in(dsn, VERIFIER_ROLE) as verifier:
        verifier.execute("SELECT continuity.bt_index_check('continuity.heartbeat_pkey', true, true)")
    with signed_in(dsn, HEARTBEAT_ROLE) as pulse, pytest.raises(psycopg.errors.InsufficientPrivilege):
        pulse.execute("SELECT continuity.bt_index_check('continuity.heartbeat_pkey', true, true)")


def test_amcheck_that_lies_elsewhere_is_used_as_it_is(connection: Connection, dsn: str):
    connection.execute("CREATE SCHEMA tools; CREATE EXTENSION amcheck SCHEMA tools")
    assert "extension amcheck" not in bootstrap(connection).created
    assert bootstrap(connection).created == ()
    with signed_in(dsn, VERIFIER_ROLE) as verifier:
        verifier.execute("SELECT tools.bt_index_check('continuity.heartbeat_pkey', true, true)")


def test_grant_of_amcheck_that_is_refused_is_reported(connection: Connection, cluster: Cluster):
    """The extension's functions may belong to somebody else than the master user."""
    bootstrap(connection)
    master = f"master_{uuid4().hex[:8]}"
    name = connection.info.dbname
    connection.execute(
        "REVOKE EXECUTE ON FUNCTION continuity.bt_index_check(regclass, boolean, boolean) FROM restore_verifier"
    )
    connection.execute(f"CREATE ROLE {master} LOGIN PASSWORD 'x'".encode())
    connection.execute(
        f'ALTER DATABASE "{name}" OWNER TO {master}; GRANT USAGE ON SCHEMA continuity TO {master}'.encode()
    )
    connection.execute(f"GRANT SELECT ON continuity.heartbeat TO {master}".encode())
    try:
        with connect(make_conninfo(cluster.dsn(name), user=master, password="x"), application_name="test") as owner:
            report = bootstrap(owner)
        assert report.created == ()
        assert report.refused == ("amcheck for restore_verifier: permission denied for function bt_index_check",)
    finally:
        connection.execute(f'ALTER DATABASE "{name}" OWNER TO postgres; DROP OWNED BY {master}'.encode())
        connection.execute(f"DROP ROLE {master}".encode())


def test_master_user_of_rds_is_no_superuser_and_can_bootstrap(cluster: Cluster):
    """The memberships are those of rds_superuser, PostgreSQL 16's rules about granting them included."""
    master, database = f"master_{uuid4().hex[:8]}", f"rds_{uuid4().hex[:8]}"
    with cluster.connect() as admin:
        # Earlier tests' roles belong to the superuser; a master user has made its own.
        for role in (HEARTBEAT_ROLE, VERIFIER_ROLE):
            _drop_role(cluster, role)
        admin.execute(f"CREATE ROLE {master} LOGIN CREATEDB CREATEROLE PASSWORD 'x'".encode())
        admin.execute(f"CREATE ROLE {master}_group".encode())
        admin.execute(
            f"GRANT pg_read_all_data, pg_monitor, pg_read_all_stats, rds_iam TO {master}_group WITH ADMIN TRUE".encode()
        )
        admin.execute(f"GRANT {master}_group TO {master}".encode())
        admin.execute(f"CREATE DATABASE {database} OWNER {master}".encode())
        try:
            dsn = make_conninfo(cluster.dsn(database), user=master, password="x")
            with connect(dsn, application_name="test") as connection:
                first = bootstrap(connection)
                assert first.iam
                # Here, and not on RDS, only a superuser may add this extension: that stops nothing else.
                assert first.refused == (
                    'amcheck for restore_verifier: permission denied to create extension "amcheck"',
                )
                assert bootstrap(connection).created == ()
            with signed_in(dsn, HEARTBEAT_ROLE) as pulse:
                assert write_heartbeat(pulse).sequence == 2
        finally:
            admin.execute(f"DROP DATABASE {database} WITH (FORCE)".encode())
            for role in (HEARTBEAT_ROLE, VERIFIER_ROLE):
                _drop_role(cluster, role)
            admin.execute(f"DROP OWNED BY {master}_group, {master}; DROP ROLE {master}, {master}_group".encode())


def _drop_role(cluster: Cluster, role: str) -> None:
    with cluster.connect() as admin:
        names = [found[0] for found in admin.execute("SELECT datname FROM pg_database WHERE datallowconn").fetchall()]
        if admin.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,)).fetchone() is None:
            return
    for name in names:
        with cluster.connect(name) as each:
            each.execute(f"DROP OWNED BY {role}".encode())
    with cluster.connect() as admin:
        admin.execute(f"DROP ROLE {role}".encode())
