"""The state of an environment's continuity: what each region answers, what was measured last, what needs a look."""

from recovery.status.findings import Measured, TierStatus, findings, serving_region, tier_statuses
from recovery.status.questions import (
    Answer,
    Record,
    RegionAnswers,
    Status,
    Unanswered,
    automated_backup,
    evidence,
    open_alarms,
    replica_lag,
    snapshot,
    stacks,
)

__all__ = [
    "Answer",
    "Measured",
    "Record",
    "RegionAnswers",
    "Status",
    "TierStatus",
    "Unanswered",
    "automated_backup",
    "evidence",
    "findings",
    "open_alarms",
    "replica_lag",
    "serving_region",
    "snapshot",
    "stacks",
    "tier_statuses",
]
