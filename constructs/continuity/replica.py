"""The cross-region read replica that a failover promotes."""

from aws_cdk import CfnDeletionPolicy
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_kms as kms
from aws_cdk import aws_rds as rds
from constructs import Construct

from continuity.acknowledgement import acknowledge, acknowledge_expendable
from continuity.deployment import Deployment
from continuity.network import Subnets
from continuity.postgres import (
    PORT_REASON,
    Calendar,
    DatabaseAccess,
    DatabaseConnection,
    InstanceSize,
    log_groups,
    parameter_group,
    unprotected,
)
from recovery.names import CA_CERTIFICATE, LOG_EXPORTS


class Replica(Construct):
    """A replica of the primary, encrypted under this region's key, as large as the primary and Multi-AZ like it.

    It keeps ``SourceDBInstanceIdentifier`` after a promotion: CloudFormation acts only on a change of that property
    (removing it promotes, another value replaces), so that a redeploy leaves a promoted instance alone. The L1 resource
    is used because the L2 cannot name a source in another region without taking this stack's region for it.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002
        *,
        deployment: Deployment,
        vpc: ec2.IVpc,
        key: kms.IKey,
        size: InstanceSize,
        calendar: Calendar,
    ) -> None:
        super().__init__(scope, id)
        names = deployment.names
        access = DatabaseAccess(self, "Access", vpc=vpc, purpose="Replica")
        subnet_group = rds.SubnetGroup(
            self, "SubnetGroup", vpc=vpc, vpc_subnets=Subnets.database, description="Replica of the primary database"
        )
        parameters = parameter_group(self).bind_to_instance()
        self.instance = rds.CfnDBInstance(
            self,
            "Instance",
            db_instance_identifier=names.replica_identifier,
            source_db_instance_identifier=names.instance_arn,
            source_region=names.primary_region,
            db_instance_class=size.instance_class,
            kms_key_id=key.key_arn,
            db_subnet_group_name=subnet_group.subnet_group_name,
            vpc_security_groups=[access.instances.security_group_id],
            db_parameter_group_name=parameters.parameter_group_name,
            multi_az=True,
            storage_type="gp3",
            max_allocated_storage=size.max_allocated_gib,
            enable_iam_database_authentication=True,
            ca_certificate_identifier=CA_CERTIFICATE,
            backup_retention_period=calendar.backup_retention_days,
            preferred_backup_window=calendar.backup_window,
            preferred_maintenance_window=calendar.maintenance_window,
            copy_tags_to_snapshot=True,
            delete_automated_backups=False,
            enable_cloudwatch_logs_exports=list(LOG_EXPORTS),
            auto_minor_version_upgrade=True,
            publicly_accessible=False,
            deletion_protection=not deployment.destroyable,
        )
        policy = CfnDeletionPolicy.DELETE if deployment.destroyable else CfnDeletionPolicy.RETAIN
        # Not SNAPSHOT: CloudFormation ignores it for a replica, and a promoted one is the production database.
        self.instance.cfn_options.deletion_policy = policy
        self.instance.cfn_options.update_replace_policy = policy
        self.instance.node.add_dependency(*log_groups(self, deployment=deployment, identifier=names.replica_identifier))
        acknowledge(
            self.instance,
            {
                "RDS2": "A replica of an encrypted source is always encrypted, here under KmsKeyId; saying it"
                " again is an error (cfn-lint E3020).",
                "RDS11": PORT_REASON,
                **unprotected(deployment),
            },
        )
        acknowledge_expendable(self.instance, deployment, "data-without-deletion-protection")
        self.connection = DatabaseConnection(
            host=self.instance.attr_endpoint_address,
            port=self.instance.attr_endpoint_port,
            vpc=vpc,
            access=access,
        )
