"""Rollback of the application: the history of the service, the way back that fits, its doing and measuring."""

from recovery.rollback.history import History, Revision, ServiceDeployment, read_history
from recovery.rollback.plan import Plan, plan_rollback
from recovery.rollback.run import Outcome, roll_back

__all__ = [
    "History",
    "Outcome",
    "Plan",
    "Revision",
    "ServiceDeployment",
    "plan_rollback",
    "read_history",
    "roll_back",
]
