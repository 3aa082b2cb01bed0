"""References are followed as far as they lead, and no further."""

from typing import Any

import pytest

from recovery.guards.templates import Assembly, Resource
from recovery.guards.unresolved import Unresolved

BUCKET = {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "data"}}
TEMPLATE: dict[str, Any] = {
    "Parameters": {
        "Name": {"Type": "String", "Default": "orders"},
        "Zones": {"Type": "CommaDelimitedList", "Default": "a,b"},
        "Given": {"Type": "String"},
        "Image": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/image"},
    },
    "Mappings": {"Sizes": {"prod": {"days": 90}}},
    "Conditions": {
        "Yes": {"Fn::Equals": [{"Ref": "Name"}, "orders"]},
        "No": {"Fn::Not": [{"Condition": "Yes"}]},
        "Both": {"Fn::And": [{"Condition": "Yes"}, {"Condition": "No"}]},
        "Either": {"Fn::Or": [{"Condition": "Yes"}, {"Condition": "No"}]},
        "Unknown": {"Fn::Equals": [{"Ref": "Given"}, "x"]},
    },
    "Resources": {
        "Bucket": BUCKET,
        "Topic": {"Type": "AWS::SNS::Topic"},
        "Other": {"Type": "AWS::EC2::Subnet"},
    },
}


def resolved(value: object, *, template: dict[str, Any] = TEMPLATE) -> Any:
    assembly = Assembly()
    subject = {"Type": "AWS::Test::Subject", "Properties": {"Value": value}}
    stack = assembly.add(
        "stack",
        template | {"Resources": template["Resources"] | {"Subject": subject}},
        known_region="ap-south-1",
        known_account="111122223333",
    )
    return stack.resources["Subject"].get("Value")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"Ref": "Name"}, "orders"),
        ({"Ref": "Zones"}, ["a", "b"]),
        ({"Ref": "AWS::Region"}, "ap-south-1"),
        ({"Fn::Sub": "arn:${AWS::Partition}:s3:::${Bucket}/${!literal}"}, "arn:aws:s3:::data/${literal}"),
        ({"Fn::Sub": ["${x}-${Name}", {"x": "y"}]}, "y-orders"),
        ({"Fn::Sub": "${Bucket.Arn}/*"}, "arn:aws:s3:::data/*"),
        ({"Fn::Join": ["-", ["a", {"Ref": "Name"}]]}, "a-orders"),
        ({"Fn::Select": [1, {"Fn::Split": [",", "a,b,c"]}]}, "b"),
        ({"Fn::FindInMap": ["Sizes", "prod", "days"]}, 90),
        ({"Fn::If": ["Yes", 1, 2]}, 1),
        ({"Fn::If": ["No", 1, 2]}, 2),
        ({"Fn::If": ["Both", 1, 2]}, 2),
        ({"Fn::If": ["Either", 1, 2]}, 1),
        ({"Fn::If": ["Unknown", 3, 3]}, 3),
        ([{"Ref": "AWS::NoValue"}, 1], [1]),
        ({"Fn::Base64": "text"}, "dGV4dA=="),
        ({"a": {"Ref": "Name"}, "b": 2}, {"a": "orders", "b": 2}),
    ],
)
def test_functions_are_carried_out(value: object, expected: object) -> None:
    assert resolved(value) == expected


@pytest.mark.parametrize(
    "value",
    [
        {"Ref": "Given"},
        {"Ref": "Image"},
        {"Ref": "Nowhere"},
        {"Fn::GetAtt": ["Nowhere", "Arn"]},
        {"Fn::ImportValue": "nobody-exports-this"},
        {"Fn::GetAZs": ""},
        {"Fn::If": ["Unknown", 1, 2]},
        {"Fn::Select": [9, ["a"]]},
        {"Fn::FindInMap": ["Sizes", "dev", "days"]},
        {"Fn::Join": ["", ["arn:", {"Ref": "Given"}]]},
    ],
)
def test_what_only_a_deployment_knows_is_not_guessed(value: object) -> None:
    assert isinstance(resolved(value), Unresolved)


def test_what_is_known_of_a_longer_text_is_kept() -> None:
    found = resolved({"Fn::Sub": "service/${Given}/x"})
    assert isinstance(found, Unresolved)
    assert found.text.startswith("service/")


def test_a_property_without_value_is_not_there() -> None:
    assert resolved({"Ref": "AWS::NoValue"}) is None


def test_a_generated_name_leads_back_to_its_resource() -> None:
    assembly = Assembly()
    stack = assembly.add("stack", TEMPLATE, known_region="ap-south-1")
    topic = stack.resources["Topic"]
    consumer = Resource(stack, "Consumer", {"Type": "X", "Properties": {"Arn": {"Fn::Sub": "${Topic}"}}})
    assert assembly.resource_of(consumer.get("Arn")) is topic
    assert assembly.region_of(consumer.get("Arn")) == "ap-south-1"


def test_exports_hold_in_their_region_only() -> None:
    assembly = Assembly()
    exporter = {
        "Resources": {"Bucket": BUCKET},
        "Outputs": {"Name": {"Value": {"Ref": "Bucket"}, "Export": {"Name": "n"}}},
    }
    user = {"Resources": {"It": {"Type": "X", "Properties": {"Name": {"Fn::ImportValue": "n"}}}}}
    assembly.add("exporter", exporter, known_region="ap-south-1")
    near = assembly.add("near", user, known_region="ap-south-1")
    far = assembly.add("far", user, known_region="ap-southeast-1")
    assert near.resources["It"].get("Name") == "data"
    assert isinstance(far.resources["It"].get("Name"), Unresolved)


def test_parameters_that_go_in_circles_end() -> None:
    endless: dict[str, Any] = {"Resources": {}, "Conditions": {"A": {"Fn::Not": [{"Condition": "A"}]}}}
    assert isinstance(resolved({"Fn::If": ["A", 1, 2]}, template=endless), Unresolved)


def test_a_name_that_refers_to_itself_ends() -> None:
    assembly = Assembly()
    body = {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": {"Fn::Sub": "${Bucket}-x"}}}
    stack = assembly.add("stack", {"Resources": {"Bucket": body}}, known_region="ap-south-1")
    assert isinstance(stack.resources["Bucket"].get("BucketName"), str)
