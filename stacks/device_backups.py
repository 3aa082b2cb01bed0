"""Backups that devices upload: the API, the bucket, its replication, and the checks of what arrives."""

from aws_cdk import CfnOutput
from constructs import Construct

from continuity.buckets import log_bucket
from continuity.deployment import Deployment
from continuity.device_api import DeviceApi, DeviceLimits, DeviceReads, DeviceWrites
from continuity.device_bucket import DeviceBackupBucket, DeviceBucketAccess
from continuity.device_checks import DeviceChecks
from continuity.keys import encryption_key
from continuity.replication import replicate
from continuity.sign_in import FoundUserPool, SignIn
from stacks.regional_stack import RegionalStack


class DeviceBackupsStack(RegionalStack):
    """What devices upload to. Without a ``sign_in`` it takes the tokens of the recovery region's user pool."""

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002
        *,
        deployment: Deployment,
        region: str,
        recovery_key_arn: str,
        sign_in: SignIn | None,
        limits: DeviceLimits,
    ) -> None:
        super().__init__(scope, id, deployment=deployment, region=region)
        names = deployment.names
        key = encryption_key(self, "Key", deployment=deployment, description="Backups of devices")
        self.key = key
        backups = DeviceBackupBucket(
            self,
            "Backups",
            deployment=deployment,
            bucket_name=names.device_bucket_name,
            key=key,
            access_logs=log_bucket(self, "AccessLogs", deployment=deployment),
        )
        backups.tell_of_new_backups()
        replicate(
            self,
            source=backups.bucket,
            source_name=names.device_bucket_name,
            source_key=key,
            destination_name=names.device_replica_bucket_name,
            destination_key_arn=recovery_key_arn,
        )
        reads = DeviceReads(self, "Reads", deployment=deployment, access=backups.access)
        writes = DeviceWrites(
            self,
            "Writes",
            deployment=deployment,
            access=backups.access,
            replica=DeviceBucketAccess(bucket_name=names.device_replica_bucket_name, key_arn=recovery_key_arn),
            replica_region=names.recovery_region,
            limits=limits,
        )
        api = DeviceApi(
            self,
            "Api",
            deployment=deployment,
            sign_in=sign_in or FoundUserPool(self, "Users", deployment=deployment).sign_in,
            limits=limits,
            routes=reads.routes | writes.routes,
        )
        checks = DeviceChecks(
            self,
            "Checks",
            deployment=deployment,
            access=backups.access,
            max_backup_bytes=limits.max_backup_bytes,
        )
        self.api = api.api
        self.lost_events = checks.lost_events
        CfnOutput(self, "BucketName", value=backups.bucket.bucket_name)
        api.name_outputs(self)
