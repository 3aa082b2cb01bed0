"""The damage matrix, first half: rows, history and objects. Each damage is found by the check that has to find it."""

import pytest

from lab.damage.history import HISTORY
from lab.damage.kinds import Damage
from lab.damage.objects import OBJECTS
from lab.damage.rows import ROWS
from lab.damage.stage import Stage
from tests.lab.damaged import assert_found, assert_undamaged_passes, parameters


def test_restored_database_without_damage_passes_every_check(stage: Stage) -> None:
    assert_undamaged_passes(stage)


@pytest.mark.parametrize("damage", parameters([ROWS, HISTORY, OBJECTS]))
def test_damage_is_found(stage: Stage, damage: Damage) -> None:
    assert_found(stage, damage)


def test_damages_leave_nothing_behind(stage: Stage) -> None:
    assert_undamaged_passes(stage)
