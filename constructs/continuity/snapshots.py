"""The backup plan: weekly and monthly snapshots of the database, each copied to the recovery vault."""

from aws_cdk import Duration
from aws_cdk import aws_backup as backup
from aws_cdk import aws_events as events
from constructs import Construct

from continuity.acknowledgement import acknowledge
from continuity.deployment import Deployment
from continuity.interfaces import service_role
from continuity.restore_testing import MANAGED_POLICY_REASON


class SnapshotPlan(Construct):
    """Two rules with their copies. Point-in-time recovery stays with RDS: a continuous rule here would take over the
    instance's own window and retention.

    The database is selected by its ARN, because a selection by tag obeys the account's opt-in setting.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002
        *,
        deployment: Deployment,
        vault: backup.IBackupVault,
        weekly_schedule: str,
        monthly_schedule: str,
        start_window: Duration,
        completion_window: Duration,
        retention: Duration,
    ) -> None:
        super().__init__(scope, id)
        names = deployment.names
        recovery_vault = backup.BackupVault.from_backup_vault_arn(self, "RecoveryVault", names.recovery_vault_arn)
        self.plan = backup.BackupPlan(
            self,
            "Plan",
            backup_plan_rules=[
                backup.BackupPlanRule(
                    rule_name=name,
                    backup_vault=vault,
                    schedule_expression=events.Schedule.expression(schedule),
                    start_window=start_window,
                    completion_window=completion_window,
                    delete_after=retention,
                    copy_actions=[
                        backup.BackupPlanCopyActionProps(
                            destination_backup_vault=recovery_vault, delete_after=retention
                        )
                    ],
                )
                for name, schedule in (("weekly", weekly_schedule), ("monthly", monthly_schedule))
            ],
        )
        policy = "service-role/AWSBackupServiceRolePolicyForBackup"
        role = service_role(self, "Role", "backup", managed_policy=policy)
        acknowledge(role, {f"IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/{policy}]": MANAGED_POLICY_REASON})
        self.plan.add_selection(
            "Database",
            resources=[backup.BackupResource.from_arn(names.instance_arn)],
            role=role,
            disable_default_backup_policy=True,
        )
