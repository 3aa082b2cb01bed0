"""The alarms around device backups: the API, what arrives, what stays away, and the copies."""

from aws_cdk import Duration
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from continuity.alarms import Missing, alarm
from continuity.deployment import Deployment
from continuity.lost_events import lost_events_alarm
from continuity.replication import REPLICATION_MINUTES
from continuity.signals import own_metric
from recovery import objectives
from recovery.names import DEVICE_REPLICATION_RULE


class DeviceSignals(Construct):
    """Alarms to ``topic``; each method watches one part."""

    def __init__(self, scope: Construct, id: str, *, deployment: Deployment, topic: sns.ITopic) -> None:  # noqa: A002
        super().__init__(scope, id)
        self._deployment = deployment
        self._topic = topic

    def api(self, api: apigateway.HttpApi) -> None:
        """Devices that ask for their backups get errors of ours."""
        alarm(
            self,
            "DeviceApiFailing",
            deployment=self._deployment,
            topic=self._topic,
            subject="device-api-failing",
            description="The device API answers with errors of its own: phones cannot back up, or cannot restore. The"
            " functions' logs say why.",
            metric=api.metric_server_error(period=Duration.minutes(5), statistic="Sum"),
            above=0,
            periods=3,
            missing=Missing.fine("API Gateway reports only what is called"),
        )

    def backups(self, lost_events: sqs.IQueue) -> None:
        """A backup is no good, was not looked at, or does not come."""
        alarm(
            self,
            "DeviceBackupRefused",
            deployment=self._deployment,
            topic=self._topic,
            subject="device-backup-refused",
            description="A device uploaded something that is no backup; the one before it is still there. The log of"
            " the verification names the version and the reason.",
            metric=own_metric(self._deployment, "DeviceBackupsRefused", statistic="Sum", period=Duration.minutes(5)),
            above=0,
            periods=1,
            missing=Missing.fine("it is reported with each backup that arrives"),
        )
        lost_events_alarm(
            self,
            "DeviceBackupNotVerified",
            deployment=self._deployment,
            topic=self._topic,
            subject="device-backup-not-verified",
            description="A device's backup could not be verified, repetitions included. The message in the dead-letter"
            " queue names it; it can be handed to the function again.",
            queue=lost_events,
        )
        hours = int(objectives.DEVICE_BACKUP_MAX_AGE.total_seconds() // 3600)
        alarm(
            self,
            "DevicesLate",
            deployment=self._deployment,
            topic=self._topic,
            subject="devices-late",
            description=f"More than {objectives.LATE_DEVICES_ALARM_PERCENT} % of the devices that should back up daily"
            f" have no backup of the last {hours} hours: uploads fail, or nobody counts any more.",
            metric=own_metric(
                self._deployment,
                "DevicesLatePercent",
                statistic="Maximum",
                # Two counts, so that one that comes late leaves no gap.
                period=Duration.seconds(int(2 * objectives.DEVICE_WATCH_INTERVAL.total_seconds())),
            ),
            above=objectives.LATE_DEVICES_ALARM_PERCENT,
            periods=1,
            missing=Missing.alarming("a count that fails reports nothing"),
        )

    def replication(self, source: str, destination: str) -> None:
        """The copies in the recovery region are what a lost region leaves of the device backups."""
        seconds = REPLICATION_MINUTES * 60
        for id_, subject, name, statistic, limit in (
            ("DeviceReplicationFailed", "device-replication-failed", "OperationsFailedReplication", "Sum", 0),
            ("DeviceReplicationLate", "device-replication-late", "ReplicationLatency", "Maximum", seconds),
        ):
            alarm(
                self,
                id_,
                deployment=self._deployment,
                topic=self._topic,
                subject=subject,
                description=f"Device backups do not reach the recovery region within {REPLICATION_MINUTES} minutes: a"
                " lost region would take them along.",
                metric=cloudwatch.Metric(
                    namespace="AWS/S3",
                    metric_name=name,
                    dimensions_map={
                        "SourceBucket": source,
                        "DestinationBucket": destination,
                        "RuleId": DEVICE_REPLICATION_RULE,
                    },
                    statistic=statistic,
                    period=Duration.minutes(5),
                ),
                above=limit,
                periods=1,
                missing=Missing.unchanged("S3 reports only while there is something to replicate"),
            )
