"""CloudFormation custom resource: the ARN of the other region's KMS key that has an alias."""

# pyright: reportUnknownMemberType=false
# boto3-stubs types the clients it is installed for; the overloads of all others are unknown.

from collections.abc import Mapping
from typing import Any

import boto3
from aws_lambda_powertools.utilities.typing import LambdaContext

from lambdas.shared.custom_resource import answer_cloudformation
from lambdas.shared.settings import Settings


class FindKeySettings(Settings):
    """Where the key is."""

    key_region: str


def handler(event: dict[str, Any], context: LambdaContext) -> None:  # noqa: ARG001 - Lambda's signature
    """Find the key named by the property ``Alias`` and answer with its ``Arn``. Deleting it leaves the key alone."""
    answer_cloudformation(event, str(event["LogicalResourceId"]), find_key)


def find_key(properties: Mapping[str, Any]) -> dict[str, str]:
    """``{"Arn": ...}`` of the key behind ``properties["Alias"]``. Raises botocore's ClientError when there is none."""
    region = FindKeySettings.read().key_region
    key = boto3.client("kms", region_name=region).describe_key(KeyId=properties["Alias"])["KeyMetadata"]
    return {"Arn": key.get("Arn", "")}
