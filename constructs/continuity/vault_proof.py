"""The proof of what lies in a vault: it restores, the restored copy is what it should be, and somebody watches."""

from aws_cdk import CfnOutput
from aws_cdk import aws_backup as backup
from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from continuity.buckets import EvidenceStore
from continuity.deployment import Deployment
from continuity.recovery_point_watch import RecoveryPointWatch
from continuity.restore_test_watch import RestoreTestWatch
from continuity.restore_testing import RestoreTarget, RestoreTest
from continuity.restore_verification import RestoreVerification


class VaultProof(Construct):
    """Restore test of ``vault`` on ``test_schedule``, verification of every restore of the region, and watches
    over the test and over the recovery points themselves.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002
        *,
        deployment: Deployment,
        vpc: ec2.IVpc,
        vault: backup.IBackupVault,
        label: str,
        test_schedule: str,
        protected_resource_arn: str,
        evidence: EvidenceStore,
    ) -> None:
        super().__init__(scope, id)
        target = RestoreTarget(self, "Target", deployment=deployment, vpc=vpc)
        self._test = RestoreTest(
            self,
            "Test",
            deployment=deployment,
            vault=vault,
            label=label,
            schedule=test_schedule,
            protected_resource_arn=protected_resource_arn,
            target=target,
        )
        self._verification = RestoreVerification(
            self,
            "Verification",
            deployment=deployment,
            target=target,
            evidence=evidence,
            source_identifier=deployment.names.instance_identifier,
        )
        watch = RestoreTestWatch(
            self, "TestWatch", deployment=deployment, plan=self._test.plan, test_schedule=test_schedule
        )
        points = RecoveryPointWatch(
            self, "RecoveryPointWatch", deployment=deployment, vault_name=vault.backup_vault_name
        )
        self.review_machine_arn = points.machine.state_machine_arn
        self.lost_events = self._verification.lost_events
        self.state_machine_arns = [self._verification.machine.state_machine_arn, watch.machine.state_machine_arn]

    def name_outputs(self, stack: Construct) -> None:
        """Give ``stack`` the outputs by which operators start a test and a verification."""
        CfnOutput(stack, "RestoreTestingPlanName", value=self._test.plan.restore_testing_plan_name)
        CfnOutput(stack, "VerificationStateMachineArn", value=self._verification.machine.state_machine_arn)
