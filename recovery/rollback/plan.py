"""Which way back fits, and whether the database lets the older image run: decisions on the history alone."""

from dataclasses import dataclass, replace
from typing import Literal

from recovery.refusal import RefusedError
from recovery.rollback.history import COMPLETED, ROLLED_BACK, ROLLING_BACK, History, Revision, ServiceDeployment

Way = Literal["stop", "update", "join"]

_AGAIN = "wait until it has ended, then ask again"
_FORCE = "to roll back all the same, add --force"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a rollback does.

    ``way``: stop the deployment that runs and let ECS roll it back; update the service to ``target``; or join, that is
    only wait, because a rollback runs already. ``overruled`` are the objections that ``--force`` set aside.
    """

    way: Way
    current: Revision
    target: Revision
    deployment: ServiceDeployment | None
    database_schema_version: int | None
    overruled: tuple[str, ...] = ()

    @property
    def ends_as(self) -> str:
        """ECS's status of the service deployment when the service runs what it should."""
        rolled_back = self.deployment is not None and self.deployment.status in ROLLING_BACK
        return ROLLED_BACK if self.way == "stop" or rolled_back else COMPLETED

    @property
    def sentence(self) -> str:
        """One line for a person."""
        if self.way == "stop":
            deployed = self.deployment and self.deployment.target
            return f"stop the deployment of {deployed} that is under way; ECS returns to {self.target}"
        if self.way == "join":
            return f"wait for the rollback to {self.target} that is under way"
        return f"update the service from {self.current} to {self.target}"


def plan_rollback(history: History, *, to: Revision | None, force: bool) -> Plan:
    """Choose the way that fits. ``to`` is None for the newest earlier revision that ever completed.

    Raises :class:`RefusedError`; with ``force``, only for what is impossible.
    """
    running = history.under_way
    plan = _update(history, to) if running is None else _leave(history, running, to)
    if plan.way == "join":
        return plan
    objections = tuple(_objections(history, plan))
    if objections and not force:
        raise RefusedError(f"{'; '.join(objections)}; {_FORCE}")
    return replace(plan, overruled=objections)


def _leave(history: History, running: ServiceDeployment, to: Revision | None) -> Plan:
    """The way out of a deployment that runs."""
    back = history.completed[0] if history.completed else None
    if running.status == "STOP_REQUESTED":
        raise RefusedError(f"the deployment of {running.target} is being stopped: {_AGAIN}")
    way: Way = "stop"
    if running.status in ROLLING_BACK:
        way = "join"
    elif back is not None and running.target is not None and running.target.number < back.number:
        # An earlier revision is being deployed: that is a rollback, and to stop it would bring the fault back.
        way, back = "join", running.target
    if back is None:
        raise RefusedError(
            f"expected an earlier revision that completed a deployment, found none: ECS has nothing to return to from"
            f" {running.target}; repair it and deploy again"
        )
    if to is not None and to.arn != back.arn:
        raise RefusedError(
            f"a deployment of {running.target} is under way, and the way back from it leads to {back}, not to {to}:"
            f" roll back without --to, or {_AGAIN}"
        )
    return _plan(history, way, back, running)


def _update(history: History, to: Revision | None) -> Plan:
    if to is not None:
        if to.arn == history.current.arn:
            raise RefusedError(f"the service runs {to} already: name another revision")
        if not to.active:
            raise RefusedError(f"expected an ACTIVE revision, found {to} deregistered: ECS cannot run it, name another")
        return _plan(history, "update", to, None)
    earlier = [each for each in history.completed if each.active and each.number < history.current.number]
    if not earlier:
        raise RefusedError(
            f"expected an ACTIVE revision before {history.current} that completed a deployment in the 90 days that ECS"
            " remembers, found none: name one with --to"
        )
    return _plan(history, "update", max(earlier, key=lambda each: each.number), None)


def _plan(history: History, way: Way, target: Revision, deployment: ServiceDeployment | None) -> Plan:
    return Plan(
        way=way,
        current=history.current,
        target=target,
        deployment=deployment,
        database_schema_version=history.schema_version,
    )


def _objections(history: History, plan: Plan) -> list[str]:
    found: list[str] = []
    database, declared = history.schema_version, plan.target.schema_version
    if database is None or declared is None:
        lacking = (
            "the database's schema version" if database is None else f"the schema version that {plan.target} needs"
        )
        found.append(f"{lacking} is unknown, so it is not proven that {plan.target} can work with the database")
    elif declared < database:
        found.append(
            f"the database is at schema version {database}, and {plan.target} declares no newer than {declared}: it"
            " cannot be trusted with this database"
        )
    if plan.target not in history.completed:
        found.append(f"{plan.target} completed no deployment in the 90 days that ECS remembers")
    return found
