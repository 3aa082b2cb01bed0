"""Manifests and evidence in the evidence bucket, under keys that say what they are."""

from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from lambdas.shared.aws import s3
from lambdas.shared.settings import EvidenceSettings
from recovery.evidence import Evidence
from recovery.manifest import Manifest

_STAMP = "%Y%m%dT%H%M%S%fZ"  # sorts as text in the order of time


def manifest_key(database_identifier: str, taken_at: datetime) -> str:
    """``manifests/{database}/{time}.json``."""
    return f"manifests/{database_identifier}/{taken_at.astimezone(UTC).strftime(_STAMP)}.json"


def evidence_key(database_identifier: str, name: str) -> str:
    """``evidence/{database}/{name}.json``; the name is the restore job's id or the execution's name."""
    return f"evidence/{database_identifier}/{name}.json"


def put_manifest(settings: EvidenceSettings, manifest: Manifest) -> str:
    """Keep a manifest and return its key."""
    key = manifest_key(settings.database_identifier, manifest.taken_at)
    _put(settings, key, manifest.model_dump_json())
    return key


def newest_manifest_key(settings: EvidenceSettings, *, not_after: datetime) -> str | None:
    """The newest manifest taken at or before a moment; None when there is none."""
    last = manifest_key(settings.database_identifier, not_after)
    pages = (
        s3(settings.evidence_region)
        .get_paginator("list_objects_v2")
        .paginate(Bucket=settings.evidence_bucket, Prefix=f"manifests/{settings.database_identifier}/")
    )
    keys = [entry.get("Key", "") for page in pages for entry in page.get("Contents", [])]
    return max((key for key in keys if key <= last), default=None)


def get_manifest(bucket: str, region: str, key: str) -> Manifest:
    """Read a manifest. Raises botocore's ClientError, or pydantic's ValidationError for one that is damaged."""
    return Manifest.model_validate_json(s3(region).get_object(Bucket=bucket, Key=key)["Body"].read())


def put_evidence(settings: EvidenceSettings, key: str, evidence: Evidence) -> bool:
    """Keep evidence; False when there already is some under that key, which stands."""
    try:
        _put(settings, key, evidence.model_dump_json(indent=2), once=True)
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") != "PreconditionFailed":
            raise
        return False
    return True


def get_evidence(settings: EvidenceSettings, key: str) -> Evidence:
    """Read evidence. Raises botocore's ClientError, or pydantic's ValidationError for one that is damaged."""
    found = s3(settings.evidence_region).get_object(Bucket=settings.evidence_bucket, Key=key)
    return Evidence.model_validate_json(found["Body"].read())


def _put(settings: EvidenceSettings, key: str, body: str, *, once: bool = False) -> None:
    condition: dict[str, Any] = {"IfNoneMatch": "*"} if once else {}
    # A bucket with object lock takes an object only with a checksum; SHA-256 also serves whoever audits it.
    s3(settings.evidence_region).put_object(
        Bucket=settings.evidence_bucket,
        Key=key,
        Body=body.encode(),
        ContentType="application/json",
        ChecksumAlgorithm="SHA256",
        **condition,
    )
