"""The networks of both regions."""

import pytest

from tests.infrastructure.assemblies import PRIMARY, RECOVERY, Assembly

PLACES = [("Network", 0, PRIMARY), ("RecoveryFoundation", 1, RECOVERY)]
STACKS = [stack for stack, _, _ in PLACES]


@pytest.mark.parametrize(("stack", "octet", "region"), PLACES)
def test_vpc_and_subnets_have_the_product_contexts_addresses(
    assembly: Assembly, stack: str, octet: int, region: str
) -> None:
    assert assembly.only(stack, "AWS::EC2::VPC")["CidrBlock"] == f"10.{octet}.0.0/16"
    subnets = {s["CidrBlock"]: s["AvailabilityZone"] for s in assembly.properties(stack, "AWS::EC2::Subnet")}
    thirds = {1: "a", 2: "b", 10: "a", 20: "b", 100: "a", 200: "b"}
    assert subnets == {f"10.{octet}.{third}.0/24": f"{region}{zone}" for third, zone in thirds.items()}


@pytest.mark.parametrize("stack", STACKS)
def test_each_zone_has_its_nat_gateway(prod: Assembly, stack: str) -> None:
    gateways = prod.properties(stack, "AWS::EC2::NatGateway")
    assert len({gateway["SubnetId"]["Ref"] for gateway in gateways}) == 2


@pytest.mark.parametrize("stack", STACKS)
def test_database_subnets_have_no_way_out(prod: Assembly, stack: str) -> None:
    routes = prod.properties(stack, "AWS::EC2::Route")
    assert not [route for route in routes if "Database" in route["RouteTableId"]["Ref"]]


@pytest.mark.parametrize("stack", STACKS)
def test_no_subnet_gives_public_addresses_by_itself(prod: Assembly, stack: str) -> None:
    assert not any(subnet["MapPublicIpOnLaunch"] for subnet in prod.properties(stack, "AWS::EC2::Subnet"))


@pytest.mark.parametrize("stack", STACKS)
def test_flow_logs_are_kept(assembly: Assembly, stack: str) -> None:
    assert assembly.only(stack, "AWS::EC2::FlowLog")["TrafficType"] == "ALL"


def test_images_are_replicated_to_the_recovery_region(prod: Assembly) -> None:
    configuration = prod.only("Network", "AWS::ECR::ReplicationConfiguration")["ReplicationConfiguration"]
    (rule,) = configuration["Rules"]
    assert rule["Destinations"] == [{"Region": RECOVERY, "RegistryId": "333333333333"}]
    assert rule["RepositoryFilters"] == [{"Filter": "duskspendr-api", "FilterType": "PREFIX_MATCH"}]


@pytest.mark.parametrize("stack", STACKS)
def test_images_never_move_or_expire(prod: Assembly, stack: str) -> None:
    repository = prod.only(stack, "AWS::ECR::Repository")
    assert repository["ImageTagMutability"] == "IMMUTABLE"
    assert "LifecyclePolicy" not in repository


def test_recovery_keys_are_found_by_the_alias_the_foundation_gives_them(assembly: Assembly) -> None:
    given = {alias["AliasName"] for alias in assembly.properties("RecoveryFoundation", "AWS::KMS::Alias")}
    sought = {lookup["Alias"] for lookup in assembly.properties("Network", "Custom::RecoveryKey")}
    assert sought == given
    assert len(sought) == 3
