"""The PostgreSQL instance: its parameters, network, log groups and what clients need to reach it."""

from dataclasses import dataclass
from typing import cast

from aws_cdk import Duration, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_rds as rds
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from continuity.acknowledgement import acknowledge, acknowledge_expendable
from continuity.deployment import Deployment
from continuity.interfaces import allow
from continuity.network import Subnets
from recovery import objectives
from recovery.names import (
    CA_CERTIFICATE,
    CLIENTS_RULE,
    DATABASE_NAME,
    DATABASE_PORT,
    LOG_EXPORTS,
    MASTER_USER,
)

# The major is pinned, the minor is not: retired minors cannot be created any more, which would break a rebuild.
MAJOR = "18"


def engine() -> rds.IInstanceEngine:
    """PostgreSQL at the pinned major."""
    return rds.DatabaseInstanceEngine.postgres(version=rds.PostgresEngineVersion.of(MAJOR, MAJOR))


def parameter_group(scope: Construct, *, name: str | None = None) -> rds.ParameterGroup:
    """Parameters of every instance of ours: connections without TLS are refused, and no slot fills the storage.

    A change of the description would replace the group.
    """
    megabytes = objectives.REPLICATION_SLOT_LIMIT_DIVISOR * 1024 * 1024
    return rds.ParameterGroup(
        scope,
        "Parameters",
        engine=engine(),
        name=name,
        description="TLS is forced",
        parameters={
            "rds.force_ssl": "1",
            # In MB, of the storage as it is now: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_ParamValuesRef.html
            "max_slot_wal_keep_size": f"{{AllocatedStorage/{megabytes}}}",
        },
    )


@dataclass(frozen=True, kw_only=True)
class DatabaseConnection:
    """How a function or a task reaches an instance: the address, and the groups whose members may connect."""

    host: str
    port: str
    vpc: ec2.IVpc
    access: "DatabaseAccess"

    @property
    def clients(self) -> ec2.ISecurityGroup:
        """The group of whoever uses the database."""
        return self.access.clients

    def environment(self, deployment: Deployment) -> dict[str, str]:
        """The environment variables of functions that connect."""
        return {"DATABASE_HOST": self.host, "DATABASE_PORT": self.port, **database_environment(deployment)}

    def grant_sign_in(self, role: iam.IRole, user: str) -> None:
        """May sign in with IAM as ``user``, to whichever instance has the name."""
        stack = Stack.of(role)
        resource = f"arn:aws:rds-db:{stack.region}:{stack.account}:dbuser:*/{user}"
        allow(role, ["rds-db:connect"], [resource])
        acknowledge(role, {f"IAM5[Resource::{resource}]": RESOURCE_ID_REASON})


def database_environment(deployment: Deployment) -> dict[str, str]:
    """What every connection has in common."""
    return {"DATABASE_NAME": DATABASE_NAME, "DATABASE_TLS": deployment.database_tls}


class DatabaseAccess(Construct):
    """Two security groups: instances admit ``clients``, and ``clients`` reach nothing but them and HTTPS.

    HTTPS is what functions need for the AWS APIs, through the NAT gateways. ``name`` is that of the instances' group,
    where somebody has to find it.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002
        *,
        vpc: ec2.IVpc,
        purpose: str,
        name: str | None = None,
    ) -> None:
        super().__init__(scope, id)
        self._vpc, self._purpose = vpc, purpose
        self.instances = ec2.SecurityGroup(
            self,
            "Instances",
            vpc=vpc,
            security_group_name=name,
            description=f"{purpose}: instances",
            allow_all_outbound=False,
        )
        self.clients = ec2.SecurityGroup(
            self, "Clients", vpc=vpc, description=f"{purpose}: clients", allow_all_outbound=False
        )
        self._admit(self.clients, CLIENTS_RULE)

    def guards(self) -> ec2.SecurityGroup:
        """One more group that is admitted: a failover closes the clients' way, and its guard still has to come in."""
        group = ec2.SecurityGroup(
            self, "Guards", vpc=self._vpc, description=f"{self._purpose}: guards", allow_all_outbound=False
        )
        self._admit(group, "PostgreSQL from guards")
        return group

    def _admit(self, group: ec2.SecurityGroup, description: str) -> None:
        self.instances.add_ingress_rule(group, ec2.Port.tcp(DATABASE_PORT), description)
        group.add_egress_rule(self.instances, ec2.Port.tcp(DATABASE_PORT), "PostgreSQL")
        group.add_egress_rule(ec2.Peer.any_ipv4(), ec2.Port.tcp(443), "AWS APIs")


def log_groups(scope: Construct, *, deployment: Deployment, identifier: str) -> list[logs.LogGroup]:
    """The groups RDS exports to, created ahead of it: those it makes itself are kept for ever."""
    return [
        logs.LogGroup(
            scope,
            f"{name.title()}Logs",
            log_group_name=f"/aws/rds/instance/{identifier}/{name}",
            retention=deployment.log_retention,
            removal_policy=deployment.keep,
        )
        for name in LOG_EXPORTS
    ]


