"""Which manifest to hold a copy against, without reading it."""

from datetime import datetime

from lambdas.shared.aws import s3
from lambdas.shared.settings import EvidenceSettings
from recovery import manifest_keys


def newest_manifest_key(settings: EvidenceSettings, *, not_after: datetime) -> str | None:
    """The newest manifest taken at or before a moment; None when there is none."""
    return manifest_keys.newest_manifest_key(
        s3(settings.evidence_region),
        bucket=settings.evidence_bucket,
        database_identifier=settings.database_identifier,
        not_after=not_after,
    )
