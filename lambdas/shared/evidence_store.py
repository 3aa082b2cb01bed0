"""The store of evidence."""

from lambdas.shared.aws import s3
from lambdas.shared.settings import EvidenceSettings
from recovery.evidence.bucket import EvidenceBucket


def evidence_bucket(settings: EvidenceSettings) -> EvidenceBucket:
    """The store of evidence that :mod:`recovery.evidence.chain` works on."""
    return EvidenceBucket(s3(settings.evidence_region), settings.evidence_bucket)
