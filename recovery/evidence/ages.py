"""How long ago something was proven: a promise is as good as its last proof."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from recovery.evidence.chain import Reader, folder, is_record
from recovery.evidence.record import Evidence

RESTORES = ("restore-test", "restore")
REGION_TESTS = ("failover",)


@dataclass(frozen=True, kw_only=True)
class ProofAges:
    """Seconds since a restore of the region, and a failover, ended with PASS; None where that never happened."""

    restore_seconds: float | None
    region_test_seconds: float | None


def proof_ages(
    reader: Reader, database: str, *, region: str, now: datetime, is_doubtful: Callable[[str], bool]
) -> ProofAges:
    """Read the records, the newest first, until both are found. One whose key ``is_doubtful`` proves nothing.

    Raises pydantic's ValidationError for a record that is damaged, and what the reader raises.
    """
    written = reader.written(folder(database))
    restore: float | None = None
    region_test: float | None = None
    records = (key for key in written if is_record(key) and not is_doubtful(key))
    for key in sorted(records, key=lambda key: written[key], reverse=True):
        if restore is not None and region_test is not None:
            break
        evidence = Evidence.model_validate_json(reader.read(key))
        if evidence.verdict != "PASS":
            continue
        age = max(0.0, (now - evidence.finished_at).total_seconds())
        if restore is None and evidence.drill in RESTORES and evidence.region == region:
            restore = age
        if region_test is None and evidence.drill in REGION_TESTS:
            region_test = age
    return ProofAges(restore_seconds=restore, region_test_seconds=region_test)
