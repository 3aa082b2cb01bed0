"""Templates of any origin are read; what is none is said to be none."""

import json
from pathlib import Path

import pytest

from recovery.guards.reading import NotTemplatesError, environment_of, read

TEMPLATE = {"Resources": {"Queue": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": {"Ref": "AWS::Region"}}}}}


def test_a_cloud_assembly_tells_regions_accounts_paths_and_acknowledgements(tmp_path: Path) -> None:
    inner = tmp_path / "assembly-prod"
    inner.mkdir()
    outer = {"artifacts": {"a": {"type": "cdk:cloud-assembly", "properties": {"directoryName": "assembly-prod"}}}}
    artifact = {
        "type": "aws:cloudformation:stack",
        "environment": "aws://111122223333/ap-south-1",
        "properties": {"templateFile": "s.template.json", "stackName": "prod-S"},
        "additionalMetadataFile": "s.metadata.json",
    }
    reasons = {"Recovery-Guards::some-rule": "because"}
    metadata = {
        "/prod/S/Queue": [{"type": "aws:cdk:acknowledged-rules", "data": reasons}],
        "/prod/S/Queue/Resource": [{"type": "aws:cdk:logicalId", "data": "Queue"}],
    }
    (tmp_path / "manifest.json").write_text(json.dumps(outer))
    (inner / "manifest.json").write_text(json.dumps({"artifacts": {"s": artifact}}))
    (inner / "s.template.json").write_text(json.dumps(TEMPLATE))
    (inner / "s.metadata.json").write_text(json.dumps(metadata))
    (stack,) = read(tmp_path).stacks
    assert (stack.name, stack.region, stack.account) == ("prod-S", "ap-south-1", "111122223333")
    assert stack.file == "assembly-prod/s.template.json"
    assert stack.resources["Queue"].path == "prod/S/Queue/Resource"
    assert stack.acknowledged == {"prod/S/Queue": reasons}


def test_nested_templates_are_read_with_their_parents_region(tmp_path: Path) -> None:
    parent = {"Resources": {"Inner": {"Type": "AWS::CloudFormation::Stack", "Metadata": {"aws:asset:path": "n.json"}}}}
    artifact = {
        "type": "aws:cloudformation:stack",
        "environment": "aws://111122223333/ap-south-1",
        "properties": {"templateFile": "p.json"},
        "displayName": "P",
    }
    (tmp_path / "manifest.json").write_text(json.dumps({"artifacts": {"p": artifact}}))
    (tmp_path / "p.json").write_text(json.dumps(parent))
    (tmp_path / "n.json").write_text(json.dumps(TEMPLATE))
    assert [(stack.name, stack.region) for stack in read(tmp_path).stacks] == [
        ("P", "ap-south-1"),
        ("P/Inner", "ap-south-1"),
    ]


def test_short_functions_and_dates_of_yaml_are_cloudformations(tmp_path: Path) -> None:
    file = tmp_path / "t.yaml"
    file.write_text(
        "AWSTemplateFormatVersion: 2010-09-09\nResources:\n  A:\n    Type: AWS::SQS::Queue\n    Properties:\n"
        "      QueueName: !Join ['-', [a, !Sub '${AWS::StackName}']]\n      Version: 2012-10-17\n"
    )
    (stack,) = read(file).stacks
    assert stack.resources["A"].properties == {"QueueName": "a-t", "Version": "2012-10-17"}


def test_a_folder_named_like_a_region_tells_the_region(tmp_path: Path) -> None:
    folder = tmp_path / "eu-west-1"
    folder.mkdir()
    (folder / "t.json").write_text(json.dumps(TEMPLATE))
    (stack,) = read(tmp_path).stacks
    assert stack.region == "eu-west-1"


def test_other_files_of_a_folder_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "package.json").write_text('{"name": "x"}')
    (tmp_path / "broken.yaml").write_text("a: [")
    (tmp_path / "t.json").write_text(json.dumps(TEMPLATE))
    assert [stack.name for stack in read(tmp_path).stacks] == ["t"]


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("t.json", "{", "cannot be parsed"),
        ("t.yaml", "Resources: [", "cannot be parsed"),
        ("t.json", "[]", "found none"),
        ("t.json", '{"Resources": {}}', "found none"),
        ("t.json", '{"Resources": {"A": {}}}', "found none"),
    ],
)
def test_what_is_no_template_is_said_to_be_none(tmp_path: Path, name: str, text: str, found: str) -> None:
    file = tmp_path / name
    file.write_text(text)
    with pytest.raises(NotTemplatesError, match=found):
        read(file)


def test_a_broken_template_in_a_folder_is_not_passed_over(tmp_path: Path) -> None:
    (tmp_path / "t.json").write_text(json.dumps(TEMPLATE))
    (tmp_path / "broken.yaml").write_text("Resources: [")
    with pytest.raises(NotTemplatesError, match=r"broken\.yaml"):
        read(tmp_path)


def test_a_folder_without_templates_or_none_at_all_is_an_error(tmp_path: Path) -> None:
    for place in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(NotTemplatesError, match="expected"):
            read(place)


@pytest.mark.parametrize("manifest", ["[]", "{}", '{"name": "a web application"}', '{"artifacts": 5}'])
def test_a_manifest_of_another_tool_makes_no_assembly(tmp_path: Path, manifest: str) -> None:
    (tmp_path / "manifest.json").write_text(manifest)
    (tmp_path / "t.json").write_text(json.dumps(TEMPLATE))
    assert [stack.name for stack in read(tmp_path).stacks] == ["t"]


@pytest.mark.parametrize("text", [None, "[]", "{"])
def test_a_template_that_the_manifest_names_and_that_is_none_is_an_error(tmp_path: Path, text: str | None) -> None:
    artifact = {"type": "aws:cloudformation:stack", "properties": {"templateFile": "s.json"}}
    (tmp_path / "manifest.json").write_text(json.dumps({"artifacts": {"s": artifact}}))
    if text is not None:
        (tmp_path / "s.json").write_text(text)
    with pytest.raises(NotTemplatesError, match=r"s\.json: expected"):
        read(tmp_path)


def test_a_template_of_loops_alone_is_a_template(tmp_path: Path) -> None:
    loop = ["Name", ["a", "b"], {"Topic${Name}": {"Type": "AWS::SNS::Topic"}}]
    (tmp_path / "t.json").write_text(json.dumps({"Resources": {"Fn::ForEach::Topics": loop}}))
    (stack,) = read(tmp_path).stacks
    assert stack.resources == {}


def test_an_environment_that_the_cdk_does_not_know_is_not_known() -> None:
    assert environment_of("aws://unknown-account/unknown-region") == (None, None)
