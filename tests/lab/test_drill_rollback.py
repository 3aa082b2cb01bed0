"""The drill of tier 2, as a person runs it through ``dr``."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from recovery.evidence import Evidence
from recovery.objectives import APPLICATION


@pytest.fixture(scope="module")
def evidence(folder_in_reach: Path) -> Evidence:
    """What the drill left."""
    done = subprocess.run(
        [str(Path(sys.executable).with_name("dr")), "drill", "rollback", "--output", str(folder_in_reach)],
        env=os.environ | {"NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=480,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return Evidence.model_validate_json((folder_in_reach / "evidence.json").read_text())


def test_both_ways_back_lead_to_the_revision_from_before(evidence: Evidence) -> None:
    ways = {check.name: check for check in evidence.checks if check.name.startswith("rollback")}
    assert {check.status for check in ways.values()} == {"PASS"}
    assert ways["rollback while the deployment runs"].detail.startswith("stop to ")
    assert ways["rollback after the deployment has ended"].detail.startswith("update to ")


def test_slower_of_the_two_is_held_against_tier_2(evidence: Evidence) -> None:
    [objective] = evidence.objectives
    slower = max(check.duration_seconds or 0 for check in evidence.checks if check.name.startswith("rollback"))
    assert objective.tier == APPLICATION.number
    assert objective.rto_measured_seconds == pytest.approx(slower, abs=0.001)


def test_no_acknowledged_commit_is_lost_by_it(evidence: Evidence) -> None:
    [found] = [check.measurements for check in evidence.checks if check.name == "acknowledged commits"]
    assert found["lost"] == found["changed"] == 0
    assert isinstance(found["acknowledged"], int)
    assert found["acknowledged"] > 0
