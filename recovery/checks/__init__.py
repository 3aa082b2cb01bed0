"""The checks that a restored database has to pass, by name."""

from recovery.checks.constraints import CONSTRAINTS
from recovery.checks.content import CONTENT
from recovery.checks.heartbeat import HEARTBEAT
from recovery.checks.identity import IDENTITY
from recovery.checks.invariants import INVARIANTS
from recovery.checks.outcome import Check, CheckContext, Outcome, Part
from recovery.checks.schema import SCHEMA
from recovery.checks.storage import STORAGE

CHECKS: dict[str, Check] = {
    "identity": IDENTITY,
    "schema": SCHEMA,
    "heartbeat": HEARTBEAT,
    "content": CONTENT,
    "storage": STORAGE,
    "constraints": CONSTRAINTS,
    "invariants": INVARIANTS,
}

__all__ = ["CHECKS", "Check", "CheckContext", "Outcome", "Part"]
