"""Every backup that arrives is verified, and the devices whose backups stay away are counted."""

from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from continuity.deployment import Deployment
from continuity.device_bucket import DeviceBucketAccess
from continuity.function import PythonFunction
from continuity.interfaces import invoke, keep_failures
from continuity.lost_events import lost_events_queue
from recovery import objectives
from recovery.device_backups.keys import PREFIXES

# The longest a function may take. The largest backup takes a minute or two to read.
VERIFICATION_TIMEOUT = Duration.minutes(15)
COUNT_TIMEOUT = Duration.minutes(15)


class DeviceChecks(Construct):
    """The verification of the backups in ``access``'s bucket, and the count. An event that failed is kept."""

    lost_events: sqs.Queue

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002
        *,
        deployment: Deployment,
        access: DeviceBucketAccess,
        max_backup_bytes: int,
    ) -> None:
        super().__init__(scope, id)
        self.lost_events = lost_events_queue(self, "LostEvents", deployment=deployment)
        verify = PythonFunction(
            self,
            "Verify",
            deployment=deployment,
            package="verify_device_backup",
            description="Verifies and tags every device backup that arrives",
            timeout=VERIFICATION_TIMEOUT,
            memory_mib=512,
            environment={"DEVICE_BUCKET": access.bucket_name, "MAX_BACKUP_BYTES": str(max_backup_bytes)},
        )
        access.grant(
            verify.execution_role,
            objects=["s3:GetObjectVersion", "s3:PutObjectVersionTagging"],
            bucket=["s3:ListBucket"],
            key=["kms:Decrypt"],
        )
        keep_failures(verify, self.lost_events)
        events.Rule(
            self,
            "Arrived",
            description="A device's backup has arrived",
            event_pattern=events.EventPattern(
                source=["aws.s3"],
                detail_type=["Object Created"],
                detail={
                    "bucket": {"name": [access.bucket_name]},
                    "object": {"key": [{"prefix": prefix} for prefix in PREFIXES.values()]},
                },
            ),
            targets=[invoke(verify, lost_events=self.lost_events)],
        )
        count = PythonFunction(
            self,
            "Count",
            deployment=deployment,
            package="count_late_devices",
            description="Counts the devices without a backup of the last two days",
            timeout=COUNT_TIMEOUT,
            environment={"DEVICE_BUCKET": access.bucket_name},
        )
        access.grant(count.execution_role, bucket=["s3:ListBucket"])
        events.Rule(
            self,
            "Schedule",
            description="Count the devices without a recent backup",
            schedule=events.Schedule.expression(objectives.DEVICE_WATCH_SCHEDULE),
            targets=[invoke(count)],
        )
