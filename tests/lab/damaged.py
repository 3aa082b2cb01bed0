"""How the tests of the damages name and run them."""

from collections.abc import Iterable

import pytest

from lab.damage.kinds import Damage, Group
from lab.damage.matrix import find
from lab.damage.stage import Stage


def parameters(groups: Iterable[Group]) -> list[object]:
    """The damages of these groups, named for pytest."""
    return [pytest.param(damage, id=damage.name) for group in groups for damage in group.damages]


def assert_undamaged_passes(stage: Stage) -> None:
    """Nothing is found where nothing was damaged; without this, finding a damage would say nothing."""
    stage.fresh_database()
    for check in stage.verify(stage.restored).checks:
        assert check.status == "passed", f"{check.name}: {check.detail}"


def assert_found(stage: Stage, damage: Damage) -> None:
    """The check that has to find a damage does. Which others do too, `python -m lab damage` tells."""
    finding = find(stage, damage, checks=[damage.check])
    assert finding.found, f"{damage.check} {finding.detail}"
