"""CloudFormation custom resource: the ARN of the other region's KMS key that has an alias."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from lambdas.shared.aws import client
from lambdas.shared.custom_resource import answer_cloudformation
from lambdas.shared.settings import Settings


@dataclass(frozen=True, kw_only=True)
class FindKeySettings(Settings):
    """Where the key is."""

    key_region: str


def handler(event: dict[str, Any], context: LambdaContext) -> None:  # noqa: ARG001 - Lambda's signature
    """Find the key named by the property ``Alias`` and answer with its ``Arn``. Deleting it leaves the key alone."""
    answer_cloudformation(event, str(event["LogicalResourceId"]), find_key)


def find_key(properties: Mapping[str, Any]) -> dict[str, str]:
    """``{"Arn": ...}`` of the key behind ``properties["Alias"]``. Raises botocore's ClientError when there is none."""
    region = FindKeySettings.read().key_region
    key = client("kms", region=region).describe_key(KeyId=properties["Alias"])["KeyMetadata"]
    return {"Arn": key["Arn"]}
