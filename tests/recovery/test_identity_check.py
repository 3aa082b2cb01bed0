"""Identity: the manifest's own database answers and serves."""

import shutil
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from psycopg.conninfo import make_conninfo
from psycopg.sql import SQL, Identifier

from lab.postgres import Cluster
from recovery.bootstrap import VERIFIER_ROLE, bootstrap
from recovery.check_results import CheckResult
from recovery.checks import CheckContext
from recovery.database import Connection, connect
from recovery.manifest_taking import take_manifest
from recovery.verification import verify
from tests.recovery.checking import run_check_at

Check = Callable[..., CheckResult]


@pytest.fixture
def folder(cluster: Cluster) -> Iterator[Path]:
    """A folder beside the shared cluster's, where the clusters' user can write."""
    folder = cluster.folder.parent / "another"
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def test_own_database_passes(connection: Connection, check: Check):
    result = check("identity", take_manifest(connection))
    assert result.status == "passed", result.detail
    assert "system identifier" in result.detail


def test_database_of_another_name_fails(connection: Connection, cluster: Cluster):
    manifest = take_manifest(connection)
    result = run_check_at(cluster.dsn("postgres"), "identity", CheckContext(manifest=manifest))
    assert result.status == "failed"
    assert "the database is postgres" in result.detail


def test_cluster_of_another_identifier_fails(connection: Connection, check: Check):
    manifest = take_manifest(connection)
    strange = manifest.database.model_copy(update={"system_identifier": "1"})
    result = check("identity", manifest.model_copy(update={"database": strange}))
    assert result.status == "failed"
    assert "this is another database" in result.detail


def test_logical_copy_is_known_by_its_pulse(connection: Connection, check: Check):
    bootstrap(connection)
    manifest = take_manifest(connection)
    moved = manifest.database.model_copy(update={"system_identifier": "1"})
    result = check("identity", manifest.model_copy(update={"database": moved}))
    assert result.status == "passed", result.detail
    assert "known by its pulse" in result.detail


def test_other_major_version_fails(connection: Connection, check: Check):
    manifest = take_manifest(connection)
    older = manifest.database.model_copy(update={"server_major": 15})
    result = check("identity", manifest.model_copy(update={"database": older}))
    assert result.status == "failed"
    assert "expected 15" in result.detail


def test_replica_fails_until_it_is_promoted(dsn: str, cluster: Cluster, folder: Path):
    with connect(dsn, application_name="test") as connection:
        bootstrap(connection)
        manifest = take_manifest(connection)
    standby = Cluster(folder, password=cluster.password)
    standby._make_folder()  # pyright: ignore[reportPrivateUsage] - the fixture of a base backup
    cluster.run(
        "pg_basebackup",
        *("--host", "127.0.0.1", "--port", str(cluster.port), "--username", cluster.superuser),
        *("--pgdata", str(standby.data), "--checkpoint", "fast", "--write-recovery-conf"),
    )
    standby.configure()
    standby.start()
    try:
        copy = standby.dsn(make_name(dsn))
        result = run_check_at(copy, "identity", CheckContext(manifest=manifest))
        assert result.status == "failed"
        assert "in recovery" in result.detail
        with standby.connect() as admin:
            admin.execute("SELECT pg_promote()")
        verification = verify(copy, manifest, disaster_time=None, rpo=None)
        assert verification.status == "passed", verification.checks
    finally:
        standby.destroy()


def make_name(dsn: str) -> str:
    return dsn.split("dbname=")[1].split()[0]


def test_database_that_takes_no_writes_fails(connection: Connection, check: Check):
    manifest = take_manifest(connection)
    name = Identifier(connection.info.dbname)
    connection.execute(SQL("ALTER DATABASE {} SET default_transaction_read_only = on").format(name))
    result = check("identity", manifest)
    assert result.status == "failed"
    assert "takes no writes" in result.detail


def test_server_that_takes_no_writes_is_seen_by_the_verifier(connection: Connection, dsn: str, cluster: Cluster):
    bootstrap(connection)
    manifest = take_manifest(connection)
    verifier = make_conninfo(dsn, user=VERIFIER_ROLE, password="")
    with cluster.connect() as admin:
        admin.execute("ALTER SYSTEM SET default_transaction_read_only = on")
        try:
            _reload(cluster, "on")
            result = run_check_at(verifier, "identity", CheckContext(manifest=manifest))
        finally:
            admin.execute("ALTER SYSTEM RESET default_transaction_read_only")
            _reload(cluster, "off")
    assert result.status == "failed"
    assert "takes no writes" in result.detail


def _reload(cluster: Cluster, read_only: str) -> None:
    """Have the server read its settings again, and wait until new sessions have them."""
    found = None
    while found != (read_only,):
        with cluster.connect() as connection:
            connection.execute("SELECT pg_reload_conf()")
            found = connection.execute("SHOW default_transaction_read_only").fetchone()


def test_clients_own_read_only_default_is_no_fault_of_the_server(connection: Connection, dsn: str):
    bootstrap(connection)
    manifest = take_manifest(connection)
    verifier = make_conninfo(dsn, user=VERIFIER_ROLE, password="", options="-c default_transaction_read_only=on")
    for name in ("identity", "schema", "heartbeat", "content"):
        result = run_check_at(verifier, name, CheckContext(manifest=manifest))
        assert result.status == "passed", result.detail


def test_heartbeat_after_the_restore_began_fails(connection: Connection, check: Check):
    newest = bootstrap(connection).heartbeat
    manifest = take_manifest(connection)
    before = newest.written_at - timedelta(seconds=3)
    result = check("identity", manifest, restore_started_at=before)
    assert result.status == "failed"
    assert "somebody writes to it" in result.detail
    assert check("identity", manifest, restore_started_at=newest.written_at).status == "passed"


def test_verifier_takes_the_same_manifest_as_the_owner(notes: Connection, dsn: str):
    bootstrap(notes)
    owners = take_manifest(notes)
    role = make_conninfo(dsn, user=VERIFIER_ROLE, password="")
    with connect(role, application_name="test") as verifier:
        manifest = take_manifest(verifier)
    assert run_check_at(role, "identity", CheckContext(manifest=manifest)).status == "passed"
    assert manifest.tables[0].slices == owners.tables[0].slices
    assert manifest.objects == owners.objects
    assert manifest.database == owners.database
