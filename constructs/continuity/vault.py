"""A backup vault whose recovery points nobody can delete before their time."""

from typing import cast

from aws_cdk import Duration
from aws_cdk import aws_backup as backup
from aws_cdk import aws_iam as iam
from constructs import Construct

from continuity.acknowledgement import acknowledge_expendable
from continuity.deployment import Deployment
from continuity.keys import encryption_key
from recovery import objectives


class LockedVault(Construct):
    """A vault with its own key, a governance lock and a policy that denies deletion.

    The lock refuses every job whose retention lies outside VAULT_LOCK_MIN_DAYS..VAULT_LOCK_MAX_DAYS. Without
    ``changeable_for`` it is a governance lock; with it, it would become irreversible after that time. Removing a vault
    that holds recovery points fails.
    """

    def __init__(self, scope: Construct, id: str, *, deployment: Deployment, vault_name: str) -> None:  # noqa: A002
        super().__init__(scope, id)
        self.key = encryption_key(
            self, "Key", deployment=deployment, description=f"Recovery points in the vault {vault_name}"
        )
        self.vault = backup.BackupVault(
            self,
            "Vault",
            backup_vault_name=vault_name,
            encryption_key=self.key,
            lock_configuration=backup.LockConfiguration(
                min_retention=Duration.days(objectives.VAULT_LOCK_MIN_DAYS),
                max_retention=Duration.days(objectives.VAULT_LOCK_MAX_DAYS),
            ),
            access_policy=iam.PolicyDocument(
                statements=[
                    iam.PolicyStatement(
                        sid="RecoveryPointsStay",
                        effect=iam.Effect.DENY,
                        principals=[cast(iam.IPrincipal, iam.AnyPrincipal())],
                        actions=[
                            "backup:DeleteBackupVault",
                            "backup:DeleteBackupVaultLockConfiguration",
                            "backup:DeleteRecoveryPoint",
                            "backup:DisassociateRecoveryPoint",
                            "backup:UpdateRecoveryPointLifecycle",
                        ],
                        resources=["*"],
                    )
                ]
            ),
            removal_policy=deployment.keep,
        )
        acknowledge_expendable(self.vault, deployment)
