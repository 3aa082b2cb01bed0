"""The roles of the workflows: exactly what the CDK needs, for exactly one environment of one repository."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import pytest

from recovery.guards.reading import parse
from tests.infrastructure.assemblies import PRIMARY, RECOVERY, Assembly, synthesize

FILE = Path(__file__).resolve().parents[2] / ".github" / "aws-roles.yaml"
RESOURCES: dict[str, Any] = parse(FILE.read_text(), FILE.name)["Resources"]
GITHUB = "token.actions.githubusercontent.com"


@pytest.fixture(scope="module")
def staging(tmp_path_factory: pytest.TempPathFactory) -> Assembly:
    return synthesize("staging", tmp_path_factory.mktemp("staging"))


def test_the_template_is_sound() -> None:
    command = [str(Path(sys.executable).parent / "cfn-lint"), "--regions", PRIMARY, RECOVERY, "--", str(FILE)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout


def roles_named_in(assembly: Assembly) -> set[str]:
    """Names of the CDK's own roles that its CLI signs in to for an assembly."""
    found: set[str] = set()
    for file in assembly.folder.rglob("*.json"):
        if file.name.endswith("manifest.json") or file.name.endswith(".assets.json"):
            found |= set(_arns(json.loads(file.read_text())))
    return {arn.partition(":role/")[2] for arn in found if "-cfn-exec-role-" not in arn}  # CloudFormation's own


def _arns(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [arn for each in cast(dict[str, Any], value).values() for arn in _arns(each)]
    if isinstance(value, list):
        return [arn for each in cast(list[Any], value) for arn in _arns(each)]
    return [value] if isinstance(value, str) and ":role/cdk-" in value else []


def allowed(role: str, account: str) -> set[str]:
    [policy] = RESOURCES[role]["Properties"]["Policies"]
    [statement] = policy["PolicyDocument"]["Statement"]
    assert (statement["Effect"], statement["Action"]) == ("Allow", "sts:AssumeRole")
    texts = [each["Fn::Sub"].replace("${AWS::AccountId}", account) for each in statement["Resource"]]
    return {text.partition(":role/")[2] for text in texts}


def test_the_deployer_may_become_the_roles_that_a_deploy_names_and_no_other(staging: Assembly) -> None:
    named = roles_named_in(staging)
    [account] = {name.rpartition("-role-")[2].partition("-")[0] for name in named}
    assert allowed("Deployer", account) == named


def test_the_reader_may_only_look(staging: Assembly) -> None:
    named = roles_named_in(staging)
    [account] = {name.rpartition("-role-")[2].partition("-")[0] for name in named}
    assert allowed("Reader", account) == {name for name in named if "-lookup-role-" in name}


@pytest.mark.parametrize(("role", "environment"), [("Reader", "${Environment}-diff"), ("Deployer", "${Environment}")])
def test_only_one_environment_of_one_repository_signs_in(role: str, environment: str) -> None:
    [statement] = RESOURCES[role]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert statement["Action"] == "sts:AssumeRoleWithWebIdentity"
    assert statement["Condition"] == {
        "StringEquals": {
            f"{GITHUB}:aud": "sts.amazonaws.com",
            f"{GITHUB}:sub": {"Fn::Sub": f"repo:${{Repository}}:environment:{environment}"},
        }
    }
