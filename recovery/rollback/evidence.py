"""The evidence of a rollback: tier 2's measured recovery time, kept beside that of the restores."""

from recovery.evidence import CheckRecord, Evidence, this_operator
from recovery.rollback.plan import Plan
from recovery.rollback.run import Outcome
from recovery.version import VERSION


def evidence_of(plan: Plan, outcome: Outcome, *, environment: str, region: str, lab: bool) -> Evidence:
    """The record of a rollback that was carried out. ``lab`` when it was not AWS that did it."""
    told = f"{plan.sentence}: the service deployment is {outcome.status}"
    return Evidence(
        drill="rollback",
        environment=environment,
        region=region,
        lab=lab,
        started_at=outcome.started_at,
        finished_at=outcome.ended_at,
        ran_by=this_operator(),
        objectives=(outcome.objective,),
        checks=(
            CheckRecord(
                name="service deployment",
                status="PASS" if outcome.succeeded else "FAIL",
                detail=f"{told} ({outcome.reason})" if outcome.reason else told,
                duration_seconds=outcome.objective.rto_measured_seconds,
            ),
        ),
        versions={"project": VERSION, "from": str(plan.current), "to": str(plan.target)},
        notes=tuple(f"overruled: {each}" for each in plan.overruled),
    )


def record_name(outcome: Outcome) -> str:
    """The record's name: two callers that waited for the same rollback keep one record."""
    return f"rollback-{outcome.deployment_arn.rpartition('/')[2]}"