@dataclass(frozen=True, kw_only=True)
class InstanceSize:
    """Class and storage (GiB) of an instance."""

    instance_class: str
    allocated_gib: int
    max_allocated_gib: int


@dataclass(frozen=True, kw_only=True)
class Calendar:
    """Retention in days and the two windows in UTC."""

    backup_retention_days: int
    backup_window: str
    maintenance_window: str


class PrimaryInstance(Construct):
    """The Multi-AZ primary, whose automated backups are replicated to the recovery region as they are written.

    An instance, not a Multi-AZ cluster: those have neither cross-region automated backups nor cross-region replicas.
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
        recovery_key_arn: str,
    ) -> None:
        super().__init__(scope, id)
        names = deployment.names
        self.access = DatabaseAccess(self, "Access", vpc=vpc, purpose="Database")
        self.secret = self._credentials(deployment, key, recovery_key_arn)
        self.instance = rds.DatabaseInstance(
            self,
            "Instance",
            instance_identifier=names.instance_identifier,
            engine=engine(),
            instance_type=ec2.InstanceType(size.instance_class.removeprefix("db.")),
            database_name=DATABASE_NAME,
            credentials=rds.Credentials.from_secret(self.secret),
            vpc=vpc,
            vpc_subnets=Subnets.database,
            security_groups=[self.access.instances],
            parameter_group=parameter_group(self),
            multi_az=True,
            storage_type=rds.StorageType.GP3,
            allocated_storage=size.allocated_gib,
            max_allocated_storage=size.max_allocated_gib,
            storage_encryption_key=key,
            iam_authentication=True,
            ca_certificate=rds.CaCertificate.of(CA_CERTIFICATE),
            backup_retention=Duration.days(calendar.backup_retention_days),
            preferred_backup_window=calendar.backup_window,
            preferred_maintenance_window=calendar.maintenance_window,
            copy_tags_to_snapshot=True,
            delete_automated_backups=False,
            cloudwatch_logs_exports=list(LOG_EXPORTS),
            auto_minor_version_upgrade=True,
            publicly_accessible=False,
            deletion_protection=not deployment.destroyable,
            removal_policy=deployment.keep_snapshot,
        )
        self.instance.node.add_dependency(
            *log_groups(self, deployment=deployment, identifier=names.instance_identifier)
        )
        self._replicate_automated_backups(names.recovery_region, recovery_key_arn, calendar.backup_retention_days)
        acknowledge(self.instance, {"RDS11": PORT_REASON, **unprotected(deployment)})
        acknowledge_expendable(self.instance, deployment, "data-without-deletion-protection")
        self.connection = DatabaseConnection(
            host=self.instance.db_instance_endpoint_address,
            port=self.instance.db_instance_endpoint_port,
            vpc=vpc,
            access=self.access,
        )

    def _credentials(self, deployment: Deployment, key: kms.IKey, recovery_key_arn: str) -> secretsmanager.ISecret:
        """A generated secret with a replica: one that RDS manages itself is refused beside read replicas."""
        names = deployment.names
        secret = rds.DatabaseSecret(
            self,
            "Credentials",
            username=MASTER_USER,
            secret_name=names.master_secret_name,
            encryption_key=key,
        )
        secret.apply_removal_policy(deployment.keep)
        resource = secret.node.default_child
        assert isinstance(resource, secretsmanager.CfnSecret)  # noqa: S101 - the L2's own resource
        resource.replica_regions = [
            secretsmanager.CfnSecret.ReplicaRegionProperty(region=names.recovery_region, kms_key_id=recovery_key_arn)
        ]
        acknowledge(secret, {"SMG4": ROTATION_REASON})
        acknowledge_expendable(secret, deployment)
        return cast(secretsmanager.ISecret, secret)

    def _replicate_automated_backups(self, region: str, key_arn: str, retention_days: int) -> None:
        """Point-in-time recovery in the other region: the tier-3 mechanism, which the L2 construct does not know."""
        resource = self.instance.node.default_child
        assert isinstance(resource, rds.CfnDBInstance)  # noqa: S101 - the L2's own resource
        resource.automatic_backup_replication_region = region
        resource.automatic_backup_replication_kms_key_id = key_arn
        resource.automatic_backup_replication_retention_period = retention_days


def unprotected(deployment: Deployment) -> dict[str, str]:
    """The acknowledgement that a destroyable deployment's instance needs, and no other may have."""
    if not deployment.destroyable:
        return {}
    return {"RDS10": "This deployment is a laboratory's, and made to be destroyed."}


RESOURCE_ID_REASON = (
    "A failback puts a new instance, with another resource id, under the old name; the user is fixed, and so is the"
    " network."
)
PORT_REASON = "The product's backend expects 5432; the instance lies in isolated subnets and admits one security group."
ROTATION_REASON = (
    "Rotation would outdate the password inside every snapshot and replica just when a restore needs it; functions sign"
    " in with IAM, and the application's own user is the backend's to rotate."
)
