"""The damage matrix, second half: files, promises, meaning and service. Each is found by the check that has to."""

import pytest

from lab.damage.business import BUSINESS
from lab.damage.integrity import INTEGRITY
from lab.damage.kinds import Damage
from lab.damage.service import SERVICE
from lab.damage.stage import Stage
from lab.damage.storage import STORAGE
from tests.lab.damaged import assert_found, assert_undamaged_passes, parameters


def test_copy_of_the_restored_cluster_without_damage_passes_every_check(stage: Stage) -> None:
    with stage.copied_cluster() as copy:
        copy.start()
        for check in stage.verify(copy).checks:
            assert check.status == "passed", f"{check.name}: {check.detail}"


@pytest.mark.parametrize("damage", parameters([STORAGE, INTEGRITY, BUSINESS, SERVICE]))
def test_damage_is_found(stage: Stage, damage: Damage) -> None:
    assert_found(stage, damage)


def test_damages_leave_nothing_behind(stage: Stage) -> None:
    assert_undamaged_passes(stage)
