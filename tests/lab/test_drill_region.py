"""The drill of a lost region, as a person runs it. `make drill-all` runs the failback besides."""

from pathlib import Path
from typing import Any

import pytest

from tests.lab.runs import Run, begin


@pytest.fixture(scope="module")
def run(folder_in_reach: Path) -> Run:
    """The drill, ended."""
    run = begin(folder_in_reach, "drill", "region", "--output", str(folder_in_reach / "out"))
    run.finish()
    return run


def check(run: Run, name: str) -> dict[str, Any]:
    [found] = [each for each in run.evidence()["checks"] if each["name"] == name]
    return found


def test_passes_and_exits_with_zero(run: Run) -> None:
    assert run.process.returncode == 0, run.printed
    assert run.evidence()["verdict"] == "PASS"


def test_loss_is_what_the_newest_heartbeat_says(run: Run) -> None:
    found = check(run, "acknowledged commits")["measurements"]
    assert found["lost"] > 0  # the replica was held back: a drill that loses nothing dates no loss
    assert found["unexplained"] == found["changed"] == found["duplicated"] == 0
    [objective] = run.evidence()["objectives"]
    assert 0 < objective["rpo_measured_seconds"] <= objective["rpo_target_seconds"]


def test_writers_at_the_lost_primary_are_told_an_error(run: Run) -> None:
    assert check(run, "writers at the old primary")["status"] == "PASS"


def test_leaves_nothing_behind(run: Run) -> None:
    assert run.leftovers() == []
