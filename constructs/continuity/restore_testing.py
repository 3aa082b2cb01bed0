"""The monthly restore test of a vault, and the place its restored instances are put into."""

import json

from aws_cdk import aws_backup as backup
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_rds as rds
from constructs import Construct

from continuity.acknowledgement import acknowledge
from continuity.deployment import Deployment
from continuity.interfaces import service_role
from continuity.network import Subnets
from continuity.postgres import DatabaseAccess, parameter_group
from recovery import objectives

_POLICY = "service-role/AWSBackupServiceRolePolicyForRestores"
MANAGED_POLICY_REASON = (
    "AWS keeps this policy of AWS Backup in step with the service's needs; a copy would fail when they change."
)


class RestoreTarget(Construct):
    """Where restored instances live: isolated subnets, and a security group that admits only the checks.

    Subnet group, security group and parameter group have a fixed name, because operators restore into them too, and in
    the recovery region have to find them when nothing else can be asked.
    """

    def __init__(self, scope: Construct, id: str, *, deployment: Deployment, vpc: ec2.IVpc) -> None:  # noqa: A002
        super().__init__(scope, id)
        name = deployment.names.restored_name
        self.vpc = vpc
        self.access = DatabaseAccess(self, "Access", vpc=vpc, purpose="Restored databases", name=name)
        self.subnet_group = rds.SubnetGroup(
            self,
            "SubnetGroup",
            vpc=vpc,
            vpc_subnets=Subnets.database,
            subnet_group_name=name,
            description="Restored databases",
        )
        self.parameter_group_name = parameter_group(self, name=name).bind_to_instance().parameter_group_name


class RestoreTest(Construct):
    """Restores the vault's newest database snapshot on ``schedule`` and keeps it for the validation window.

    Only the overrides below make the restored instance provable: AWS Backup would put it into the default VPC, where no
    check reaches it, without IAM sign-in and with default parameters, and its password may be an old one.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002
        *,
        deployment: Deployment,
        vault: backup.IBackupVault,
        label: str,
        schedule: str,
        protected_resource_arn: str,
        target: RestoreTarget,
    ) -> None:
        super().__init__(scope, id)
        role = service_role(self, "Role", "backup", managed_policy=_POLICY)
        acknowledge(
            role,
            {f"IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/{_POLICY}]": MANAGED_POLICY_REASON},
        )
        self.plan = backup.CfnRestoreTestingPlan(
            self,
            "Plan",
            restore_testing_plan_name=deployment.names.restore_testing_plan_name(label),
            schedule_expression=schedule,
            schedule_expression_timezone="UTC",
            start_window_hours=objectives.RESTORE_TEST_START_WINDOW_HOURS,
            recovery_point_selection=backup.CfnRestoreTestingPlan.RestoreTestingRecoveryPointSelectionProperty(
                algorithm="LATEST_WITHIN_WINDOW",
                include_vaults=[vault.backup_vault_arn],
                recovery_point_types=["SNAPSHOT"],
            ),
        )
        selection = backup.CfnRestoreTestingSelection(
            self,
            "Selection",
            restore_testing_plan_name=self.plan.restore_testing_plan_name,
            restore_testing_selection_name="database",
            protected_resource_type="RDS",
            protected_resource_arns=[protected_resource_arn],
            iam_role_arn=role.role_arn,
            validation_window_hours=objectives.RESTORE_TEST_VALIDATION_WINDOW_HOURS,
            restore_metadata_overrides={
                "dbSubnetGroupName": target.subnet_group.subnet_group_name,
                "vpcSecurityGroupIds": self._json_array(target.access.instances.security_group_id),
                "enableIamDatabaseAuthentication": "true",
                "dbParameterGroupName": target.parameter_group_name,
            },
        )
        selection.add_resource_dependency(self.plan)

    @staticmethod
    def _json_array(value: str) -> str:
        """AWS Backup takes lists as JSON text; ``value`` may be a deploy-time value, so it is quoted by hand."""
        return json.dumps(["{}"]).format(value)
