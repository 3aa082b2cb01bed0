"""Replication of a bucket to the recovery region, deletions excepted."""

from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from continuity.acknowledgement import acknowledge
from continuity.interfaces import allow, service_role
from recovery.names import DEVICE_REPLICATION_RULE
from recovery.objectives import DEVICE_REPLICATION_TIME

REPLICATION_MINUTES = int(DEVICE_REPLICATION_TIME.total_seconds() // 60)


def replicate(
    scope: Construct,
    *,
    source: s3.Bucket,
    source_name: str,
    source_key: kms.IKey,
    destination_name: str,
    destination_key_arn: str,
) -> None:
    """Copy each new version to ``destination_name`` within REPLICATION_MINUTES, re-encrypted under its key there.

    Delete markers are not copied: whoever deletes backups here deletes nothing there.
    """
    # The source by its fixed name too: the bucket waits for the role's policy, which so may not refer to the bucket.
    source_arn = f"arn:aws:s3:::{source_name}"
    destination_arn = f"arn:aws:s3:::{destination_name}"
    role = service_role(scope, "ReplicationRole", "s3")
    for actions, resource in (
        (["s3:GetReplicationConfiguration", "s3:ListBucket"], source_arn),
        (
            ["s3:GetObjectVersionAcl", "s3:GetObjectVersionForReplication", "s3:GetObjectVersionTagging"],
            f"{source_arn}/*",
        ),
        (["s3:ReplicateObject", "s3:ReplicateTags"], f"{destination_arn}/*"),
        (["kms:Decrypt"], source_key.key_arn),
        (["kms:Encrypt"], destination_key_arn),
    ):
        allow(role, actions, [resource])
    minutes = {"minutes": REPLICATION_MINUTES}
    bucket = source.node.default_child
    assert isinstance(bucket, s3.CfnBucket)  # noqa: S101 - the L2's own resource
    bucket.replication_configuration = s3.CfnBucket.ReplicationConfigurationProperty(
        role=role.role_arn,
        rules=[
            s3.CfnBucket.ReplicationRuleProperty(
                id=DEVICE_REPLICATION_RULE,
                status="Enabled",
                priority=1,
                filter=s3.CfnBucket.ReplicationRuleFilterProperty(prefix=""),
                delete_marker_replication=s3.CfnBucket.DeleteMarkerReplicationProperty(status="Disabled"),
                source_selection_criteria=s3.CfnBucket.SourceSelectionCriteriaProperty(
                    sse_kms_encrypted_objects=s3.CfnBucket.SseKmsEncryptedObjectsProperty(status="Enabled")
                ),
                destination=s3.CfnBucket.ReplicationDestinationProperty(
                    bucket=destination_arn,
                    encryption_configuration=s3.CfnBucket.EncryptionConfigurationProperty(
                        replica_kms_key_id=destination_key_arn
                    ),
                    metrics=s3.CfnBucket.MetricsProperty(
                        status="Enabled", event_threshold=s3.CfnBucket.ReplicationTimeValueProperty(**minutes)
                    ),
                    replication_time=s3.CfnBucket.ReplicationTimeProperty(
                        status="Enabled", time=s3.CfnBucket.ReplicationTimeValueProperty(**minutes)
                    ),
                ),
            )
        ],
    )
    policy = role.node.find_child("DefaultPolicy")
    bucket.node.add_dependency(policy)  # S3 checks the role when replication is switched on
    acknowledge(
        role,
        {
            f"IAM5[Resource::{arn}/*]": "Replication copies every object of the bucket, whatever its name."
            for arn in (source_arn, destination_arn)
        },
    )
