"""What waits in the recovery region: the replica, a pilot light of the application, and the proof of the copies."""

from collections.abc import Sequence

from aws_cdk import CfnOutput
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_backup as backup
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_kms as kms
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from continuity.announcements import Announcements
from continuity.api_service import ApiService, Image, PublicName, Scale
from continuity.audit import BackupAudit, vault_controls
from continuity.buckets import EvidenceStore
from continuity.dashboard import ContinuityDashboard
from continuity.deployment import Deployment
from continuity.failover import Failover
from continuity.failover_function import AlarmChannel
from continuity.guard import Guard
from continuity.measures import RegionMeasures, ReplicaMeasure
from continuity.notifier import Notifier, OnCall
from continuity.postgres import Calendar, InstanceSize
from continuity.pulse import Heartbeat, ManifestTaker
from continuity.replica import Replica
from continuity.signals import Signals
from continuity.vault_proof import VaultProof
from recovery import objectives
from recovery.alarms import values_of
from stacks.regional_stack import RegionalStack

GIB = 1024**3


class RecoveryStandbyStack(RegionalStack):
    """Everything a failover switches on. ``serving`` is true after one, and keeps a redeploy from undoing it."""

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002
        *,
        deployment: Deployment,
        region: str,
        vpc: ec2.IVpc,
        database_key: kms.IKey,
        vault: backup.IBackupVault,
        evidence: EvidenceStore,
        size: InstanceSize,
        calendar: Calendar,
        image: Image,
        scale: Scale,
        full_scale: Scale,
        public_name: PublicName | None,
        on_call: OnCall,
        protected_keys: Sequence[kms.IKey],
        device_api: apigateway.HttpApi,
        serving: bool,
        audited: bool,
    ) -> None:
        super().__init__(scope, id, deployment=deployment, region=region)
        names = deployment.names
        notifier = Notifier(self, "Alarms", deployment=deployment, on_call=on_call)
        replica = Replica(
            self,
            "Replica",
            deployment=deployment,
            vpc=vpc,
            key=database_key,
            size=size,
            calendar=calendar,
        )
        Heartbeat(self, "Heartbeat", deployment=deployment, connection=replica.connection, enabled=serving)
        manifest = ManifestTaker(
            self,
            "Manifest",
            deployment=deployment,
            connection=replica.connection,
            identifier=names.instance_identifier,
            evidence=evidence,
            enabled=serving,
        )
        secret = secretsmanager.Secret.from_secret_name_v2(self, "Credentials", names.master_secret_name)
        api = ApiService(
            self,
            "Api",
            deployment=deployment,
            image=image,
            scale=scale,
            database=replica.connection,
            secret=secret,
            secret_key_arn=database_key.key_arn,
            public_name=public_name,
        )
        Guard(
            self,
            "Guard",
            deployment=deployment,
            connection=replica.connection,
            # The replica of a secret has a suffix that only the primary region knows.
            secret_arn=f"arn:aws:secretsmanager:{region}:{names.account}:secret:{names.master_secret_name}-??????",
            key=database_key,
            evidence=evidence,
            scale=full_scale,
            image_repository=image.repository_name,
        )
        failover = Failover(
            self,
            "Failover",
            deployment=deployment,
            evidence=evidence,
            alarms=AlarmChannel(topic=notifier.channels.alarms, key=notifier.key),
            public_name=public_name,
        )
        proof = VaultProof(
            self,
            "Proof",
            deployment=deployment,
            vpc=vpc,
            vault=vault,
            label="recovery",
            test_schedule=objectives.RECOVERY_RESTORE_TEST_SCHEDULE,
            # The vault holds nothing but copies of the database; naming their source would tie this to its region.
            protected_resource_arn="*",
            evidence=evidence,
        )
        if audited:
            BackupAudit(
                self,
                "Audit",
                deployment=deployment,
                label="recovery",
                controls=vault_controls(names.recovery_vault_name),
                job_reports=["RESTORE_JOB_REPORT"],
            )

        RegionMeasures(
            self,
            "Measures",
            deployment=deployment,
            vault_name=names.recovery_vault_name,
            key_arns=[key.key_arn for key in protected_keys],
            evidence=evidence,
        )
        ReplicaMeasure(
            self, "ReplicaMeasure", deployment=deployment, connection=replica.connection, enabled=not serving
        )
        values = values_of(names, region) | {
            "allocated_bytes": str(size.allocated_gib * GIB),
            "api_id": device_api.api_id,
            "manifest_machine": manifest.machine.state_machine_arn,
            "notifier_queue": notifier.undelivered.queue_name,
            "restore_queue": proof.lost_events.queue_name,
        }
        Signals(
            self,
            "Signals",
            deployment=deployment,
            channels=notifier.channels,
            role="recovery",
            serving=serving,
            values=values,
            of_the_service=api.alarms,
        )
        Announcements(
            self,
            "Announcements",
            topic=notifier.channels.alarms,
            lost_events=notifier.undelivered,
            role="recovery",
            serving=serving,
            values=values | {"proof_machines": proof.state_machine_arns, "review_machines": [proof.review_machine_arn]},
        )
        ContinuityDashboard(self, "Continuity", deployment=deployment, role="recovery", serving=serving, values=values)

        CfnOutput(self, "ReplicaIdentifier", value=replica.instance.ref)
        CfnOutput(self, "FailoverStateMachineArn", value=failover.machine.state_machine_arn)
        CfnOutput(self, "FailoverFunctionName", value=failover.function.function_name)
        CfnOutput(self, "NotifierFunctionName", value=notifier.function.function_name)
        proof.name_outputs(self)
