"""Manifests in the evidence bucket."""

from functools import lru_cache

from lambdas.shared.aws import s3
from lambdas.shared.settings import EvidenceSettings
from recovery.manifest import Manifest
from recovery.manifest_keys import manifest_key


def put_manifest(settings: EvidenceSettings, manifest: Manifest) -> str:
    """Keep a manifest and return its key."""
    key = manifest_key(settings.database_identifier, manifest.taken_at)
    s3(settings.evidence_region).put_object(
        Bucket=settings.evidence_bucket,
        Key=key,
        Body=manifest.model_dump_json().encode(),
        ContentType="application/json",
        # A bucket with object lock takes an object only with a checksum; SHA-256 also serves whoever audits it.
        ChecksumAlgorithm="SHA256",
    )
    return key


@lru_cache(maxsize=1)
def get_manifest(bucket: str, region: str, key: str) -> Manifest:
    """Read a manifest, once a process: nobody can change one.

    Raises botocore's ClientError, or pydantic's ValidationError for one that is damaged.
    """
    return Manifest.model_validate_json(s3(region).get_object(Bucket=bucket, Key=key)["Body"].read())
