"""Manifests and evidence in the evidence bucket, under keys that say what they are."""

from datetime import datetime
from functools import lru_cache

from lambdas.shared.aws import s3
from lambdas.shared.settings import EvidenceSettings
from recovery import manifest_keys
from recovery.evidence.bucket import EvidenceBucket
from recovery.manifest import Manifest
from recovery.manifest_keys import manifest_key


def put_manifest(settings: EvidenceSettings, manifest: Manifest) -> str:
    """Keep a manifest and return its key."""
    key = manifest_key(settings.database_identifier, manifest.taken_at)
    _put(settings, key, manifest.model_dump_json())
    return key


def newest_manifest_key(settings: EvidenceSettings, *, not_after: datetime) -> str | None:
    """The newest manifest taken at or before a moment; None when there is none."""
    return manifest_keys.newest_manifest_key(
        s3(settings.evidence_region),
        bucket=settings.evidence_bucket,
        database_identifier=settings.database_identifier,
        not_after=not_after,
    )


@lru_cache(maxsize=1)
def get_manifest(bucket: str, region: str, key: str) -> Manifest:
    """Read a manifest, once a process: nobody can change one.

    Raises botocore's ClientError, or pydantic's ValidationError for one that is damaged.
    """
    return Manifest.model_validate_json(s3(region).get_object(Bucket=bucket, Key=key)["Body"].read())


def evidence_bucket(settings: EvidenceSettings) -> EvidenceBucket:
    """The store of evidence that :mod:`recovery.evidence.chain` works on."""
    return EvidenceBucket(s3(settings.evidence_region), settings.evidence_bucket)


def _put(settings: EvidenceSettings, key: str, body: str) -> None:
    # A bucket with object lock takes an object only with a checksum; SHA-256 also serves whoever audits it.
    s3(settings.evidence_region).put_object(
        Bucket=settings.evidence_bucket,
        Key=key,
        Body=body.encode(),
        ContentType="application/json",
        ChecksumAlgorithm="SHA256",
    )
