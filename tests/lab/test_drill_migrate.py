"""The rehearsal of a migration, as a person runs it: writers go on, and tool, source and target are killed."""

from pathlib import Path

import pytest

from lab.drills.migrate import load
from tests.lab.runs import Run, begin


@pytest.fixture(scope="module")
def run(folder_in_reach: Path) -> Run:
    """The drill, ended."""
    run = begin(folder_in_reach, "drill", "migrate", "--output", str(folder_in_reach / "out"))
    run.finish()
    return run


def test_no_acknowledged_commit_is_lost_twice_or_changed_at_either_end(run: Run) -> None:
    found = [each for each in run.evidence()["checks"] if each["name"].startswith("acknowledged commits")]
    assert len(found) == 2
    for each in found:
        counts = each["measurements"]
        assert counts["acknowledged"] > 1000
        assert counts["lost"] == counts["duplicated"] == counts["changed"] == counts["unknown"] == 0


def test_tool_source_and_target_were_killed(run: Run) -> None:
    [check] = [each for each in run.evidence()["checks"] if each["name"] == "kills"]
    everybody = "tool, source, target"
    assert check["detail"] == f"start: {everybody}; verify: {everybody}; cutover: {everybody}"
    assert check["status"] == "PASS"


@pytest.mark.parametrize(("rate", "status"), [(499.0, "NOT_PROVEN"), (500.0, "PASS")])
def test_a_load_that_the_machine_did_not_reach_is_not_proven(rate: float, status: str) -> None:
    found = load(rate)
    assert found.status == status
    assert found.detail.startswith(f"{rate:.0f} acknowledged commits")


def test_every_row_was_verified_there_and_back(run: Run) -> None:
    [check] = [each for each in run.evidence()["checks"] if each["name"] == "verification"]
    assert check["status"] == "PASS"


def test_the_pause_is_measured_on_both_ways(run: Run) -> None:
    [check] = [each for each in run.evidence()["checks"] if each["name"] == "write pause"]
    assert check["measurements"]["pause_seconds"] > 0


def test_leaves_nothing_behind(run: Run) -> None:
    assert run.leftovers() == []
