"""The public name: two weighted records, one a region, of which the weights say which serves."""

from typing import Any

WEIGHT_SERVING, WEIGHT_RESTING = 100, 0


def move_name(route53: Any, *, zone_id: str, name: str, to_region: str, from_region: str) -> list[dict[str, Any]]:  # noqa: ANN401 - a client without stubs
    """Give all weight to ``to_region``; returns the records as they are now. Safe to repeat.

    Raises LookupError when a region's record is missing, or botocore's errors.
    """
    wanted = {to_region: WEIGHT_SERVING, from_region: WEIGHT_RESTING}
    listed = route53.list_resource_record_sets(
        HostedZoneId=zone_id, StartRecordName=name, StartRecordType="A", MaxItems="100"
    )["ResourceRecordSets"]
    found = {
        each["SetIdentifier"]: each
        for each in listed
        if each["Name"].rstrip(".") == name and each["Type"] == "A" and each.get("SetIdentifier") in wanted
    }
    if missing := sorted(set(wanted) - set(found)):
        raise LookupError(
            f"expected a weighted record of {name} for each region, found none for {', '.join(missing)}: deploy the"
            " region's application stack"
        )
    records = [found[region] | {"Weight": weight} for region, weight in wanted.items()]
    route53.change_resource_record_sets(
        HostedZoneId=zone_id,
        ChangeBatch={"Changes": [{"Action": "UPSERT", "ResourceRecordSet": record} for record in records]},
    )
    return records
