"""The primary database, its bootstrap, its heartbeat and its manifests."""

from aws_cdk import CfnOutput
from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from continuity.api_service import Scale
from continuity.bootstrap import Bootstrap
from continuity.buckets import EvidenceStore
from continuity.deployment import Deployment
from continuity.guard import Guard
from continuity.keys import encryption_key
from continuity.postgres import Calendar, InstanceSize, PrimaryInstance
from continuity.pulse import Heartbeat, ManifestTaker
from stacks.regional_stack import RegionalStack


class DatabaseStack(RegionalStack):
    """PostgreSQL and what keeps its pulse; ``serving`` is false after a failover, and then the pulse rests."""

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002
        *,
        deployment: Deployment,
        region: str,
        vpc: ec2.IVpc,
        size: InstanceSize,
        calendar: Calendar,
        recovery_key_arn: str,
        evidence: EvidenceStore,
        scale: Scale,
        image_repository: str,
        serving: bool,
    ) -> None:
        super().__init__(scope, id, deployment=deployment, region=region)
        identifier = deployment.names.instance_identifier
        key = encryption_key(self, "Key", deployment=deployment, description=f"Database {identifier}")
        database = PrimaryInstance(
            self,
            "Primary",
            deployment=deployment,
            vpc=vpc,
            key=key,
            size=size,
            calendar=calendar,
            recovery_key_arn=recovery_key_arn,
        )
        self.connection, self.secret, self.key = database.connection, database.secret, key
        bootstrap = Bootstrap(
            self, "Bootstrap", deployment=deployment, connection=self.connection, secret=self.secret, key=key
        )
        heartbeat = Heartbeat(self, "Heartbeat", deployment=deployment, connection=self.connection, enabled=serving)
        manifest = ManifestTaker(
            self,
            "Manifest",
            deployment=deployment,
            connection=self.connection,
            identifier=identifier,
            evidence=evidence,
            enabled=serving,
        )
        guard = Guard(
            self,
            "Guard",
            deployment=deployment,
            connection=self.connection,
            secret_arn=self.secret.secret_arn,
            key=key,
            evidence=evidence,
            scale=scale,
            image_repository=image_repository,
        )
        for pulse in (heartbeat, manifest, guard):
            pulse.node.add_dependency(bootstrap.resource)  # their roles and tables are its work
        self.manifest = manifest.machine

        CfnOutput(self, "InstanceIdentifier", value=database.instance.instance_identifier)
        CfnOutput(self, "InstanceEndpoint", value=database.instance.db_instance_endpoint_address)
        CfnOutput(self, "MasterSecretArn", value=self.secret.secret_arn)
        CfnOutput(self, "HeartbeatFunctionName", value=heartbeat.function.function_name)
        CfnOutput(self, "ManifestStateMachineArn", value=manifest.machine.state_machine_arn)
