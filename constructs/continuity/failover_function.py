"""The function that does the steps of a failover, and what it may: call functions of both regions, tell, record."""

from dataclasses import dataclass

from aws_cdk import Duration
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from constructs import Construct

from continuity.api_service import PublicName
from continuity.buckets import EvidenceStore
from continuity.deployment import Deployment
from continuity.function import PythonFunction
from continuity.interfaces import allow


@dataclass(frozen=True, kw_only=True)
class AlarmChannel:
    """Where a person is asked and told: a topic and the key it is encrypted with."""

    topic: sns.ITopic
    key: kms.IKey


def step_function(
    scope: Construct,
    id: str,  # noqa: A002
    *,
    deployment: Deployment,
    evidence: EvidenceStore,
    alarms: AlarmChannel,
    public_name: PublicName | None,
) -> PythonFunction:
    """The function. It changes nothing of the primary's region by itself: it asks that region's guard."""
    names = deployment.names
    zone = {"ZONE_ID": public_name.zone_id, "PUBLIC_NAME": public_name.name} if public_name else {}
    function = PythonFunction(
        scope,
        id,
        deployment=deployment,
        package="failover_step",
        name=names.failover_function_name,
        description="Does one step of a failover or failback",
        timeout=Duration.minutes(15),
        memory_mib=1024,
        environment={
            **evidence.environment,
            **zone,
            "DATABASE_IDENTIFIER": names.instance_identifier,
            "ACCOUNT": names.account,
            "PRIMARY_REGION": names.primary_region,
            "RECOVERY_REGION": names.recovery_region,
            "TOPIC_ARN": alarms.topic.topic_arn,
            "OPTIONAL_CHECKS": ",".join(deployment.optional_checks),
        },
    )
    role = function.execution_role
    for folder in ("evidence", "failovers", "epochs"):
        evidence.grant_list(role, folder)
        evidence.grant_read(role, folder)
        evidence.grant_write(role, folder)
    for folder in ("manifests", "parts"):
        evidence.grant_list(role, folder)
        evidence.grant_read(role, folder)
    allow(
        role,
        ["lambda:InvokeFunction"],
        [
            f"arn:aws:lambda:{region}:{names.account}:function:{name}"
            for region in (names.primary_region, names.recovery_region)
            for name in (names.guard_name, names.promoted_check_name)
        ],
    )
    allow(role, ["sns:Publish"], [alarms.topic.topic_arn])
    allow(role, ["kms:GenerateDataKey", "kms:Decrypt"], [alarms.key.key_arn])
    if public_name is not None:
        allow(
            role,
            ["route53:ListResourceRecordSets", "route53:ChangeResourceRecordSets"],
            [f"arn:aws:route53:::hostedzone/{public_name.zone_id}"],
        )
    return function
