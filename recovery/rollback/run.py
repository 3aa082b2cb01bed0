"""Do what a plan says, wait for ECS to end it, and measure."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from recovery.evidence import ObjectiveResult, judge
from recovery.names import CLUSTER, SERVICE
from recovery.objectives import APPLICATION
from recovery.pauses import growing_pauses
from recovery.refusal import RefusedError
from recovery.rollback.history import UNDER_WAY, list_deployments
from recovery.rollback.plan import Plan

if TYPE_CHECKING:
    from mypy_boto3_ecs import ECSClient

POLL_SECONDS = 5.0
# A service deployment is listed a moment after the update that asked for it.
_LISTED_WITHIN_SECONDS = 60.0


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a rollback ended. Times are UTC; ``status`` is ECS's, of the service deployment."""

    deployment_arn: str
    status: str
    reason: str
    succeeded: bool
    started_at: datetime
    ended_at: datetime

    @property
    def duration(self) -> timedelta:
        """From the request, or from the beginning of the rollback that was joined, until ECS called it ended."""
        return self.ended_at - self.started_at

    @property
    def objective(self) -> ObjectiveResult:
        """Held against tier 2; a rollback that did not succeed has no recovery time.

        Nor has one that ended before it began: then our clock and AWS's, which dates a joined one, differ too much.
        """
        measured = self.succeeded and self.duration >= timedelta()
        return judge(APPLICATION, rto=self.duration if measured else None, rpo=None)


def roll_back(
    ecs: "ECSClient",
    plan: Plan,
    *,
    progress: Callable[[str], None] = lambda _: None,
    timeout: timedelta = APPLICATION.rto,
) -> Outcome:
    """Carry the plan out and wait, at most ``timeout``; an outcome that is still under way then has not succeeded.

    Raises :class:`RefusedError` when ECS has moved on since the plan was made, botocore's ClientError or BotoCoreError.
    """
    started, deadline = datetime.now(UTC), time.monotonic() + timeout.total_seconds()
    if plan.deployment is not None:
        arn = plan.deployment.arn
        if plan.way == "stop":
            _stop(ecs, arn)
        else:
            started = plan.deployment.created_at
    else:
        arn = _update(ecs, plan)
    pauses = growing_pauses(POLL_SECONDS)
    while True:
        [found] = ecs.describe_service_deployments(serviceDeploymentArns=[arn])["serviceDeployments"]
        status = str(found.get("status", ""))
        if status not in UNDER_WAY or time.monotonic() > deadline:
            return Outcome(
                deployment_arn=arn,
                status=status,
                reason=found.get("statusReason", ""),
                succeeded=status == plan.ends_as,
                started_at=started,
                ended_at=datetime.now(UTC),
            )
        progress(f"{status}, {_tasks(found)}")
        time.sleep(next(pauses))


def _stop(ecs: "ECSClient", arn: str) -> None:
    try:
        ecs.stop_service_deployment(serviceDeploymentArn=arn, stopType="ROLLBACK")
    except ecs.exceptions.ConflictException:
        raise RefusedError(
            "the deployment ended while the rollback was asked for: ask again, the other way back fits now"
        ) from None


def _update(ecs: "ECSClient", plan: Plan) -> str:
    """Start the update; returns the ARN of its service deployment."""
    before = {each["serviceDeploymentArn"] for each in list_deployments(ecs)}
    ecs.update_service(cluster=CLUSTER, service=SERVICE, taskDefinition=plan.target.arn)
    deadline = time.monotonic() + _LISTED_WITHIN_SECONDS
    while True:
        new = [arn for each in list_deployments(ecs) if (arn := each["serviceDeploymentArn"]) not in before]
        if new:
            return new[0]
        if time.monotonic() > deadline:
            raise RuntimeError(
                f"expected ECS to list a deployment of {plan.target}, found none: look at the service's events, and ask"
                " again"
            )
        time.sleep(min(POLL_SECONDS, 1.0))


def _tasks(found: Any) -> str:  # noqa: ANN401 - botocore's answer
    target = found.get("targetServiceRevision", {})
    return f"{target.get('runningTaskCount', 0)} of {target.get('requestedTaskCount', 0)} new tasks run"
