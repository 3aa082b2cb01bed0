"""The three functions of the verification, each with no more rights than its step needs."""

from collections.abc import Mapping

from aws_cdk import Duration, Stack
from aws_cdk import aws_iam as iam
from constructs import Construct

from continuity.acknowledgement import acknowledge
from continuity.buckets import EvidenceStore
from continuity.deployment import Deployment
from continuity.function import PythonFunction
from continuity.interfaces import allow
from continuity.postgres import database_environment
from continuity.pulse import VERIFIER_USER
from continuity.restore_testing import RestoreTarget


class VerificationFunctions(Construct):
    """``describe`` and ``judge`` call AWS from outside the VPC; ``check`` reaches the restored database inside it."""

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002
        *,
        deployment: Deployment,
        target: RestoreTarget,
        evidence: EvidenceStore,
        source_identifier: str,
    ) -> None:
        super().__init__(scope, id)
        self._deployment = deployment
        self._evidence = evidence
        self._source = source_identifier
        self.describe = self._describe()
        self.check = self._check(target)
        self.judge = self._judge()

    def _describe(self) -> PythonFunction:
        function = self._function(
            "describe_restore",
            "Finds out what was restored, from what, and against which manifest to check it",
            timeout=Duration.minutes(5),
        )
        role = function.execution_role
        _allow_on_restore_jobs(role, "backup:DescribeRestoreJob")
        _allow(
            role,
            ["rds:DescribeDBInstances"],
            f"arn:aws:rds:{self._region}:{self._account}:db:*",
            "The restored instance gets its name from the restore, which nobody knows at deploy.",
        )
        _allow(
            role,
            ["backup:DescribeRecoveryPoint"],
            f"arn:aws:rds:{self._region}:{self._account}:snapshot:awsbackup:*",
            "AWS Backup names the snapshots it takes; the prefix is all of the name that is known.",
        )
        self._evidence.grant_list(role, "manifests")
        self._evidence.grant_read(role, "manifests")
        return function

    def _check(self, target: RestoreTarget) -> PythonFunction:
        function = PythonFunction(
            self,
            "CheckRestore",
            deployment=self._deployment,
            package="check_restore",
            description="Plans the parts of all checks of the restored database, and does one of them",
            timeout=Duration.minutes(15),
            memory_mib=1024,
            environment={
                **self._evidence.environment,
                **database_environment(self._deployment),
                "DATABASE_IDENTIFIER": self._source,
            },
            vpc=target.vpc,
            security_groups=[target.access.clients],
        )
        _allow(
            function.execution_role,
            ["rds-db:connect"],
            f"arn:aws:rds-db:{self._region}:{self._account}:dbuser:*/{VERIFIER_USER}",
            "A restored instance has a new resource id; the read-only user is fixed, and so are its subnets and group.",
        )
        self._evidence.grant_read(function.execution_role, "manifests")
        self._evidence.grant_read(function.execution_role, "parts")
        self._evidence.grant_write(function.execution_role, "parts")
        return function

    def _judge(self) -> PythonFunction:
        function = self._function(
            "judge_restore",
            "Turns the checks into a verdict, evidence, metrics and the restore job's validation result",
            # It reads the result of every part, one after the other, and the whole manifest.
            timeout=Duration.minutes(15),
            memory_mib=1024,
            environment={"OPTIONAL_CHECKS": ",".join(self._deployment.optional_checks)},
        )
        role = function.execution_role
        _allow_on_restore_jobs(role, "backup:DescribeRestoreJob", "backup:PutRestoreValidationResult")
        self._evidence.grant_read(role, "manifests")
        self._evidence.grant_read(role, "parts")
        self._evidence.grant_list(role, "parts")
        self._evidence.grant_read(role, "evidence")
        self._evidence.grant_list(role, "evidence")  # the chain's newest link
        self._evidence.grant_write(role, "evidence")
        return function

    def _function(
        self,
        package: str,
        description: str,
        *,
        timeout: Duration,
        memory_mib: int = 256,
        environment: Mapping[str, str] | None = None,
    ) -> PythonFunction:
        return PythonFunction(
            self,
            package.title().replace("_", ""),
            deployment=self._deployment,
            package=package,
            description=description,
            timeout=timeout,
            memory_mib=memory_mib,
            environment={
                **self._evidence.environment,
                "DATABASE_IDENTIFIER": self._source,
                **(environment or {}),
            },
        )

    @property
    def _region(self) -> str:
        return Stack.of(self).region

    @property
    def _account(self) -> str:
        return Stack.of(self).account


def _allow_on_restore_jobs(role: iam.IRole, *actions: str) -> None:
    _allow(role, list(actions), "*", "AWS Backup's actions on restore jobs know no resource to grant on.")


def _allow(role: iam.IRole, actions: list[str], resource: str, reason: str) -> None:
    allow(role, actions, [resource])
    acknowledge(role, {f"IAM5[Resource::{resource}]": reason})
