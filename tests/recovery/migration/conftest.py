"""Two servers of different major versions, shared by the tests of a module, and a new pair of databases a test."""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from lab.moving import MovingPair, tools_on_path
from lab.server import make_run_folder


@dataclass(frozen=True)
class Databases:
    """A source and an empty target."""

    source: str
    target: str

    def on_source(self, query: str) -> list[tuple[object, ...]]:
        return _run(self.source, query)

    def on_target(self, query: str) -> list[tuple[object, ...]]:
        return _run(self.target, query)


def _run(dsn: str, query: str) -> list[tuple[object, ...]]:
    with psycopg.connect(dsn, autocommit=True) as connection:
        cursor = connection.execute(query.encode())
        return cursor.fetchall() if cursor.description else []


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


@pytest.fixture
def databases(pair: MovingPair) -> Databases:
    """A new one on each server; the servers go with the module."""
    name = f"test_{uuid4().hex[:12]}"
    for cluster in (pair.source, pair.target):
        pair.make_database(cluster, name)
    return Databases(pair.source.dsn(name), pair.target.dsn(name))
