"""A running emulator, shared by the tests of one worker."""

from collections.abc import Iterator

import pytest

from lab.cloud import Cloud, running_cloud


@pytest.fixture(scope="session")
def cloud() -> Iterator[Cloud]:
    """An emulated cloud with nothing deployed."""
    with running_cloud() as cloud:
        yield cloud
