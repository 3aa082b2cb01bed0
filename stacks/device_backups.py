"""Backups that devices upload, replicated to the recovery region."""

from aws_cdk import CfnOutput
from constructs import Construct

from continuity.buckets import DeviceBackupBucket, log_bucket
from continuity.deployment import Deployment
from continuity.keys import encryption_key
from continuity.replication import replicate
from stacks.regional_stack import RegionalStack


class DeviceBackupsStack(RegionalStack):
    """The bucket and its replication."""

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002
        *,
        deployment: Deployment,
        region: str,
        recovery_key_arn: str,
    ) -> None:
        super().__init__(scope, id, deployment=deployment, region=region)
        key = encryption_key(self, "Key", deployment=deployment, description="Backups of devices")
        bucket = DeviceBackupBucket(
            self,
            "Backups",
            deployment=deployment,
            bucket_name=deployment.names.device_bucket_name,
            key=key,
            access_logs=log_bucket(self, "AccessLogs", deployment=deployment),
        ).bucket
        replicate(
            self,
            source=bucket,
            source_name=deployment.names.device_bucket_name,
            source_key=key,
            destination_name=deployment.names.device_replica_bucket_name,
            destination_key_arn=recovery_key_arn,
        )
        CfnOutput(self, "BucketName", value=bucket.bucket_name)
