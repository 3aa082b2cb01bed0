"""What a region has beside its database for a failover: the guard, and the check of the region's own instance."""

from collections.abc import Sequence
from typing import cast

from aws_cdk import Duration, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from continuity.acknowledgement import acknowledge
from continuity.api_service import Scale
from continuity.buckets import EvidenceStore
from continuity.deployment import Deployment
from continuity.function import PythonFunction
from continuity.interfaces import allow, invoke
from continuity.postgres import DatabaseConnection, database_environment
from continuity.pulse import VERIFIER_USER
from recovery import objectives
from recovery.names import CLUSTER, SERVICE


class Guard(Construct):
    """The guard, each minute and whenever a failover asks, and the check; both by names that another region knows.

    The guard acts in its own region only: a lost region needs no call, and a living one needs no key of the other's.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002
        *,
        deployment: Deployment,
        connection: DatabaseConnection,
        secret_arn: str,
        key: kms.IKey,
        evidence: EvidenceStore,
        scale: Scale,
        image_repository: str,
    ) -> None:
        super().__init__(scope, id)
        self._deployment, self._evidence = deployment, evidence
        self._connection = connection
        self._group = connection.access.guards()
        self.function = self._guard(scale)
        self._let_guard(secret_arn, key, image_repository)
        self.check = self._check()
        interval = Duration.seconds(objectives.HEARTBEAT_INTERVAL.total_seconds())
        events.Rule(
            self,
            "Schedule",
            description="Fences this region when another one has become primary",
            schedule=events.Schedule.rate(interval),
            targets=[invoke(self.function, retries=0, max_age=interval)],
        )

    def _guard(self, scale: Scale) -> PythonFunction:
        names, connection = self._deployment.names, self._connection
        return PythonFunction(
            self,
            "Function",
            deployment=self._deployment,
            package="guard",
            name=names.guard_name,
            description="Does what a failover asks of this region, and fences what another region has superseded",
            timeout=Duration.minutes(14),
            memory_mib=512,
            environment={
                **connection.environment(self._deployment),
                **self._evidence.environment,
                "DATABASE_IDENTIFIER": names.instance_identifier,
                "ACCOUNT": names.account,
                "PRIMARY_REGION": names.primary_region,
                "RECOVERY_REGION": names.recovery_region,
                "CLIENTS_GROUP": connection.clients.security_group_id,
                "INSTANCES_GROUP": connection.access.instances.security_group_id,
                "LEAST_TASKS": str(scale.minimum),
                "MOST_TASKS": str(scale.maximum),
            },
            vpc=connection.vpc,
            security_groups=cast("list[ec2.ISecurityGroup]", [self._group]),
        )

    def _check(self) -> PythonFunction:
        names = self._deployment.names
        function = PythonFunction(
            self,
            "Check",
            deployment=self._deployment,
            package="check_restore",
            name=names.promoted_check_name,
            description="Plans and does the checks of this region's instance once it was promoted",
            timeout=Duration.minutes(14),
            memory_mib=1024,
            environment={
                **self._evidence.environment,
                **database_environment(self._deployment),
                "DATABASE_IDENTIFIER": names.instance_identifier,
            },
            vpc=self._connection.vpc,
            security_groups=cast("list[ec2.ISecurityGroup]", [self._group]),
        )
        self._connection.grant_sign_in(function.execution_role, VERIFIER_USER)
        self._evidence.grant_read(function.execution_role, "manifests")
        self._evidence.grant_read(function.execution_role, "parts")
        self._evidence.grant_write(function.execution_role, "parts")
        return function

    def _let_guard(self, secret_arn: str, key: kms.IKey, repository: str) -> None:
        names, role = self._deployment.names, self.function.execution_role
        # Said here and not in the key's policy, which is deployed before.
        self._allow(["secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"], [secret_arn])
        self._allow(["kms:Decrypt"], [key.key_arn])
        self._evidence.grant_list(role, "epochs")
        self._evidence.grant_read(role, "epochs")
        identifier = names.identifier_in(self._region)
        instances = [self._arn("rds", f"db:{identifier}"), self._arn("rds", f"db:{identifier}-retired-*")]
        self._allow(["rds:DescribeDBInstances", "rds:PromoteReadReplica", "rds:ModifyDBInstance"], instances)
        other = names.instance_arn_in(names.other_region(self._region))
        self._allow(
            ["rds:CreateDBInstanceReadReplica", "rds:AddTagsToResource"],
            [
                *instances,
                other,
                *(self._arn("rds", name) for name in ("og:default*", "pg:*", "subgrp:*")),
            ],
        )
        self._allow(["kms:CreateGrant", "kms:DescribeKey"], [key.key_arn])
        if self._region == names.recovery_region:
            self._let_keep_backups(other)
        service = self._arn("ecs", f"service/{CLUSTER}/{SERVICE}")
        self._allow(["ecs:DescribeServices", "ecs:UpdateService"], [service])
        self._allow(["ecs:DescribeTaskDefinition"], ["*"])
        self._allow(
            ["application-autoscaling:RegisterScalableTarget"],
            [self._arn("application-autoscaling", "scalable-target/*")],
            conditions={"StringEquals": {"application-autoscaling:service-namespace": "ecs"}},
        )
        self._allow(["ecr:DescribeImages"], [self._arn("ecr", f"repository/{repository}")])
        rules = (names.heartbeat_rule_name, names.manifest_rule_name)
        self._allow(["events:EnableRule", "events:DisableRule"], [self._arn("events", f"rule/{r}") for r in rules])
        instances_group = self._connection.access.instances.security_group_id
        self._allow(
            ["ec2:AuthorizeSecurityGroupIngress", "ec2:RevokeSecurityGroupIngress"],
            [self._arn("ec2", f"security-group/{instances_group}")],
        )
        self._acknowledge(role, instances[1])

    def _let_keep_backups(self, source: str) -> None:
        """Automated backups are replicated to the recovery region only, by a call there that names their source."""
        kept = self._arn("rds", "auto-backup:*")
        self._allow(
            ["rds:StartDBInstanceAutomatedBackupsReplication", "rds:DescribeDBInstanceAutomatedBackups"], [source, kept]
        )
        reason = "RDS itself names the automated backups of an instance."
        acknowledge(self.function.execution_role, {f"IAM5[Resource::{kept}]": reason})

    def _acknowledge(self, role: iam.IRole, retired: str) -> None:
        acknowledge(
            role,
            {
                f"IAM5[Resource::{retired}]": "An instance that steps aside in a failback is named by its epoch.",
                f"IAM5[Resource::{self._arn('rds', 'og:default*')}]": "RDS itself names the default option"
                " group of an engine.",
                f"IAM5[Resource::{self._arn('rds', 'pg:*')}]": "CloudFormation names the parameter group; a replica is"
                " made with the one that its predecessor has.",
                f"IAM5[Resource::{self._arn('rds', 'subgrp:*')}]": "CloudFormation names the subnet group; a replica is"
                " made in the one that its predecessor lies in.",
                f"IAM5[Resource::{self._arn('application-autoscaling', 'scalable-target/*')}]": "AWS numbers the"
                " targets; the condition admits those of ECS only.",
                "IAM5[Resource::*]": "ecs:DescribeTaskDefinition knows no resource to grant on; and Lambda attaches a"
                " function to a VPC with EC2 actions that it checks on every resource.",
            },
        )

    def _allow(
        self, actions: Sequence[str], resources: Sequence[str], *, conditions: dict[str, dict[str, str]] | None = None
    ) -> None:
        allow(self.function.execution_role, actions, resources, conditions=conditions)

    def _arn(self, service: str, resource: str) -> str:
        return f"arn:aws:{service}:{self._region}:{self._deployment.names.account}:{resource}"

    @property
    def _region(self) -> str:
        return Stack.of(self).region
