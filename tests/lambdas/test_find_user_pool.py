"""The recovery region's user pool is found by its domain."""

from collections.abc import Iterator
from uuid import uuid4

import pytest

from lab.cloud import Cloud
from lambdas.find_user_pool.handler import find_user_pool
from lambdas.shared import aws

RECOVERY = "ap-southeast-1"


@pytest.fixture
def domain(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A domain that is free yet; the process has the function's environment."""
    for name, value in cloud.environment.items():
        if name.startswith("AWS_"):
            monkeypatch.setenv(name, value)
    for name, value in {"ENVIRONMENT": "test", "METRIC_NAMESPACE": "Test", "POOL_REGION": RECOVERY}.items():
        monkeypatch.setenv(name, value)
    aws.cognito.cache_clear()
    yield f"devices-{uuid4().hex[:8]}"
    aws.cognito.cache_clear()


def pool_with(domain: str, clients: int) -> tuple[str, list[str]]:
    """A user pool with the domain and so many clients; its id and theirs."""
    cognito = aws.cognito(RECOVERY)
    pool = cognito.create_user_pool(PoolName=domain)["UserPool"].get("Id", "")
    cognito.create_user_pool_domain(Domain=domain, UserPoolId=pool)
    made = [cognito.create_user_pool_client(UserPoolId=pool, ClientName=f"c{n}") for n in range(clients)]
    return pool, [each["UserPoolClient"].get("ClientId", "") for each in made]


def test_issuer_and_client_are_those_of_the_pool_behind_the_domain(domain: str) -> None:
    pool_with(f"{domain}-other", 1)
    pool, (client,) = pool_with(domain, 1)
    assert find_user_pool({"Domain": domain}) == {
        "Issuer": f"https://cognito-idp.{RECOVERY}.amazonaws.com/{pool}",
        "ClientId": client,
    }


def test_missing_pool_is_told_with_its_domain(domain: str) -> None:
    with pytest.raises(Exception, match=domain):
        find_user_pool({"Domain": domain})


@pytest.mark.parametrize("clients", [0, 2])
def test_pool_whose_client_is_not_the_only_one_is_refused(domain: str, clients: int) -> None:
    pool_with(domain, clients)
    with pytest.raises(LookupError, match=f"expected one client .* found {clients}"):
        find_user_pool({"Domain": domain})
