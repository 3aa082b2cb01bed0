"""The workflows: what they run, with which rights, and that nothing of others changes under them."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from environments import ENVIRONMENTS
from recovery.names import RECOVERY_REGION

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
PINNED = re.compile(r"uses: [\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$")
OWN = re.compile(r"uses: \$/\.github/workflows/[\w-]+\.yml$")
# Who may do more than read the repository, and what.
RIGHTS = {
    ("diff.yml", "comment"): {"pull-requests": "write"},
    ("deploy.yml", "dev"): {"contents": "read", "id-token": "write"},
    ("deploy.yml", "staging"): {"contents": "read", "id-token": "write"},
    ("deploy.yml", "prod"): {"contents": "read", "id-token": "write"},
    ("deploy-environment.yml", "diff"): {"contents": "read", "id-token": "write"},
    ("deploy-environment.yml", "deploy"): {"contents": "read", "id-token": "write"},
}
workflows = pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)


def parsed(file: Path) -> dict[Any, Any]:
    return yaml.safe_load(file.read_text())


def jobs(file: Path) -> dict[str, Any]:
    return parsed(file)["jobs"]


def steps(file: Path) -> list[dict[str, Any]]:
    return [step for job in jobs(file).values() for step in job.get("steps", [])]


@workflows
def test_every_action_is_pinned_to_a_commit_with_its_version_beside(file: Path) -> None:
    for line in file.read_text().splitlines():
        if "uses:" in line:
            used = line.strip().removeprefix("- ")
            assert PINNED.fullmatch(used) or OWN.fullmatch(used), line


def test_an_attacker_finds_nothing_that_zizmor_knows() -> None:
    command = [str(Path(sys.executable).parent / "zizmor"), "--offline", "--no-progress", str(ROOT / ".github")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


@workflows
def test_a_workflow_has_no_right_that_a_job_does_not_ask_for(file: Path) -> None:
    assert parsed(file)["permissions"] == {}
    for name, job in jobs(file).items():
        assert job["permissions"] == RIGHTS.get((file.name, name), {"contents": "read"}), name


@workflows
def test_no_workflow_knows_a_secret(file: Path) -> None:
    assert "secrets." not in file.read_text()
    assert "secrets: inherit" not in file.read_text()


@workflows
def test_what_somebody_else_wrote_is_never_part_of_a_command(file: Path) -> None:
    for step in steps(file):
        assert "${{" not in step.get("run", ""), step


@workflows
def test_no_pull_request_runs_with_the_rights_of_main(file: Path) -> None:
    assert "pull_request_target" not in file.read_text()


@workflows
def test_every_job_has_an_end(file: Path) -> None:
    for name, job in jobs(file).items():
        assert "uses" in job or job["timeout-minutes"] <= 360, name


@workflows
def test_every_command_is_a_target_that_anybody_can_run(file: Path) -> None:
    known = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for step in steps(file):
        for words in re.findall(r"^make (.+?)(?: 2>&1.*)?$", step.get("run", ""), re.MULTILINE):
            named = [each for each in re.sub(r"-C \S+", "", words).split() if "=" not in each]
            assert named
            assert set(named) <= known, words


def test_the_environments_are_deployed_one_after_the_other() -> None:
    deployed = jobs(ROOT / ".github" / "workflows" / "deploy.yml")
    assert list(deployed) == ["test", *(name for name in ENVIRONMENTS if name != "local")]
    for before, (name, job) in zip(deployed, list(deployed.items())[1:], strict=False):
        assert job["needs"] == before
        assert job["with"] == {"environment": name}


def test_nothing_is_deployed_before_the_approval_of_a_diff() -> None:
    both = jobs(ROOT / ".github" / "workflows" / "deploy-environment.yml")
    assert both["deploy"]["needs"] == "diff"
    assert both["deploy"]["environment"] == "${{ inputs.environment }}"
    assert both["diff"]["environment"] == "${{ inputs.environment }}-diff"


def test_deploys_sign_in_where_the_loss_of_the_primary_region_does_not_reach() -> None:
    used = steps(ROOT / ".github" / "workflows" / "deploy-environment.yml")
    regions = [step["with"]["aws-region"] for step in used if "configure-aws-credentials" in step.get("uses", "")]
    assert regions == [RECOVERY_REGION] * 2


def test_two_deploys_never_meet_and_none_is_cancelled_half_way() -> None:
    assert parsed(ROOT / ".github" / "workflows" / "deploy.yml")["concurrency"] == {
        "group": "deploy",
        "cancel-in-progress": False,
    }
