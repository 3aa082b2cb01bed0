"""Looks through a vault every day, for no event tells of a recovery point that AWS Backup could not delete."""

from aws_cdk import Duration, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from continuity.acknowledgement import acknowledge
from continuity.deployment import Deployment
from continuity.function import PythonFunction
from continuity.interfaces import allow, start
from continuity.state_machines import invoke_step, state_machine
from recovery import objectives


class RecoveryPointWatch(Construct):
    """A machine that fails with what was found as its cause, at RECOVERY_POINT_REVIEW_SCHEDULE.

    It fails too when the vault could not be looked at: silence must mean that all is well.
    """

    def __init__(self, scope: Construct, id: str, *, deployment: Deployment, vault_name: str) -> None:  # noqa: A002
        super().__init__(scope, id)
        function = PythonFunction(
            self,
            "Function",
            deployment=deployment,
            package="review_recovery_points",
            description="Finds recovery points that expired, are stuck or completed with warnings",
            timeout=Duration.minutes(2),
            environment={"VAULT_NAME": vault_name},
        )
        self._allow(function.execution_role, vault_name)
        review = invoke_step(self, "Review", function, payload=None)
        verdict = (
            sfn.Choice(self, "Findings?")
            .when(sfn.Condition.number_equals("$.findings", 0), sfn.Succeed(self, "Well"))
            .otherwise(sfn.Fail(self, "Found", error="RecoveryPointsNeedAttention", cause_path="$.summary"))
        )
        self.machine = state_machine(
            self,
            deployment=deployment,
            first=review.next(verdict),
            timeout=Duration.minutes(30),
            functions=[function],
        )
        events.Rule(
            self,
            "Schedule",
            description=f"Look through the recovery points of {vault_name}",
            schedule=events.Schedule.expression(objectives.RECOVERY_POINT_REVIEW_SCHEDULE),
            targets=[start(self.machine)],
        )

    def _allow(self, role: iam.IRole, vault_name: str) -> None:
        stack = Stack.of(self)
        of_the_vault = ["backup:DescribeBackupVault", "backup:ListRecoveryPointsByBackupVault"]
        vault = f"arn:aws:backup:{stack.region}:{stack.account}:backup-vault:{vault_name}"
        allow(role, of_the_vault, [vault])
        jobs = ["backup:ListBackupJobs", "backup:ListCopyJobs"]
        allow(role, jobs, ["*"])
        instances = f"arn:aws:rds:{stack.region}:{stack.account}:db:*"
        allow(role, ["rds:DescribeDBInstances"], [instances])
        acknowledge(
            role,
            {
                "IAM5[Resource::*]": "AWS Backup's lists of jobs know no resource to grant on.",
                f"IAM5[Resource::{instances}]": "Instances that restore tests left behind have names nobody chose.",
            },
        )
