"""The judge as deployed: what it may do with evidence, and what it knows of the environment."""

from typing import Any

import pytest

from environments import ENVIRONMENTS
from tests.infrastructure.assemblies import Assembly, text_of

PLACES = ["Backup", "RecoveryStandby"]


def judge_of(assembly: Assembly, stack: str) -> dict[str, Any]:
    functions = assembly.properties(stack, "AWS::Lambda::Function")
    (judge,) = (each for each in functions if each["Handler"].startswith("lambdas.judge_restore."))
    return judge


def statements_of(assembly: Assembly, stack: str) -> list[dict[str, Any]]:
    role = judge_of(assembly, stack)["Role"]["Fn::GetAtt"][0]
    policies = assembly.properties(stack, "AWS::IAM::Policy")
    return [
        statement
        for policy in policies
        if role in text_of(policy["Roles"])
        for statement in policy["PolicyDocument"]["Statement"]
    ]


def actions(statement: dict[str, Any]) -> set[str]:
    found = statement["Action"]
    return {found} if isinstance(found, str) else set(found)


@pytest.mark.parametrize("stack", PLACES)
def test_judge_sees_which_links_there_are_and_no_other_folder(assembly: Assembly, stack: str) -> None:
    listing = [each for each in statements_of(assembly, stack) if "s3:ListBucket" in actions(each)]
    prefixes = {each["Condition"]["StringLike"]["s3:prefix"] for each in listing}
    assert "evidence/*" in prefixes
    assert "*" not in prefixes


@pytest.mark.parametrize("stack", PLACES)
def test_judge_can_delete_and_unlock_nothing(assembly: Assembly, stack: str) -> None:
    allowed = {action for each in statements_of(assembly, stack) for action in actions(each)}
    assert not {action for action in allowed if "Delete" in action or "Bypass" in action or "*" in action}


@pytest.mark.parametrize("stack", PLACES)
def test_judge_knows_which_checks_are_optional(assembly: Assembly, stack: str) -> None:
    variables = judge_of(assembly, stack)["Environment"]["Variables"]
    assert variables["OPTIONAL_CHECKS"] == ",".join(ENVIRONMENTS[assembly.environment].optional_checks)
