"""What CloudFormation makes at deploy is not looked at, and that is said."""

from typing import Any

import pytest

from recovery.guards.checking import check
from recovery.guards.templates import Assembly

TOPIC = {"Type": "AWS::SNS::Topic"}


def paths_not_read(template: dict[str, Any]) -> list[str]:
    assembly = Assembly()
    assembly.add("t", template)
    return [part.path for part in check(assembly).not_read]


CASES: list[tuple[dict[str, Any], list[str]]] = [
    ({"Resources": {"A": TOPIC}}, []),
    ({"Transform": "AWS::Serverless-2016-10-31", "Resources": {"A": TOPIC}}, ["Transform"]),
    ({"Transform": [{"Name": "A"}, "B"], "Resources": {"A": TOPIC}}, ["Transform", "Transform"]),
    ({"Resources": {"Fn::ForEach::Topics": ["Name", ["a"], {}]}}, ["Resources.Fn::ForEach::Topics"]),
    ({"Resources": {"A": TOPIC | {"Fn::Transform": {"Name": "AWS::Include"}}}}, ["Resources.A.Fn::Transform"]),
    ({"Resources": {"A": {"Type": "Our::Vault::Plan::MODULE"}}}, ["Resources.A"]),
    ({"Resources": {"A": {"Type": "AWS::CloudFormation::Stack"}}}, ["Resources.A"]),
]


@pytest.mark.parametrize(("template", "paths"), CASES)
def test_what_is_made_at_deploy_is_not_read(template: dict[str, Any], paths: list[str]) -> None:
    assert paths_not_read(template) == paths


def test_a_nested_stack_whose_template_is_there_is_read() -> None:
    assembly = Assembly()
    assembly.add("t", {"Resources": {"Inner": {"Type": "AWS::CloudFormation::Stack"}}})
    assembly.add("t/Inner", {"Resources": {"A": TOPIC}})
    assert check(assembly).not_read == ()
