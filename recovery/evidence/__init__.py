"""Evidence: the record of one drill or one verified restore, its page, and the chain that keeps all of them."""

from recovery.evidence.record import (
    CheckRecord,
    Evidence,
    ObjectiveResult,
    RanBy,
    evidence_schema,
    judge,
    records,
    this_operator,
)

__all__ = [
    "CheckRecord",
    "Evidence",
    "ObjectiveResult",
    "RanBy",
    "evidence_schema",
    "judge",
    "records",
    "this_operator",
]
