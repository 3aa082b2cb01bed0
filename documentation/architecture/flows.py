"""What flows between the blocks: an arrow is drawn when the templates wire it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from documentation.architecture.blocks import ALARM_STACKS, APPLICATION_STACK, PROOF_STACK
from documentation.architecture.templates import Json, Templates, mentions
from recovery.names import CLIENTS_RULE, Names

Kind = Literal["data", "proof", "control"]


@dataclass(frozen=True, kw_only=True)
class Flow:
    """An arrow between two blocks. A faint one is wired and not used now."""

    source: str
    target: str
    kind: Kind
    label: str = ""
    faint: bool = False


def flows_of(templates: Templates, names: Names) -> list[Flow]:
    """Every arrow that the templates wire."""
    return [
        *_into_the_database(templates),
        *_copies(templates, names),
        *_proofs(templates, names),
        *_switching(templates, names),
        *_people(templates, names),
    ]


def _into_the_database(templates: Templates) -> Iterator[Flow]:
    if templates.find("Database", "AWS::EC2::SecurityGroupIngress", Description=CLIENTS_RULE):
        yield Flow(source="service-primary", target="database", kind="data")
        yield Flow(source="pulse", target="database", kind="data")


def _copies(templates: Templates, names: Names) -> Iterator[Flow]:
    if templates.find("RecoveryStandby", "AWS::RDS::DBInstance", SourceDBInstanceIdentifier=names.instance_arn):
        yield Flow(source="database", target="replica", kind="data", label="streams")
    if templates.find("Database", "AWS::RDS::DBInstance", AutomaticBackupReplicationRegion=names.recovery_region):
        yield Flow(source="database", target="replicated", kind="data", label="backups and log")
    selected = templates.find("Backup", "AWS::Backup::BackupSelection")
    if selected and mentions(selected, names.instance_arn):
        yield Flow(source="database", target="vault-primary", kind="data", label="snapshots")
    if mentions(templates.find("Backup", "AWS::Backup::BackupPlan"), names.recovery_vault_arn):
        yield Flow(source="vault-primary", target="vault-recovery", kind="data", label="copies")
    bucket = templates.find("DeviceBackups", "AWS::S3::Bucket", BucketName=names.device_bucket_name)
    rules: list[Json] = [] if bucket is None else bucket.get("ReplicationConfiguration", {}).get("Rules", [])
    for rule in rules:
        if rule["Status"] == "Enabled" and mentions(rule["Destination"], names.device_replica_bucket_name):
            minutes = rule["Destination"]["ReplicationTime"]["Time"]["Minutes"]
            yield Flow(source="devices-primary", target="devices-recovery", kind="data", label=f"within {minutes} min")


def _proofs(templates: Templates, names: Names) -> Iterator[Flow]:
    for side, stack in PROOF_STACK.items():
        plan = templates.find(stack, "AWS::Backup::RestoreTestingPlan")
        if plan and plan["RecoveryPointSelection"]["IncludeVaults"]:
            yield Flow(source=f"vault-{side}", target=f"verification-{side}", kind="proof", label="restore test")
        if _function_knows(templates, stack, "judge_restore", names.evidence_bucket_name):
            yield Flow(source=f"verification-{side}", target="evidence", kind="proof", label="verdict")
    if _function_knows(templates, "Database", "manifest", names.evidence_bucket_name):
        yield Flow(source="manifest", target="evidence", kind="proof", label="manifests")


def _function_knows(templates: Templates, stack: str, service: str, text: str) -> bool:
    functions = templates.all(stack, "AWS::Lambda::Function")
    variables = (function.get("Environment", {}).get("Variables", {}) for function in functions)
    return any(each.get("POWERTOOLS_SERVICE_NAME") == service and mentions(each, text) for each in variables)


def _switching(templates: Templates, names: Names) -> Iterator[Flow]:
    stack = "RecoveryStandby"
    policies = list(templates.all(stack, "AWS::IAM::Policy"))
    if any(
        mentions(policy, "rds:PromoteReadReplica") and mentions(policy, names.replica_identifier) for policy in policies
    ):
        yield Flow(source="failover", target="replica", kind="control", label="promotes")
    if any(mentions(policy, "ecs:UpdateService") for policy in policies):
        yield Flow(source="failover", target="service-recovery", kind="control", label="starts")


def _people(templates: Templates, names: Names) -> Iterator[Flow]:
    for side, stack in APPLICATION_STACK.items():
        record = templates.find(stack, "AWS::Route53::RecordSet")
        if record:
            weight = record["Weight"]
            yield Flow(source="name", target=f"service-{side}", kind="control", label=str(weight), faint=weight == 0)
    for side, stacks in ALARM_STACKS.items():
        if templates.find(stacks[0], "AWS::SNS::Topic", TopicName=names.alarm_topic_name):
            yield Flow(source=f"alarms-{side}", target="on-call", kind="control")
