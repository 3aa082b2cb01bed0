"""Snapshots of the primary, their copies, and the monthly proof that they restore."""

from aws_cdk import CfnOutput, Duration
from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from continuity.audit import BackupAudit, plan_controls, vault_controls
from continuity.buckets import EvidenceStore
from continuity.deployment import Deployment
from continuity.snapshots import SnapshotPlan
from continuity.vault import LockedVault
from continuity.vault_proof import VaultProof
from recovery import objectives
from stacks.regional_stack import RegionalStack


class BackupStack(RegionalStack):
    """The primary vault, the plan that fills it, the restore test of what lies in it, and AWS's own audit of that."""

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
        audited: bool,
    ) -> None:
        super().__init__(scope, id, deployment=deployment, region=region)
        names = deployment.names
        locked = LockedVault(self, "Vault", deployment=deployment, vault_name=names.primary_vault_name)
        vault, self.vault_key = locked.vault, locked.key
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
        self.proof = VaultProof(
            self,
            "Proof",
            deployment=deployment,
            vpc=vpc,
            vault=vault,
            label="primary",
            test_schedule=objectives.PRIMARY_RESTORE_TEST_SCHEDULE,
            protected_resource_arn=names.instance_arn,
            evidence=evidence,
        )
        if audited:
            BackupAudit(
                self,
                "Audit",
                deployment=deployment,
                label="primary",
                controls=[
                    *plan_controls(environment=names.environment, copy_region=names.recovery_region),
                    *vault_controls(names.primary_vault_name),
                ],
                job_reports=["BACKUP_JOB_REPORT", "COPY_JOB_REPORT", "RESTORE_JOB_REPORT"],
            )
        CfnOutput(self, "PlanId", value=snapshots.plan.backup_plan_id)
        CfnOutput(self, "VaultName", value=vault.backup_vault_name)
        self.proof.name_outputs(self)
