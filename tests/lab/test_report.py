"""The drill's report: figures with units, nothing invented, nothing injected."""

import io
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from lab.report import write_report
from lab.timeline import Moment, Step, Timeline

START = datetime(2026, 11, 1, 6, 0, tzinfo=UTC)


@pytest.fixture
def evidence() -> dict[str, Any]:
    objective = {
        "tier": 3,
        "name": "full",
        "rto_target_seconds": 14400.0,
        "rto_measured_seconds": None,
        "rpo_target_seconds": 3600.0,
        "rpo_measured_seconds": 1.5,
        "verdict": "FAIL",
    }
    check = {"name": "content", "status": "FAIL", "detail": "<script>alert(1)</script>", "duration_seconds": 0.25}
    return {
        "drill": "restore",
        "environment": "local",
        "started_at": "2026-11-01T06:00:00Z",
        "finished_at": "2026-11-01T06:01:00Z",
        "verdict": "FAIL",
        "objectives": [objective],
        "checks": [check],
        "versions": {"postgresql": "18.6"},
        "notes": [],
    }


def page(folder: Path, evidence: dict[str, Any]) -> str:
    timeline = Timeline(stream=io.StringIO())
    timeline.steps = [
        Step("Deploy", "lab", START, START + timedelta(seconds=30)),
        Step("Snapshot", "ap-south-1", START + timedelta(seconds=30), START + timedelta(seconds=40)),
        Step("Restore", "ap-southeast-1", START + timedelta(seconds=40), START + timedelta(seconds=50)),
    ]
    timeline.moments = [Moment("disaster", START + timedelta(seconds=40))]
    write_report(
        folder / "report.html",
        evidence,
        timeline,
        story="one line",
        regions=("ap-south-1", "ap-southeast-1"),
        recorded=[{"type": "AWS::EC2::EIP"}],
        recovery_from="Snapshot",
    )
    return (folder / "report.html").read_text()


def test_unmeasured_objective_is_called_unmeasured(tmp_path: Path, evidence: dict[str, Any]) -> None:
    assert '<td class="number">unmeasured</td>' in page(tmp_path, evidence)


def test_tier_without_an_rpo_has_none_rather_than_an_unmeasured_one(tmp_path: Path, evidence: dict[str, Any]) -> None:
    evidence["objectives"][0] |= {"rto_measured_seconds": 2.0, "rpo_target_seconds": None, "rpo_measured_seconds": None}
    shown = page(tmp_path, evidence)
    assert shown.count('<td class="number">N/A</td>') == 2
    assert '<td class="number">unmeasured</td>' not in shown


def test_findings_are_escaped(tmp_path: Path, evidence: dict[str, Any]) -> None:
    assert "<script>" not in page(tmp_path, evidence)


def test_close_up_starts_at_the_last_backup(tmp_path: Path, evidence: dict[str, Any]) -> None:
    whole = page(tmp_path, evidence)
    close_up = whole[whole.index("From the last backup") : whole.index("The whole run")]
    assert "Deploy" not in close_up
    assert "left: 0.0%; width: 50.0%" in close_up  # the snapshot, half of the 20 seconds shown


def test_disaster_is_marked_where_it_happened(tmp_path: Path, evidence: dict[str, Any]) -> None:
    whole = page(tmp_path, evidence)
    assert '<span class="row0" style="left: 50.0%">disaster</span>' in whole


def test_recorded_types_are_named_with_their_reason(tmp_path: Path, evidence: dict[str, Any]) -> None:
    assert "functions reach 127.0.0.1 without a network of their own" in page(tmp_path, evidence)


def test_step_that_fails_is_timed_and_shown_as_failed() -> None:
    stream = io.StringIO()
    timeline = Timeline(stream=stream)
    with pytest.raises(RuntimeError), timeline.step("Restore"):
        raise RuntimeError
    assert timeline.steps[0].finished_at is not None
    assert "failed  Restore" in stream.getvalue()
