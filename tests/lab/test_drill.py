"""The restore drill as a person runs it: the whole of it, twice at the same time, once with a flipped row."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import psycopg
import pytest

from recovery import objectives

PATIENCE_SECONDS = 240


@dataclass
class Run:
    """A drill in a process of its own, with private temporary files, so that leftovers can be seen."""

    process: subprocess.Popen[str]
    output: Path
    temporary: Path

    def evidence(self) -> dict[str, Any]:
        return json.loads((self.output / "evidence.json").read_text())

    def leftovers(self) -> list[str]:
        return sorted(path.name for path in self.temporary.iterdir())


def begin(folder: Path, *arguments: str) -> Run:
    temporary = folder / "tmp"
    temporary.mkdir()
    temporary.chmod(0o755)
    process = subprocess.Popen(
        [sys.executable, "-m", "lab", "drill", "--output", str(folder / "out"), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | {"TMPDIR": str(temporary), "NO_COLOR": "1", "COLUMNS": "160"},
    )
    return Run(process, folder / "out", temporary)


def read_until(stream: IO[str], needle: str) -> tuple[str, list[str]]:
    """The first line that holds ``needle``, and all lines before it."""
    seen: list[str] = []
    for line in stream:
        if needle in line:
            return line, seen
        seen.append(line)
    raise AssertionError(f"{needle!r} never came:\n{''.join(seen)}")


@pytest.fixture(scope="module")
def passed() -> Iterator[tuple[Run, str]]:
    """A drill that nobody disturbed, and what it printed."""
    with tempfile.TemporaryDirectory(prefix="continuity-test-") as name:
        Path(name).chmod(0o755)
        run = begin(Path(name))
        printed, _ = run.process.communicate(timeout=PATIENCE_SECONDS)
        yield run, printed


class TestUndisturbedDrill:
    """What a drill that passes leaves behind."""

    def test_exits_with_zero_and_pass(self, passed: tuple[Run, str]) -> None:
        run, printed = passed
        assert run.process.returncode == 0, printed
        assert run.evidence()["verdict"] == "PASS"

    def test_every_check_passes(self, passed: tuple[Run, str]) -> None:
        checks = passed[0].evidence()["checks"]
        assert {check["status"] for check in checks} == {"PASS"}
        assert {"identity", "schema", "heartbeat", "content", "restore test of the copied snapshot"} <= {
            check["name"] for check in checks
        }

    def test_lists_tier_three_alone_and_measures_it(self, passed: tuple[Run, str]) -> None:
        [objective] = passed[0].evidence()["objectives"]
        assert objective["tier"] == objectives.FULL.number
        assert objective["rto_target_seconds"] == objectives.FULL.rto.total_seconds()
        assert 0 < objective["rto_measured_seconds"] < objective["rto_target_seconds"]
        assert objectives.FULL.rpo is not None
        assert objective["rpo_target_seconds"] == objectives.FULL.rpo.total_seconds()
        assert 0 < objective["rpo_measured_seconds"] < objective["rpo_target_seconds"]
        assert objective["verdict"] == "PASS"

    def test_evidence_has_the_published_fields(self, passed: tuple[Run, str]) -> None:
        evidence = passed[0].evidence()
        fields = {"drill", "environment", "started_at", "finished_at", "verdict", "objectives", "checks", "versions"}
        assert fields <= evidence.keys()
        assert (evidence["drill"], evidence["environment"]) == ("restore", "local")
        for check in evidence["checks"]:
            assert {"name", "status", "detail", "duration_seconds"} <= check.keys()

    def test_labels_its_figures_as_the_labs(self, passed: tuple[Run, str]) -> None:
        run, printed = passed
        assert "RTO measured (lab)" in printed
        assert "figures of the lab, not of AWS" in printed
        assert "none of them is a duration of AWS" in (run.output / "report.html").read_text().replace("\n", " ")

    def test_prints_what_is_only_recorded(self, passed: tuple[Run, str]) -> None:
        assert "AWS::EC2::NatGateway: functions reach 127.0.0.1" in passed[1]

    def test_leaves_nothing_behind(self, passed: tuple[Run, str]) -> None:
        assert passed[0].leftovers() == []


def test_one_flipped_row_turns_the_drill_to_fail(open_folder: Path) -> None:
    run = begin(open_folder, "--pause-before-proof")
    assert run.process.stdout is not None
    line, _ = read_until(run.process.stdout, "DSN: ")
    with psycopg.connect(line.split("DSN: ", 1)[1].strip(), autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")  # so that no trigger marks the row as changed
        flipped = connection.execute(
            "UPDATE transactions SET amount_paisa = amount_paisa + 1 WHERE id = "
            "(SELECT id FROM transactions WHERE created_at < now() - interval '2 days' LIMIT 1)"
        )
        assert flipped.rowcount == 1
    printed, _ = run.process.communicate("\n", timeout=PATIENCE_SECONDS)
    assert run.process.returncode == 1, printed
    evidence = run.evidence()
    assert evidence["verdict"] == "FAIL"
    [content] = [check for check in evidence["checks"] if check["name"] == "content"]
    assert content["status"] == "FAIL"
    assert "transactions" in content["detail"]
    assert run.leftovers() == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_drill_cleans_up(open_folder: Path, number: int) -> None:
    run = begin(open_folder)
    assert run.process.stdout is not None
    read_until(run.process.stdout, "Bootstrap both regions")
    run.process.send_signal(number)
    printed, _ = run.process.communicate(timeout=60)
    assert run.process.returncode == 130, printed
    assert "stopped, and everything removed" in printed
    assert run.leftovers() == []
    assert not (run.output / "evidence.json").exists()
