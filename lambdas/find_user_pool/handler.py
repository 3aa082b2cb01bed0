"""CloudFormation custom resource: the issuer and client of the user pool that has a domain in the other region."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from lambdas.shared.aws import cognito
from lambdas.shared.custom_resource import answer_cloudformation
from lambdas.shared.settings import Settings


@dataclass(frozen=True, kw_only=True)
class FindUserPoolSettings(Settings):
    """Where the pool is."""

    pool_region: str


def handler(event: dict[str, Any], context: LambdaContext) -> None:  # noqa: ARG001 - Lambda's signature
    """Find the pool behind the property ``Domain``; answer with its ``Issuer`` and its one client's ``ClientId``."""
    answer_cloudformation(event, str(event["LogicalResourceId"]), find_user_pool)


def find_user_pool(properties: Mapping[str, Any]) -> dict[str, str]:
    """``{"Issuer": ..., "ClientId": ...}``. Raises LookupError unless there is such a pool with exactly one client."""
    region, domain = FindUserPoolSettings.read().pool_region, properties["Domain"]
    client = cognito(region)
    pool = client.describe_user_pool_domain(Domain=domain)["DomainDescription"].get("UserPoolId")
    if pool is None:
        raise LookupError(f"expected a user pool with the domain {domain} in {region}, found none: deploy it first")
    clients = client.list_user_pool_clients(UserPoolId=pool, MaxResults=2)["UserPoolClients"]
    if len(clients) != 1:
        raise LookupError(f"expected one client of the user pool {pool} in {region}, found {len(clients)}")
    return {
        "Issuer": f"https://cognito-idp.{region}.amazonaws.com/{pool}",
        "ClientId": clients[0].get("ClientId", ""),
    }
