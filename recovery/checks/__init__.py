"""The checks that a restored database has to pass, by name.

A check is a function of an open snapshot and what is known about the restore. It returns an :class:`Outcome`; it may
raise, and then nothing is proven.
"""

from collections.abc import Callable

from recovery.checks.content import check_content
from recovery.checks.heartbeat import check_heartbeat
from recovery.checks.identity import check_identity
from recovery.checks.outcome import CheckContext, Outcome
from recovery.checks.schema import check_schema
from recovery.database import Connection

Check = Callable[[Connection, CheckContext], Outcome]

CHECKS: dict[str, Check] = {
    "identity": check_identity,
    "schema": check_schema,
    "heartbeat": check_heartbeat,
    "content": check_content,
}

__all__ = ["CHECKS", "Check", "CheckContext", "Outcome"]
