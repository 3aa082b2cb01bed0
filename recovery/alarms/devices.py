"""Alarms around device backups: the API, what arrives, what stays away, and the copies (tier 3)."""

from datetime import timedelta

from recovery import objectives
from recovery.alarms.model import Alarm, Cause, Metric, Missing
from recovery.objectives import DEVICE_REPLICATION_TIME, FULL

_FIVE = timedelta(minutes=5)
_STATUS = "dr status --environment {environment}"
_LOGS = "aws logs describe-log-groups --region {region} --query"
_REPLICATION_MINUTES = int(DEVICE_REPLICATION_TIME.total_seconds() // 60)

CAUSES = (
    Cause(name="device-api", happened="Phones cannot back up or restore in {region}"),
    Cause(name="device-backups", happened="A device's backup in {region} is no good"),
    Cause(name="devices-late", happened="Devices do not back up"),
    Cause(name="device-copies", happened="Device backups do not reach the recovery region"),
)


def _copies(
    subject: str, happened: str, name: str, statistic: str, above: float, *, limit_is_loss: bool = False
) -> Alarm:
    return Alarm(
        subject=subject,
        happened=happened,
        tier=FULL,
        severity="ticket",
        clock="rpo",
        cause="device-copies",
        stands="primary",
        metric=Metric(
            namespace="AWS/S3",
            name=name,
            statistic=statistic,
            period=_FIVE,
            dimensions=(
                ("DestinationBucket", "{device_replica_bucket}"),
                ("RuleId", "{device_rule}"),
                ("SourceBucket", "{device_bucket}"),
            ),
        ),
        above=above,
        limit_is_loss=limit_is_loss,
        periods=1,
        missing=Missing.unchanged("S3 reports only while there is something to replicate"),
        commands=(_STATUS, "aws s3api get-bucket-replication --bucket {device_bucket} --region {region}"),
        proof="OperationsPendingReplication of the rule falls to 0, and this alarm is OK",
    )


ALARMS = (
    Alarm(
        subject="device-api-failing",
        happened="The device API in {region} answers with errors of its own: phones cannot back up, or cannot restore",
        tier=FULL,
        severity="page",
        clock="rto",
        cause="device-api",
        stands="both",
        metric=Metric(
            namespace="AWS/ApiGateway",
            name="5xx",
            statistic="Sum",
            period=_FIVE,
            dimensions=(("ApiId", "{api_id}"),),
        ),
        above=0,
        periods=3,
        missing=Missing.fine("API Gateway reports only what is called"),
        commands=(_STATUS, f"{_LOGS} \"logGroups[?contains(logGroupName, 'Device')].logGroupName\""),
        proof="a quarter of an hour without an answer of 5xx, and this alarm is OK",
    ),
    Alarm(
        subject="device-backup-refused",
        happened="A device uploaded something that is no backup; the one before it is still there",
        tier=FULL,
        severity="ticket",
        clock="proof",
        cause="device-backups",
        stands="primary",
        metric=Metric.own("DeviceBackupsRefused", statistic="Sum", period=_FIVE),
        above=0,
        periods=1,
        missing=Missing.fine("it is reported with each backup that arrives"),
        commands=(_STATUS, f"{_LOGS} \"logGroups[?contains(logGroupName, 'Verify')].logGroupName\""),
        proof="the device's next upload is tagged as verified",
    ),
    Alarm(
        subject="device-backup-not-verified",
        happened="A device's backup could not be verified, repetitions included",
        tier=FULL,
        severity="ticket",
        clock="proof",
        cause="device-backups",
        stands="primary",
        metric=Metric(
            namespace="AWS/SQS",
            name="ApproximateNumberOfMessagesVisible",
            statistic="Maximum",
            period=_FIVE,
            dimensions=(("QueueName", "{device_queue}"),),
        ),
        above=0,
        periods=1,
        missing=Missing.fine("SQS stops reporting of a queue that is empty and unused"),
        commands=(
            _STATUS,
            "aws sqs list-queues --region {region} --query \"QueueUrls[?contains(@, 'LostEvents')]\"",
            "aws sqs receive-message --region {region} --queue-url URL",
        ),
        proof="the object that the message names is tagged as verified, and the queue is empty",
    ),
    Alarm(
        subject="devices-late",
        happened=f"More than {objectives.LATE_DEVICES_ALARM_PERCENT} % of the devices that should back up daily have no"
        f" backup of the last {objectives.DEVICE_BACKUP_MAX_AGE.total_seconds() / 3600:.0f} hours",
        tier=FULL,
        severity="ticket",
        clock="proof",
        cause="devices-late",
        stands="primary",
        metric=Metric.own(
            "DevicesLatePercent",
            statistic="Maximum",
            # Two counts, so that one that comes late leaves no gap.
            period=2 * objectives.DEVICE_WATCH_INTERVAL,
        ),
        above=objectives.LATE_DEVICES_ALARM_PERCENT,
        periods=1,
        missing=Missing.alarming("a count that fails reports nothing"),
        commands=(_STATUS, f"{_LOGS} \"logGroups[?contains(logGroupName, 'Count')].logGroupName\""),
        proof="the next count's DevicesLatePercent is below the limit, and this alarm is OK",
    ),
    _copies(
        "device-replication-failed",
        "S3 could not copy device backups to {other_region}: a lost region would take them along",
        "OperationsFailedReplication",
        "Sum",
        0,
    ),
    _copies(
        "device-replication-late",
        f"Device backups do not reach {{other_region}} within {_REPLICATION_MINUTES} minutes: a lost region would take"
        " them along",
        "ReplicationLatency",
        "Maximum",
        DEVICE_REPLICATION_TIME.total_seconds(),
        limit_is_loss=True,
    ),
)
