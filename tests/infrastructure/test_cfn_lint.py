"""cfn-lint over every template, with the project's own configuration."""

import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest
import yaml

from tests.infrastructure.assemblies import ENVIRONMENTS, ROOT, Assembly

CONFIGURATION = ROOT / ".cfnlintrc.yaml"


def lint(assembly: Assembly, stacks: Iterable[str], configuration: Path) -> subprocess.CompletedProcess[str]:
    templates = [str(assembly.template_file(stack)) for stack in stacks]
    command = [str(Path(sys.executable).parent / "cfn-lint"), "--config-file", str(configuration)]
    command += ["--format", "parseable", "--template", *templates]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)


# What the lab deploys never meets CloudFormation itself.
@pytest.mark.parametrize("assembly", [name for name in ENVIRONMENTS if name != "local"], indirect=True)
def test_templates_are_what_cloudformation_accepts(assembly: Assembly) -> None:
    done = lint(assembly, assembly.stacks, CONFIGURATION)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_ignored_rule_is_one_that_would_be_found(prod: Assembly) -> None:
    ignored = yaml.safe_load(CONFIGURATION.read_text())["ignore_checks"]
    done = lint(prod, ["Network", "Application"], Path(os.devnull))
    assert {rule for rule in ignored if f":{rule}:" in done.stdout} == set(ignored)
