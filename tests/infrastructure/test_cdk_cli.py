"""The real cdk CLI, as people use it: no credentials, no network."""

import subprocess
from pathlib import Path

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
