"""A running emulator, shared by the tests of one worker."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.cloud import Cloud, running_cloud
from lab.damage.stage import Stage, temporary_stage


@pytest.fixture(scope="session")
def cloud() -> Iterator[Cloud]:
    """An emulated cloud with nothing deployed."""
    with running_cloud() as cloud:
        yield cloud


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A temporary folder that the clusters' user may enter; pytest's own are private."""
    with tempfile.TemporaryDirectory(prefix="continuity-test-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture(scope="module")
def folder_in_reach() -> Iterator[Path]:
    """As ``open_folder``, for all tests of a module."""
    with tempfile.TemporaryDirectory(prefix="continuity-test-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture(scope="session")
def stage() -> Iterator[Stage]:
    """A restored database to damage."""
    with temporary_stage() as stage:
        yield stage
