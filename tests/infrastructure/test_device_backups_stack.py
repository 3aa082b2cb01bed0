"""Device backups in both regions, and every other bucket's manners."""

from typing import Any

import pytest

from recovery import objectives
from tests.infrastructure.assemblies import PRIMARY_STACKS, RECOVERY_STACKS, Assembly, text_of

PLACES = ["DeviceBackups", "RecoveryFoundation"]


def device_bucket(assembly: Assembly, stack: str) -> dict[str, Any]:
    buckets = assembly.properties(stack, "AWS::S3::Bucket")
    (bucket,) = (bucket for bucket in buckets if "device-backups" in text_of(bucket.get("BucketName", "")))
    return bucket


def rule(bucket: dict[str, Any], prefix: str | None) -> dict[str, Any]:
    (found,) = (r for r in bucket["LifecycleConfiguration"]["Rules"] if r.get("Prefix") == prefix)
    return found


@pytest.mark.parametrize("stack", PLACES)
def test_a_devices_newest_backup_never_expires(assembly: Assembly, stack: str) -> None:
    for found in device_bucket(assembly, stack)["LifecycleConfiguration"]["Rules"]:
        assert not {"ExpirationInDays", "ExpirationDate"} & set(found)


@pytest.mark.parametrize("stack", PLACES)
def test_older_versions_are_really_deleted_except_the_one_before_the_newest(assembly: Assembly, stack: str) -> None:
    assert rule(device_bucket(assembly, stack), "auto-backups/")["NoncurrentVersionExpiration"] == {
        "NoncurrentDays": objectives.DEVICE_CLOUD_BACKUP_RETENTION_DAYS,
        "NewerNoncurrentVersions": 1,
    }


@pytest.mark.parametrize("stack", PLACES)
def test_manual_backups_move_to_glacier(assembly: Assembly, stack: str) -> None:
    (transition,) = rule(device_bucket(assembly, stack), "manual-backups/")["Transitions"]
    assert transition == {"StorageClass": "GLACIER", "TransitionInDays": objectives.DEVICE_MANUAL_BACKUP_GLACIER_DAYS}


@pytest.mark.parametrize("stack", PLACES)
def test_abandoned_uploads_are_removed(assembly: Assembly, stack: str) -> None:
    found = rule(device_bucket(assembly, stack), None)
    assert found["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 1}
    assert "ExpirationInDays" not in found


@pytest.mark.parametrize("stack", PLACES)
def test_versions_are_kept_and_encrypted_with_a_key_of_their_own(assembly: Assembly, stack: str) -> None:
    bucket = device_bucket(assembly, stack)
    (encryption,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    assert encryption["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"
    assert "Key" in text_of(encryption["ServerSideEncryptionByDefault"]["KMSMasterKeyID"])


def test_new_versions_are_replicated_within_the_controlled_time(assembly: Assembly) -> None:
    configuration = device_bucket(assembly, "DeviceBackups")["ReplicationConfiguration"]
    (found,) = configuration["Rules"]
    destination = found["Destination"]
    name = device_bucket(assembly, "RecoveryFoundation")["BucketName"]
    assert destination["Bucket"] == f"arn:aws:s3:::{name}"
    assert destination["ReplicationTime"] == {"Status": "Enabled", "Time": {"Minutes": 15}}
    assert destination["Metrics"]["Status"] == "Enabled"
    assert found["SourceSelectionCriteria"] == {"SseKmsEncryptedObjects": {"Status": "Enabled"}}


def test_replicas_are_encrypted_under_the_recovery_regions_key(assembly: Assembly) -> None:
    (found,) = device_bucket(assembly, "DeviceBackups")["ReplicationConfiguration"]["Rules"]
    key = text_of(found["Destination"]["EncryptionConfiguration"]["ReplicaKmsKeyID"])
    assert "RecoveryKeysDeviceBackupsKey" in key


def test_deletions_are_not_replicated(assembly: Assembly) -> None:
    (found,) = device_bucket(assembly, "DeviceBackups")["ReplicationConfiguration"]["Rules"]
    assert found["DeleteMarkerReplication"] == {"Status": "Disabled"}
    allowed = [
        action
        for policy in assembly.properties("DeviceBackups", "AWS::IAM::Policy")
        for statement in policy["PolicyDocument"]["Statement"]
        for action in ([statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"])
    ]
    assert "s3:ReplicateObject" in allowed
    assert "s3:ReplicateDelete" not in allowed


@pytest.mark.parametrize("stack", [*PRIMARY_STACKS, *RECOVERY_STACKS])
def test_every_bucket_is_private(assembly: Assembly, stack: str) -> None:
    everything = {"BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"}
    for bucket in assembly.properties(stack, "AWS::S3::Bucket"):
        assert bucket["PublicAccessBlockConfiguration"] == dict.fromkeys(everything, True)


@pytest.mark.parametrize("stack", [*PRIMARY_STACKS, *RECOVERY_STACKS])
def test_every_bucket_refuses_connections_without_tls(assembly: Assembly, stack: str) -> None:
    buckets = assembly.resources(stack, "AWS::S3::Bucket")
    refusing = {
        policy["Bucket"]["Ref"]
        for policy in assembly.properties(stack, "AWS::S3::BucketPolicy")
        for statement in policy["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Deny"
        and statement.get("Condition") == {"Bool": {"aws:SecureTransport": "false"}}
        and statement["Action"] == "s3:*"
    }
    assert refusing == set(buckets)


@pytest.mark.parametrize(("environment", "days"), [("prod", 365), ("local", 1)])
def test_evidence_is_locked(prod: Assembly, local: Assembly, environment: str, days: int) -> None:
    assembly = {"prod": prod, "local": local}[environment]
    buckets = assembly.properties("RecoveryFoundation", "AWS::S3::Bucket")
    (evidence,) = (bucket for bucket in buckets if "evidence" in str(bucket.get("BucketName")))
    assert evidence["ObjectLockEnabled"] is True
    assert evidence["ObjectLockConfiguration"]["Rule"]["DefaultRetention"] == {"Days": days, "Mode": "GOVERNANCE"}


def test_nobody_may_bypass_the_lock_of_the_evidence(assembly: Assembly) -> None:
    statements = [
        statement
        for policy in assembly.properties("RecoveryFoundation", "AWS::S3::BucketPolicy")
        for statement in policy["PolicyDocument"]["Statement"]
        if statement["Action"] == "s3:BypassGovernanceRetention"
    ]
    [denial] = statements
    assert (denial["Effect"], denial["Principal"]) == ("Deny", {"AWS": "*"})


def test_manifests_live_as_long_as_the_backups_they_vouch_for(assembly: Assembly) -> None:
    buckets = assembly.properties("RecoveryFoundation", "AWS::S3::Bucket")
    (evidence,) = (bucket for bucket in buckets if "evidence" in str(bucket.get("BucketName")))
    found = rule(evidence, "manifests/")
    assert found["ExpirationInDays"] > objectives.VAULT_LOCK_MAX_DAYS
