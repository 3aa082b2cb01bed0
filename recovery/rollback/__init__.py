"""Rollback of the application: the history of the service, the way back that fits, its doing and measuring."""

from recovery.rollback.evidence import evidence_of, record_name
from recovery.rollback.history import History, Revision, ServiceDeployment, read_history
from recovery.rollback.plan import Plan, plan_rollback
from recovery.rollback.run import Outcome, roll_back

__all__ = [
    "History",
    "Outcome",
    "Plan",
    "Revision",
    "ServiceDeployment",
    "evidence_of",
    "plan_rollback",
    "read_history",
    "record_name",
    "roll_back",
]
