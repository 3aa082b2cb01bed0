"""The bucket of device backups, the same in both regions, and what functions may do with it."""

from collections.abc import Sequence
from dataclasses import dataclass

from aws_cdk import Duration
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from continuity.acknowledgement import acknowledge, acknowledge_expendable
from continuity.buckets import ABORT_UPLOADS_AFTER
from continuity.deployment import Deployment
from continuity.interfaces import allow
from recovery import objectives
from recovery.device_backups.keys import PREFIXES


@dataclass(frozen=True, kw_only=True)
class DeviceBucketAccess:
    """A region's bucket of device backups as functions of either region reach it."""

    bucket_name: str
    key_arn: str | None

    def grant(
        self, role: iam.IRole, *, objects: Sequence[str] = (), bucket: Sequence[str] = (), key: Sequence[str] = ()
    ) -> None:
        """Allow these actions on the backups, on the bucket, and on the key that encrypts them.

        What lists the bucket is not bound to a prefix: the bucket holds nothing else, and S3 tells a missing object
        from a forbidden one only to who may list it all.
        """
        arns = [f"arn:aws:s3:::{self.bucket_name}/{prefix}*" for prefix in PREFIXES.values()]
        bucket_arn = f"arn:aws:s3:::{self.bucket_name}"
        for actions, resources in (
            (objects, arns),
            (bucket, [bucket_arn]),
            (key, [self.key_arn] if self.key_arn else []),
        ):
            if actions:
                allow(role, actions, resources)
        if objects:
            acknowledge(
                role,
                {
                    f"IAM5[Resource::{arn}]": "Every user has a prefix of their own below this one, which the function"
                    " makes of the token's subject; a role cannot name them."
                    for arn in arns
                },
            )


class DeviceBackupBucket(Construct):
    """Backups of devices. Lifecycle actions do not replicate, so each region's bucket has its own rules."""

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002
        *,
        deployment: Deployment,
        bucket_name: str,
        key: kms.IKey,
        access_logs: s3.IBucket,
    ) -> None:
        super().__init__(scope, id)
        self.bucket = s3.Bucket(
            self,
            "Bucket",
            bucket_name=bucket_name,
            encryption=s3.BucketEncryption.KMS,
            encryption_key=key,
            bucket_key_enabled=True,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            enforce_ssl=True,
            versioned=True,
            server_access_logs_bucket=access_logs,
            server_access_logs_prefix="device-backups/",
            lifecycle_rules=[
                s3.LifecycleRule(
                    id="ExpireOldVersions",
                    prefix=PREFIXES["auto"],
                    # Never an expiration of the current version: it would take a lost phone's only backup away.
                    noncurrent_version_expiration=Duration.days(objectives.DEVICE_CLOUD_BACKUP_RETENTION_DAYS),
                    # Should a device's last upload be no good, the one before it is what there is to restore.
                    noncurrent_versions_to_retain=1,
                ),
                s3.LifecycleRule(
                    id="ArchiveManualBackups",
                    prefix=PREFIXES["manual"],
                    transitions=[
                        s3.Transition(
                            storage_class=s3.StorageClass.GLACIER,
                            transition_after=Duration.days(objectives.DEVICE_MANUAL_BACKUP_GLACIER_DAYS),
                        )
                    ],
                ),
                s3.LifecycleRule(
                    id="RemoveLeftovers",
                    abort_incomplete_multipart_upload_after=ABORT_UPLOADS_AFTER,
                    expired_object_delete_marker=True,
                ),
            ],
            removal_policy=deployment.keep,
        )
        acknowledge_expendable(self.bucket, deployment)
        self.access = DeviceBucketAccess(bucket_name=bucket_name, key_arn=key.key_arn)

    def tell_of_new_backups(self) -> None:
        """Send an event to EventBridge for whatever is created in the bucket."""
        # The L2's switch would add a custom resource for what CloudFormation can say itself.
        bucket = self.bucket.node.default_child
        assert isinstance(bucket, s3.CfnBucket)  # noqa: S101 - the L2's own resource
        bucket.notification_configuration = s3.CfnBucket.NotificationConfigurationProperty(
            event_bridge_configuration=s3.CfnBucket.EventBridgeConfigurationProperty(event_bridge_enabled=True)
        )
