"""The names that the table's texts are filled with: those both regions can compute, and those a stack hands over."""

from collections.abc import Mapping, Sequence

from recovery.names import CLUSTER, DEVICE_REPLICATION_RULE, SERVICE, Names

Values = Mapping[str, str | Sequence[str]]
# Of what CloudFormation names: only the stack that makes the alarms can tell, and no text for a person has them.
DEPLOYED = (
    "api_id",
    "device_queue",
    "load_balancer",
    "manifest_machine",
    "notifier_queue",
    "proof_machines",
    "restore_queue",
    "review_machines",
    "target_group",
)


def values_of(names: Names, region: str) -> dict[str, str]:
    """What is known of ``region`` by its names alone."""
    recovery = region == names.recovery_region
    return {
        "account": names.account,
        "bucket": names.evidence_bucket_name,
        "cluster": CLUSTER,
        "database": names.instance_identifier,
        "device_bucket": names.device_bucket_name,
        "device_replica_bucket": names.device_replica_bucket_name,
        "device_rule": DEVICE_REPLICATION_RULE,
        "environment": names.environment,
        "evidence_region": names.recovery_region,
        "failover_machine": names.failover_machine_arn,
        "instance": names.identifier_in(region),
        "other_region": names.other_region(region),
        "recovery_vault": names.recovery_vault_name,
        "region": region,
        "replica": names.replica_identifier,
        "routing_key": names.routing_key_name,
        "service": SERVICE,
        "vault": names.recovery_vault_name if recovery else names.primary_vault_name,
        "vault_arn": f"arn:aws:backup:{region}:{names.account}:backup-vault:"
        f"{names.recovery_vault_name if recovery else names.primary_vault_name}",
    }


def fill(template: str, values: Values) -> str:
    """``template`` with its names replaced. Raises ValueError that names what is missing."""
    try:
        return template.format_map(values)
    except KeyError as error:
        raise ValueError(f"expected a value for {error} of {template!r}, found none among {sorted(values)}") from None
