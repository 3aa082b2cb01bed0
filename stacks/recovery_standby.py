"""What waits in the recovery region: the replica, a pilot light of the application, and the proof of the copies."""

from collections.abc import Sequence

from aws_cdk import CfnOutput
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_backup as backup
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_kms as kms
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from continuity.alarm_topic import AlarmTopic
from continuity.announcements import Announcements
from continuity.api_service import ApiService, Image, PublicName, Scale
from continuity.audit import BackupAudit, vault_controls
from continuity.buckets import EvidenceStore
from continuity.deployment import Deployment
from continuity.device_signals import DeviceSignals
from continuity.failover import AlarmChannel, Failover
from continuity.guard import Guard
from continuity.postgres import Calendar, InstanceSize
from continuity.pulse import Heartbeat, ManifestTaker
from continuity.replica import Replica
from continuity.signals import Signals
from continuity.vault_proof import VaultProof
from recovery import objectives
from stacks.regional_stack import RegionalStack


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
        alarm_emails: Sequence[str],
        device_api: apigateway.HttpApi,
        serving: bool,
        audited: bool,
    ) -> None:
        super().__init__(scope, id, deployment=deployment, region=region)
        names = deployment.names
        alarms = AlarmTopic(self, "Alarms", deployment=deployment, emails=alarm_emails)
        topic = alarms.topic
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
        ApiService(
            self,
            "Api",
            deployment=deployment,
            image=image,
            scale=scale,
            database=replica.connection,
            secret=secret,
            secret_key_arn=database_key.key_arn,
            public_name=public_name,
            topic=topic,
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
            alarms=AlarmChannel(topic=topic, key=alarms.key),
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

        signals = Signals(self, "Signals", deployment=deployment, topic=topic)
        if serving:
            signals.heartbeat()
        else:
            signals.replication(names.replica_identifier)
        signals.manifest(manifest.machine)
        signals.storage(names.replica_identifier, allocated_gib=size.allocated_gib)
        signals.verification(proof.lost_events)
        DeviceSignals(self, "DeviceSignals", deployment=deployment, topic=topic).api(device_api)

        announcements = Announcements(self, "Announcements", environment=names.environment, topic=topic)
        announcements.unproven_restores(proof.state_machine_arns)
        announcements.doubtful_recovery_points(proof.review_machine_arn)
        announcements.failed_deployments()
        announcements.database_events(names.replica_identifier)

        CfnOutput(self, "ReplicaIdentifier", value=replica.instance.ref)
        CfnOutput(self, "FailoverStateMachineArn", value=failover.machine.state_machine_arn)
        CfnOutput(self, "FailoverFunctionName", value=failover.function.function_name)
        proof.name_outputs(self)
