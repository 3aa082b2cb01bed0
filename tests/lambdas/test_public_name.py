"""The public name on emulated Route 53 records."""

from typing import Any
from uuid import uuid4

import boto3
import pytest

from lab.cloud import Cloud
from recovery.failover.public_name import move_name

NAME = "api.example.test"


@pytest.fixture
def route53(cloud: Cloud) -> Any:
    untyped: Any = boto3
    return untyped.client(
        "route53", endpoint_url=cloud.endpoint, region_name="us-east-1",
        aws_access_key_id=cloud.account, aws_secret_access_key="lab",
    )  # fmt: skip


def zone(route53: Any, *regions: str) -> str:
    identifier = route53.create_hosted_zone(Name="example.test.", CallerReference=uuid4().hex)["HostedZone"]["Id"]
    for region in regions:
        record = {
            "Name": f"{NAME}.", "Type": "A", "SetIdentifier": region, "Weight": 100 if region == "old" else 0,
            "TTL": 60, "ResourceRecords": [{"Value": "192.0.2.1"}],
        }  # fmt: skip
        changes = [{"Action": "CREATE", "ResourceRecordSet": record}]
        route53.change_resource_record_sets(HostedZoneId=identifier, ChangeBatch={"Changes": changes})
    return identifier


def test_all_weight_goes_to_the_new_region_and_a_repeat_changes_nothing(route53: Any) -> None:
    zone_id = zone(route53, "old", "new")
    for _ in range(2):
        move_name(route53, zone_id=zone_id, name=NAME, to_region="new", from_region="old")
        listed = route53.list_resource_record_sets(HostedZoneId=zone_id)["ResourceRecordSets"]
        weights = {each["SetIdentifier"]: each["Weight"] for each in listed if "SetIdentifier" in each}
        assert weights == {"old": 0, "new": 100}


def test_region_without_a_record_is_named_and_nothing_moves(route53: Any) -> None:
    zone_id = zone(route53, "old")
    with pytest.raises(LookupError, match="none for new"):
        move_name(route53, zone_id=zone_id, name=NAME, to_region="new", from_region="old")
