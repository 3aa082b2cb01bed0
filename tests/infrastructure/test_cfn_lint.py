"""cfn-lint over every template."""

import subprocess
import sys
from pathlib import Path

from tests.infrastructure.assemblies import Assembly

IGNORED = {
    "W3005": "the CDK writes DependsOn beside a reference to the same resource",
    "W3010": "the zones are named: looking them up at synth would need credentials",
}


def test_templates_are_what_cloudformation_accepts(assembly: Assembly) -> None:
    templates = [str(assembly.template_file(stack)) for stack in assembly.stacks]
    command = [str(Path(sys.executable).parent / "cfn-lint"), "--ignore-checks", *IGNORED, "--template", *templates]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_ignored_rule_is_one_that_would_be_found(prod: Assembly) -> None:
    templates = [str(prod.template_file(stack)) for stack in prod.stacks]
    command = [str(Path(sys.executable).parent / "cfn-lint"), "--format", "parseable", "--template", *templates]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert {rule for rule in IGNORED if f":{rule}:" in done.stdout} == set(IGNORED)
