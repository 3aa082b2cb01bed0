"""Customer-managed KMS keys, and the lookup of the recovery region's keys from the primary."""

from typing import cast

from aws_cdk import CustomResource, Duration
from aws_cdk import aws_kms as kms
from constructs import Construct

from continuity.acknowledgement import acknowledge, acknowledge_expendable
from continuity.deployment import Deployment
from continuity.function import PythonFunction
from continuity.interfaces import allow


def encryption_key(
    scope: Construct,
    id: str,  # noqa: A002
    *,
    deployment: Deployment,
    description: str,
    alias: str | None = None,
) -> kms.IKey:
    """A symmetric key with yearly rotation. Losing it loses everything encrypted with it, so it outlives its stack."""
    key = kms.Key(
        scope,
        id,
        alias=alias,
        description=description,
        enable_key_rotation=True,
        pending_window=Duration.days(30),
        removal_policy=deployment.keep,
    )
    acknowledge_expendable(key, deployment)
    return cast(kms.IKey, key)


class RecoveryKeys(Construct):
    """The ARNs of the recovery region's keys, found by alias when the stack is deployed.

    RDS documents only key ARNs for the replication of automated backups, and IAM policies match only those; a key's
    id cannot be chosen. docs/decisions/0002-recovery-keys-are-looked-up.md weighs the alternatives.
    """

    def __init__(self, scope: Construct, id: str, *, deployment: Deployment) -> None:  # noqa: A002
        super().__init__(scope, id)
        names = deployment.names
        self._names = names
        self._function = PythonFunction(
            self,
            "Function",
            deployment=deployment,
            package="find_key",
            description="Finds the recovery region's KMS keys by alias, at deploy",
            timeout=Duration.minutes(1),
            environment={"KEY_REGION": names.recovery_region},
        )
        keys = f"arn:aws:kms:{names.recovery_region}:{names.account}:key/*"
        acknowledge(
            self._function.execution_role,
            {f"IAM5[Resource::{keys}]": "Key ids are what it looks for; the condition admits our aliases only."},
        )
        allow(
            self._function.execution_role,
            ["kms:DescribeKey"],
            [keys],
            conditions={
                "ForAnyValue:StringLike": {"kms:ResourceAliases": names.recovery_key_alias("*")},
            },
        )

    def arn(self, purpose: str) -> str:
        """The ARN of the key for ``purpose``, as a deploy-time value."""
        lookup = CustomResource(
            self,
            f"{purpose.title().replace('-', '')}Key",
            resource_type="Custom::RecoveryKey",
            service_token=self._function.function_arn,
            properties={"Alias": self._names.recovery_key_alias(purpose)},
        )
        return lookup.get_att_string("Arn")
