"""Snapshots of the primary, their copies, and the monthly proof that they restore."""

from aws_cdk import CfnOutput, Duration
from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from continuity.buckets import EvidenceStore
from continuity.deployment import Deployment
from continuity.restore_test_watch import RestoreTestWatch
from continuity.restore_testing import RestoreTarget, RestoreTest
from continuity.restore_verification import RestoreVerification
from continuity.snapshots import SnapshotPlan
from continuity.vault import LockedVault
from recovery import objectives
from stacks.regional_stack import RegionalStack


class BackupStack(RegionalStack):
    """The primary vault, the plan that fills it, and the restore test of what lies in it."""

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002
        *,
        deployment: Deployment,
        region: str,
        vpc: ec2.IVpc,
        evidence: EvidenceStore,
        weekly_schedule: str,
        monthly_schedule: str,
        start_window: Duration,
        completion_window: Duration,
        retention: Duration,
    ) -> None:
        super().__init__(scope, id, deployment=deployment, region=region)
        names = deployment.names
        vault = LockedVault(self, "Vault", deployment=deployment, vault_name=names.primary_vault_name).vault
        snapshots = SnapshotPlan(
            self,
            "Snapshots",
            deployment=deployment,
            vault=vault,
            weekly_schedule=weekly_schedule,
            monthly_schedule=monthly_schedule,
            start_window=start_window,
            completion_window=completion_window,
            retention=retention,
        )
        target = RestoreTarget(self, "RestoreTarget", deployment=deployment, vpc=vpc)
        test = RestoreTest(
            self,
            "RestoreTest",
            deployment=deployment,
            vault=vault,
            label="primary",
            schedule=objectives.PRIMARY_RESTORE_TEST_SCHEDULE,
            protected_resource_arn=names.instance_arn,
            target=target,
        )
        self.verification = RestoreVerification(
            self,
            "Verification",
            deployment=deployment,
            target=target,
            evidence=evidence,
            source_identifier=names.instance_identifier,
        )
        watch = RestoreTestWatch(
            self,
            "RestoreTestWatch",
            deployment=deployment,
            plan=test.plan,
            test_schedule=objectives.PRIMARY_RESTORE_TEST_SCHEDULE,
        )
        self.vault_arn = vault.backup_vault_arn
        self.state_machine_arns = [self.verification.machine.state_machine_arn, watch.machine.state_machine_arn]
        CfnOutput(self, "PlanId", value=snapshots.plan.backup_plan_id)
        CfnOutput(self, "VaultName", value=vault.backup_vault_name)
        CfnOutput(self, "RestoreTestingPlanName", value=test.plan.restore_testing_plan_name)
        CfnOutput(self, "VerificationStateMachineArn", value=self.verification.machine.state_machine_arn)
