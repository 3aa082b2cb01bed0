"""The real cdk CLI, as people use it: no credentials, no network."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.infrastructure.assemblies import ROOT, STACKS, program_environment


def cdk(*arguments: str, variables: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(ROOT / "node_modules" / ".bin" / "cdk"), *arguments],
        cwd=ROOT,
        env=program_environment({"CDK_VALIDATION": "false"} | (variables or {})),
        capture_output=True,
        text=True,
        check=False,
    )


def test_stacks_are_listed_under_their_environment(tmp_path: Path) -> None:
    done = cdk("ls", "prod/*", "-c", "environment=prod", "--output", str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert {line.split()[0] for line in done.stdout.splitlines() if line} == {f"prod/{stack}" for stack in STACKS}


def test_unknown_environment_ends_with_one_readable_message(tmp_path: Path) -> None:
    done = cdk("synth", "--quiet", "-c", "environment=qa", "--output", str(tmp_path))
    assert done.returncode != 0
    assert "environment: expected one of dev, staging, prod, local, found 'qa'." in done.stderr
    assert "Traceback" not in done.stderr


def test_laboratory_without_an_account_ends_with_one_readable_message(tmp_path: Path) -> None:
    done = cdk("synth", "--quiet", "-c", "environment=local", "--output", str(tmp_path))
    assert done.returncode != 0
    assert "account of local: expected an account number" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("silenced", "rule", "validation"),
    [
        ("continuity.notifier.acknowledge", "AwsSolutions-SMG4", "true"),
        # Whoever switches validation off goes without the others' checks, not without ours.
        ("continuity.device_api.acknowledge_guards", "data-without-deletion-protection", "false"),
    ],
)
def test_finding_nobody_acknowledged_ends_the_synthesis(
    tmp_path: Path, silenced: str, rule: str, validation: str
) -> None:
    """Beneath the CLI the library writes its report and goes on."""
    program = tmp_path / "unsafe.py"
    module = silenced.rpartition(".")[0]
    program.write_text(f"import app\nimport {module}\n{silenced} = lambda *_: None\napp.main()\n")
    done = cdk(
        *("synth", "--quiet", "-c", "environment=dev", "--output", str(tmp_path / "out")),
        *("--app", f"{sys.executable} {program}"),
        variables={"CDK_VALIDATION": validation, "PYTHONPATH": f"{ROOT}:{ROOT / 'constructs'}"},
    )
    assert done.returncode != 0
    assert "The templates are not safe to deploy." in done.stderr
    assert rule in done.stderr
    assert "Traceback" not in done.stderr
