"""What tells a person that an objective is at stake in the primary region."""

from collections.abc import Sequence

from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from continuity.alarm_topic import AlarmTopic
from continuity.announcements import Announcements
from continuity.dashboard import ContinuityDashboard
from continuity.deployment import Deployment
from continuity.device_signals import DeviceSignals
from continuity.fault_experiments import FaultExperiments
from continuity.signals import Signals
from stacks.regional_stack import RegionalStack


class ObservabilityStack(RegionalStack):
    """Topic, alarms, announcements and the dashboard. The pulse is watched here only while this region serves.

    So are the experiments: after a failover there is no primary here to break.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002
        *,
        deployment: Deployment,
        region: str,
        alarm_emails: Sequence[str],
        allocated_gib: int,
        manifest: sfn.StateMachine,
        state_machine_arns: Sequence[str],
        review_machine_arn: str,
        vault_arn: str,
        lost_events: sqs.IQueue,
        device_api: apigateway.HttpApi,
        lost_device_events: sqs.IQueue,
        serving: bool,
        fault_experiments: bool,
    ) -> None:
        super().__init__(scope, id, deployment=deployment, region=region)
        names = deployment.names
        topic = AlarmTopic(self, "Alarms", deployment=deployment, emails=alarm_emails).topic

        signals = Signals(self, "Signals", deployment=deployment, topic=topic)
        if serving:
            signals.heartbeat()
        signals.manifest(manifest)
        signals.storage(names.instance_identifier, allocated_gib=allocated_gib)
        signals.guard()
        signals.verification(lost_events)
        devices = DeviceSignals(self, "DeviceSignals", deployment=deployment, topic=topic)
        devices.api(device_api)
        devices.backups(lost_device_events)
        devices.replication(names.device_bucket_name, names.device_replica_bucket_name)

        announcements = Announcements(self, "Announcements", environment=names.environment, topic=topic)
        announcements.failed_backup_jobs(names.primary_vault_name)
        announcements.failed_copy_jobs(vault_arn)
        announcements.unproven_restores(state_machine_arns)
        announcements.doubtful_recovery_points(review_machine_arn)
        announcements.failed_deployments()
        announcements.database_events(names.instance_identifier)

        if fault_experiments and serving:
            FaultExperiments(self, "FaultExperiments", deployment=deployment)
        ContinuityDashboard(self, "Continuity", deployment=deployment)
