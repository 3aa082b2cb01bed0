"""The drills of a region: left and returned to, then lost, one after the other on one deployment."""

from collections.abc import Iterator

import pytest

from lab.cloud import running_cloud
from lab.drills.region import CLOCK, FailbackDrill, RegionDrill, Stage, set_up
from lab.timeline import Timeline
from recovery.evidence import CheckRecord, Evidence
from recovery.failover.preflight import Direction

DIRECTIONS: list[Direction] = ["failover", "failback"]


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with running_cloud(waits=CLOCK) as cloud:
        yield set_up(cloud, Timeline())


@pytest.fixture(scope="module")
def drill(stage: Stage) -> FailbackDrill:
    return FailbackDrill(stage.cloud, stage.timeline)


@pytest.fixture(scope="module")
def there_and_back(drill: FailbackDrill, stage: Stage) -> Evidence:
    return drill.run(stage)


@pytest.fixture(scope="module")
def lost(drill: FailbackDrill, stage: Stage, there_and_back: Evidence) -> Evidence:
    del there_and_back  # the region is lost afterwards
    return RegionDrill(stage.cloud, stage.timeline, drill.written).run(stage)


def check(evidence: Evidence, name: str) -> CheckRecord:
    [found] = [each for each in evidence.checks if each.name == name]
    return found


def count(found: CheckRecord, name: str) -> float:
    value = found.measurements[name]
    assert isinstance(value, (int, float)), found
    return value


def test_failback_drill_passes_both_ways(there_and_back: Evidence) -> None:
    assert there_and_back.verdict == "PASS", there_and_back.summary
    assert [each.rpo_measured_seconds for each in there_and_back.objectives] == [0, 0]
    assert all(each.rto_measured_seconds for each in there_and_back.objectives)


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_leaving_a_region_that_answers_loses_no_acknowledged_commit(
    there_and_back: Evidence, direction: Direction
) -> None:
    found = check(there_and_back, f"acknowledged commits, {direction}")
    assert count(found, "acknowledged") > 0
    assert [count(found, each) for each in ("lost", "changed", "duplicated", "unknown", "contradicted")] == [0] * 5


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_fenced_primary_refuses_writers_and_leaves_no_doubt(there_and_back: Evidence, direction: Direction) -> None:
    assert check(there_and_back, f"writers at the old primary, {direction}").status == "PASS"
    found = check(there_and_back, f"acknowledged commits, {direction}")
    # In doubt is what a writer had under way when its session ended; a refusal is a clean no.
    assert count(found, "refused") > count(found, "in_doubt")


def test_region_drill_passes(lost: Evidence) -> None:
    assert lost.verdict == "PASS", lost.summary


def test_loss_is_what_the_newest_heartbeat_says(lost: Evidence) -> None:
    found = check(lost, "acknowledged commits")
    assert count(found, "lost") > 0  # the replica was held back: a drill that loses nothing dates no loss
    assert [count(found, each) for each in ("unexplained", "changed", "duplicated")] == [0] * 3
    [objective] = lost.objectives
    assert objective.rpo_measured_seconds is not None
    assert objective.rpo_target_seconds is not None
    assert 0 < objective.rpo_measured_seconds <= objective.rpo_target_seconds


def test_writers_at_the_lost_primary_are_told_an_error(lost: Evidence) -> None:
    assert check(lost, "writers at the old primary").status == "PASS"
