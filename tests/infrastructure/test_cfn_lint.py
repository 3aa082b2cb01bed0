"""cfn-lint over every template, with the project's own configuration."""

import os
import subprocess
import sys
from pathlib import Path

import yaml

from tests.infrastructure.assemblies import ROOT, Assembly

CONFIGURATION = ROOT / ".cfnlintrc.yaml"


def lint(assembly: Assembly, configuration: Path) -> subprocess.CompletedProcess[str]:
    templates = [str(assembly.template_file(stack)) for stack in assembly.stacks]
    command = [str(Path(sys.executable).parent / "cfn-lint"), "--config-file", str(configuration)]
    command += ["--format", "parseable", "--template", *templates]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)


def test_templates_are_what_cloudformation_accepts(assembly: Assembly) -> None:
    done = lint(assembly, CONFIGURATION)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_ignored_rule_is_one_that_would_be_found(prod: Assembly) -> None:
    ignored = yaml.safe_load(CONFIGURATION.read_text())["ignore_checks"]
    done = lint(prod, Path(os.devnull))
    assert {rule for rule in ignored if f":{rule}:" in done.stdout} == set(ignored)
