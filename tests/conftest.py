"""What every room's tests share: real PostgreSQL clusters, one a test session and worker."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from psycopg.sql import SQL, Identifier

from lab.postgres import Cluster
from lab.server import folder_in_memory, make_run_folder

# Every test has a database of its own. The programs that the tests start inherit the place.
if memory := folder_in_memory():
    os.environ["TMPDIR"] = tempfile.tempdir = str(memory)


# What deploys and waits begins first, beside what computes: otherwise the longest would be left over at the end.
LONGEST_FIRST = (
    "tests/lab/test_drill_region.py",
    "tests/lab/test_failover.py",
    "tests/lab/test_drill.py",
    "tests/lab/test_device_api.py",
    "tests/lab/test_drill_restore.py",
    "tests/lab/test_proof_under_faults.py",
    "tests/lab/test_drill_rollback.py",
    "tests/lab/test_start.py",
    "tests/lab/test_alarm_path.py",
    "tests/lab/test_drill_migrate.py",
    "tests/infrastructure/test_cdk_cli.py",
    "tests/infrastructure/test_cfn_lint.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the modules that take longest first."""
    rank = {name: number for number, name in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: rank.get(item.location[0], len(rank)))


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A running PostgreSQL cluster, shared by the tests of one worker."""
    with tempfile.TemporaryDirectory(prefix="continuity-test-") as name:
        cluster = Cluster(make_run_folder(Path(name)) / "cluster")
        cluster.create()
        cluster.start()
        with cluster.connect() as connection:
            connection.execute("CREATE ROLE rds_iam")  # every RDS instance has it
        yield cluster
        cluster.destroy()


@pytest.fixture
def dsn(cluster: Cluster) -> Iterator[str]:
    """The DSN of a database of the test's own, dropped afterwards."""
    name = f"test_{uuid4().hex[:12]}"
    with cluster.connect() as connection:
        connection.execute(SQL("CREATE DATABASE {} STRATEGY file_copy").format(Identifier(name)))
    yield cluster.dsn(name)
    with cluster.connect() as connection:
        connection.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))
