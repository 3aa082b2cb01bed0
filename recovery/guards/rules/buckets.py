"""Buckets: versions, locks, and replication to the other region."""

from collections.abc import Iterator
from typing import Any, cast

from recovery.guards.finding import Problem, Unknown
from recovery.guards.rule import Change, Says, rule, true
from recovery.guards.sources import S3
from recovery.guards.templates import Resource, dig, is_known
from recovery.guards.values import listed

BUCKET = "AWS::S3::Bucket"
_RULES = "ReplicationConfiguration.Rules"
_REPLICATION = f"{S3}replication.html"
_LIFECYCLE = f"{S3}intro-lifecycle-rules.html"


def _is_versioned(bucket: Resource) -> bool:
    return bucket.get("VersioningConfiguration.Status") == "Enabled"


def _replications(bucket: Resource) -> Iterator[tuple[str, dict[str, Any], Resource | None]]:
    """Each rule of replication with its path and the bucket it goes to, if a template makes that."""
    for index, found in enumerate(listed(bucket.get(_RULES))):
        if isinstance(found, dict):
            destination = bucket.assembly.resource_of(dig(found, "Destination.Bucket"))
            yield f"{_RULES}.{index}", cast(dict[str, Any], found), destination


def _lifecycle(bucket: Resource) -> list[dict[str, Any]]:
    found = listed(bucket.get("LifecycleConfiguration.Rules"))
    rules = [cast(dict[str, Any], each) for each in found if isinstance(each, dict)]
    return [each for each in rules if each.get("Status") != "Disabled"]


@rule(
    BUCKET,
    fix="Enable versioning on both buckets.",
    source=_REPLICATION,
    bad=Change("recovery.Copies", "VersioningConfiguration", None),
)
def replication_without_versions(bucket: Resource) -> Says:
    """A bucket that is replicated, or replicated to, or locked, keeps versions.

    S3 refuses it otherwise: the copy is never made, or a deployment of the recovery region fails.
    """
    targets = [target for each in bucket.assembly.all(BUCKET) for _, _, target in _replications(each)]
    needed = bucket in targets or bucket.has(_RULES) or true(bucket.get("ObjectLockEnabled"))
    if needed and not _is_versioned(bucket):
        yield Problem("VersioningConfiguration.Status", bucket.get("VersioningConfiguration.Status"), "Enabled")


@rule(
    BUCKET,
    fix="Set DeleteMarkerReplication.Status to Disabled.",
    source=f"{S3}delete-marker-replication.html",
    bad=Change("primary.Uploads", f"{_RULES}.0.DeleteMarkerReplication.Status", "Enabled"),
)
def replication_repeats_deletions(bucket: Resource) -> Says:
    """Deletions are not replicated.

    Whoever empties the bucket, ransomware or a mistake, empties the copy within minutes.
    """
    for path, found, _ in _replications(bucket):
        if dig(found, "DeleteMarkerReplication.Status") == "Enabled":
            yield Problem(f"{path}.DeleteMarkerReplication.Status", "Enabled", "Disabled")


@rule(
    BUCKET,
    fix="Set the rule's Status to Enabled.",
    source=_REPLICATION,
    bad=Change("primary.Uploads", f"{_RULES}.0.Status", "Disabled"),
)
def replication_switched_off(bucket: Resource) -> Says:
    """A rule of replication is enabled.

    A rule that was switched off for a while copies nothing, and what is written meanwhile is not copied later.
    """
    for path, found, _ in _replications(bucket):
        if found.get("Status") == "Disabled":
            yield Problem(f"{path}.Status", "Disabled", "Enabled")


@rule(
    BUCKET,
    fix="Add Metrics, and ReplicationTime where minutes count.",
    source=f"{S3}replication-metrics.html",
    bad=Change("primary.Uploads", f"{_RULES}.0.Destination.Metrics", None),
)
def replication_unmeasured(bucket: Resource) -> Says:
    """Replication is measured.

    Without metrics nobody can tell how far the copy is behind, or that it stopped: a failed replication is silent.
    """
    for path, found, _ in _replications(bucket):
        if dig(found, "Destination.Metrics.Status") != "Enabled":
            yield Problem(f"{path}.Destination.Metrics", dig(found, "Destination.Metrics"), "Status: Enabled")


@rule(
    BUCKET,
    trap=3,
    fix="Set ReplicaKmsKeyID to a key of the destination's region.",
    source=f"{S3}replication-config-for-kms-objects.html",
    bad=Change("primary.Uploads", f"{_RULES}.0.Destination.EncryptionConfiguration", None),
)
def replication_without_key(bucket: Resource) -> Says:
    """Replication of encrypted objects names a key of the destination.

    Without it S3 does not replicate what is encrypted under a customer key, and tells nobody.
    """
    encryption = "BucketEncryption.ServerSideEncryptionConfiguration.0.ServerSideEncryptionByDefault.SSEAlgorithm"
    if not str(bucket.get(encryption)).startswith("aws:kms"):
        return
    for path, found, _ in _replications(bucket):
        key = dig(found, "Destination.EncryptionConfiguration.ReplicaKmsKeyID")
        if key is None:
            where = f"{path}.Destination.EncryptionConfiguration.ReplicaKmsKeyID"
            yield Problem(where, None, "a key of the destination's region")


