"""Assemblies for the template tests."""

from pathlib import Path

import pytest

from tests.infrastructure.alarm_graph import Region
from tests.infrastructure.assemblies import ENVIRONMENTS, Assembly, synthesize

_known: dict[str, Assembly] = {}


@pytest.fixture(scope="session")
def assemblies_folder(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """A folder that all workers of a session share, with every environment's assembly.

    Every second worker starts from the other end, so that no two wait for the same synthesis.
    """
    base = tmp_path_factory.getbasetemp()
    folder = (base if worker_id == "master" else base.parent) / "assemblies"
    backwards = worker_id.startswith("gw") and int(worker_id.removeprefix("gw")) % 2
    for environment in reversed(ENVIRONMENTS) if backwards else ENVIRONMENTS:
        _assembly(environment, folder)
    return folder


def _assembly(environment: str, folder: Path) -> Assembly:
    if environment not in _known:
        _known[environment] = synthesize(environment, folder / environment)
    return _known[environment]


@pytest.fixture(params=ENVIRONMENTS)
def assembly(request: pytest.FixtureRequest, assemblies_folder: Path) -> Assembly:
    """Each environment in turn."""
    return _assembly(request.param, assemblies_folder)


@pytest.fixture
def prod(assemblies_folder: Path) -> Assembly:
    """Production, for what does not differ between environments."""
    return _assembly("prod", assemblies_folder)


@pytest.fixture
def staging(assemblies_folder: Path) -> Assembly:
    """Staging, where things are broken on purpose."""
    return _assembly("staging", assemblies_folder)


@pytest.fixture
def local(assemblies_folder: Path) -> Assembly:
    """The laboratory's environment."""
    return _assembly("local", assemblies_folder)


@pytest.fixture(params=["primary", "recovery"])
def region(request: pytest.FixtureRequest, assembly: Assembly) -> Region:
    """Each region of each environment, as the graph of its alarms."""
    return Region(assembly, request.param)
