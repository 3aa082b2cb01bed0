"""The restore drill as a person runs it: the whole of it, twice at the same time, once with a flipped row."""

import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest
from typer.testing import CliRunner

from lab import __main__ as command
from lab.cloud import LabError
from lab.drill import RestoreDrill
from lab.polling import wait_for
from recovery import objectives
from recovery.evidence import Evidence
from tests.lab.runs import Run, begin_drill, read_until


@pytest.fixture(scope="module")
def drills() -> Iterator[tuple[Run, Run]]:
    """Two drills at the same time: one that nobody disturbs, and one whose restored database gets a row flipped."""
    with ExitStack() as folders:
        undisturbed, flipped = (_open_folder(folders) for _ in range(2))
        runs = begin_drill(undisturbed), begin_drill(flipped, "--pause-before-proof")
        flip_a_row(runs[1])
        for run in runs:
            run.finish()
        yield runs


@pytest.fixture
def passed(drills: tuple[Run, Run]) -> Run:
    """The undisturbed drill, ended."""
    return drills[0]


@pytest.fixture
def failed(drills: tuple[Run, Run]) -> Run:
    """The drill with the flipped row, ended."""
    return drills[1]


def _open_folder(folders: ExitStack) -> Path:
    folder = Path(folders.enter_context(tempfile.TemporaryDirectory(prefix="continuity-test-")))
    folder.chmod(0o755)
    return folder


def flip_a_row(run: Run) -> None:
    """Change one old row of the restored database by hand, as no application would: without its change time."""
    assert run.process.stdout is not None
    line, _ = read_until(run.process.stdout, "DSN: ")
    with psycopg.connect(line.split("DSN: ", 1)[1].strip(), autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")  # so that no trigger marks the row as changed
        flipped = connection.execute(
            "UPDATE transactions SET amount_paisa = amount_paisa + 1 WHERE id = "
            "(SELECT id FROM transactions WHERE created_at < now() - interval '2 days' LIMIT 1)"
        )
        assert flipped.rowcount == 1


class TestUndisturbedDrill:
    """What a drill that passes leaves behind."""

    def test_exits_with_zero_and_pass(self, passed: Run) -> None:
        assert passed.process.returncode == 0, passed.printed
        assert passed.evidence()["verdict"] == "PASS"

    def test_every_check_passes(self, passed: Run) -> None:
        checks = passed.evidence()["checks"]
        assert {check["status"] for check in checks} == {"PASS"}
        assert {"identity", "schema", "heartbeat", "content", "restore test of the copied snapshot"} <= {
            check["name"] for check in checks
        }

    def test_lists_tier_three_alone_and_measures_it(self, passed: Run) -> None:
        [objective] = passed.evidence()["objectives"]
        assert objective["tier"] == objectives.FULL.number
        assert objective["rto_target_seconds"] == objectives.FULL.rto.total_seconds()
        assert 0 < objective["rto_measured_seconds"] < objective["rto_target_seconds"]
        assert objectives.FULL.rpo is not None
        assert objective["rpo_target_seconds"] == objectives.FULL.rpo.total_seconds()
        assert 0 < objective["rpo_measured_seconds"] < objective["rpo_target_seconds"]
        assert objective["verdict"] == "PASS"

    def test_evidence_has_the_published_fields(self, passed: Run) -> None:
        evidence = passed.evidence()
        fields = {"drill", "environment", "started_at", "finished_at", "verdict", "objectives", "checks", "versions"}
        assert fields <= evidence.keys()
        assert (evidence["drill"], evidence["environment"]) == ("restore", "local")
        for check in evidence["checks"]:
            assert {"name", "status", "detail", "duration_seconds"} <= check.keys()

    def test_labels_its_figures_as_the_labs(self, passed: Run) -> None:
        assert "RTO measured (lab)" in passed.printed
        assert "figures of the lab, not of AWS" in passed.printed
        assert "none of them is a duration of AWS" in (passed.output / "report.html").read_text().replace("\n", " ")

    def test_prints_what_is_only_recorded(self, passed: Run) -> None:
        assert "AWS::EC2::NatGateway: functions reach 127.0.0.1" in passed.printed

    def test_leaves_nothing_behind(self, passed: Run) -> None:
        assert passed.leftovers() == []


class TestDrillWithAFlippedRow:
    """What one changed row of the restored database does, while another drill runs beside it."""

    def test_exits_with_one_and_fail(self, failed: Run) -> None:
        assert failed.process.returncode == 1, failed.printed
        assert failed.evidence()["verdict"] == "FAIL"

    def test_content_names_the_table(self, failed: Run) -> None:
        [content] = [check for check in failed.evidence()["checks"] if check["name"] == "content"]
        assert content["status"] == "FAIL"
        assert "transactions" in content["detail"]

    def test_everything_else_still_passes(self, failed: Run) -> None:
        assert {check["name"] for check in failed.evidence()["checks"] if check["status"] != "PASS"} == {"content"}

    def test_leaves_nothing_behind(self, failed: Run) -> None:
        assert failed.leftovers() == []


def test_terminated_drill_cleans_up(open_folder: Path) -> None:
    run = begin_drill(open_folder)
    wait_for("the lab", lambda: run.leftovers() or None)
    time.sleep(2)  # into the synthesis, with the emulator and the cdk CLI at work
    run.process.send_signal(signal.SIGTERM)
    printed, _ = run.process.communicate(timeout=60)
    assert run.process.returncode == 130, printed
    assert "stopped, and everything removed" in printed
    assert run.leftovers() == []
    assert not (run.output / "evidence.json").exists()


def test_lab_that_breaks_measures_nothing_and_passes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(_: RestoreDrill) -> Evidence:
        raise LabError("the emulator lost the vault's lock")

    monkeypatch.setattr(RestoreDrill, "run", breaks)
    result = CliRunner().invoke(command.app, ["drill", "--output", str(tmp_path)])
    assert result.exit_code == 2
    evidence = Evidence.model_validate_json((tmp_path / "evidence.json").read_text())
    assert evidence.verdict == "FAIL"
    assert [objective.rto_measured_seconds for objective in evidence.objectives] == [None]
    assert "lost the vault's lock" in evidence.checks[0].detail
    assert "unmeasured" in (tmp_path / "report.html").read_text()