@rule(
    BUCKET,
    trap=3,
    fix="Set ReplicaKmsKeyID to a key of the destination's region.",
    source=f"{S3}replication-config-for-kms-objects.html",
    bad=Change(
        "primary.Uploads",
        f"{_RULES}.0.Destination.EncryptionConfiguration.ReplicaKmsKeyID",
        "arn:aws:kms:ap-south-1:111122223333:key/own",
    ),
)
def replication_key_elsewhere(bucket: Resource) -> Says:
    """The key of a replicated object is in the region of the copy.

    The copy cannot be made, or cannot be read once the key's region is lost.
    """
    for path, found, destination in _replications(bucket):
        key = dig(found, "Destination.EncryptionConfiguration.ReplicaKmsKeyID")
        region = bucket.assembly.region_of(key)
        where = f"{path}.Destination.EncryptionConfiguration.ReplicaKmsKeyID"
        if key is None:
            continue
        if region is None or destination is None:
            yield Unknown(where, f"which region {key} or the destination is in")
        elif is_known(destination.region) and region != destination.region != bucket.region:
            yield Problem(where, key, f"a key in {destination.region}")


@rule(
    BUCKET,
    trap=11,
    fix="Replicate to a bucket in another region.",
    source=_REPLICATION,
    bad=Change("primary.Uploads", f"{_RULES}.0.Destination.Bucket", "arn:aws:s3:::uploads-111122223333"),
)
def replication_stays_in_region(bucket: Resource) -> Says:
    """A bucket is replicated to another region.

    A copy in the same region is lost with it.
    """
    for path, found, destination in _replications(bucket):
        where = f"{path}.Destination.Bucket"
        if destination is None or not is_known(bucket.region):
            yield Unknown(where, "the regions of both buckets are not known")
        elif destination.region == bucket.region:
            yield Problem(where, dig(found, "Destination.Bucket"), f"a bucket outside {bucket.region}")


@rule(
    BUCKET,
    fix="Add NoncurrentVersionExpiration to the rule.",
    source=_LIFECYCLE,
    bad=Change("primary.Uploads", "LifecycleConfiguration.Rules.0.NoncurrentVersionExpiration", None),
)
def versions_never_expire(bucket: Resource) -> Says:
    """A rule that expires objects of a bucket with versions expires the versions, too.

    There an expiry only writes a delete marker: what was promised to be gone is kept, and paid for, for ever.
    """
    if not _is_versioned(bucket):
        return
    for index, found in enumerate(_lifecycle(bucket)):
        expires = found.get("ExpirationInDays") is not None or found.get("ExpirationDate") is not None
        versions = found.get("NoncurrentVersionExpiration") or found.get("NoncurrentVersionExpirationInDays")
        if expires and not versions:
            path = f"LifecycleConfiguration.Rules.{index}.NoncurrentVersionExpiration"
            yield Problem(path, None, "an expiry of versions beside that of objects")


@rule(
    BUCKET,
    severity="warning",
    fix="Add a rule with AbortIncompleteMultipartUpload.",
    source=f"{S3}mpu-abort-incomplete-mpu-lifecycle-config.html",
    bad=Change("recovery.Copies", "LifecycleConfiguration.Rules.0.AbortIncompleteMultipartUpload", None),
)
def uploads_never_aborted(bucket: Resource) -> Says:
    """A bucket with versions aborts uploads that were never completed.

    Parts of broken uploads are invisible in listings: a bucket of backups fills with what no restore can use.
    """
    if _is_versioned(bucket) and not any(each.get("AbortIncompleteMultipartUpload") for each in _lifecycle(bucket)):
        yield Problem("LifecycleConfiguration", None, "a rule with AbortIncompleteMultipartUpload")


@rule(
    BUCKET,
    fix="Add ObjectLockConfiguration with a DefaultRetention.",
    source=f"{S3}object-lock.html",
    bad=Change("recovery.Evidence", "ObjectLockConfiguration", None),
)
def lock_without_retention(bucket: Resource) -> Says:
    """A bucket with object lock has a default retention.

    Enabled alone, the lock protects only what a writer asks it to: evidence lies there as deletable as anything.
    """
    path = "ObjectLockConfiguration.Rule.DefaultRetention"
    if true(bucket.get("ObjectLockEnabled")) and bucket.get(path) is None:
        yield Problem(path, None, "a mode and a number of days")
