"""``dr rollback``: bring the application back to a revision that worked."""

import re
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from operations.arguments import Json
from operations.aws import Environment, aws_in, client, serving_names
from operations.kept_evidence import keep_evidence, where_kept
from operations.terminal import EXIT_FAILED, EXIT_PASSED, STATUS_STYLES, InputError, answer, one_error, progress
from recovery.evidence.page import duration
from recovery.names import RECOVERY_REGION, SERVICE, Names
from recovery.objectives import APPLICATION
from recovery.rollback import (
    Outcome,
    Plan,
    Revision,
    evidence_of,
    plan_rollback,
    read_history,
    record_name,
    roll_back,
)
from recovery.rollback.history import describe_revision

if TYPE_CHECKING:
    from mypy_boto3_ecs import ECSClient


def rollback(
    environment: Environment,
    to: Annotated[
        str | None,
        typer.Option(
            metavar="REVISION",
            help=f"The task definition's revision, as 41 or {SERVICE}:41.",
            show_default="the newest earlier one that ever completed",
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overrule what speaks against the revision.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")] = False,
    as_json: Json = False,
) -> None:
    """Roll the application back in the region that serves, and wait until it runs.

    Stops a deployment that is under way, or updates the service to an earlier revision. Ctrl-C ends only the waiting.
    Exit status: 0 rolled back within the objective, 1 refused, failed or too late, 2 it could not be asked for.
    """
    with one_error(dsn="", as_json=as_json), progress("rolling back") as step:
        wanted = _read_revision(to)
        with aws_in(RECOVERY_REGION, f"to find out where {environment} serves"):
            names, region = serving_names(environment)
        with aws_in(region, f"to roll back {SERVICE} of {environment} in {region} (what was begun goes on: ask again)"):
            ecs: ECSClient = client("ecs", region)
            parameter = names.schema_version_parameter
            history = read_history(ecs, client("ssm", region), schema_version_parameter=parameter)
            plan = plan_rollback(history, to=_find(ecs, wanted), force=force)
            step(plan.sentence)
            outcome = None if dry_run else roll_back(ecs, plan, progress=step)
        kept = None if outcome is None else _keep(names, ecs, plan, outcome)
    facts = {"environment": environment, "region": region, **_plan_facts(plan), "dry_run": dry_run}
    lines: list[str | Text] = [f"{region}: {plan.sentence}", *(f"overruled: {each}" for each in plan.overruled)]
    if outcome is None:
        answer(facts, as_json=as_json, lines=[*lines, "nothing was done: this was --dry-run"])
        return
    passed = outcome.objective.verdict == "PASS"
    facts |= {**_outcome_facts(outcome), "evidence": kept}
    answer(facts, as_json=as_json, lines=[*lines, _outcome_line(plan, outcome), where_kept(kept)])
    raise typer.Exit(EXIT_PASSED if passed else EXIT_FAILED)


def _keep(names: Names, ecs: "ECSClient", plan: Plan, outcome: Outcome) -> str | None:
    made = evidence_of(
        plan,
        outcome,
        environment=names.environment,
        region=ecs.meta.region_name,
        lab=".amazonaws.com" not in ecs.meta.endpoint_url,
    )
    return keep_evidence(names, record_name(outcome), made)


def _read_revision(to: str | None) -> str | None:
    if to is None:
        return None
    match = re.fullmatch(rf"(?:{re.escape(SERVICE)}:)?([1-9]\d{{0,8}})", to)
    if match is None:
        raise InputError(f"--to: expected a revision such as 41 or {SERVICE}:41, found {to!r}")
    return f"{SERVICE}:{match[1]}"


def _find(ecs: "ECSClient", wanted: str | None) -> Revision | None:
    if wanted is None:
        return None
    found = describe_revision(ecs, wanted)
    if found is None:
        listing = f"aws ecs list-task-definitions --family-prefix {SERVICE}"
        raise InputError(f"--to: expected a revision that exists, found none {wanted}: `{listing}` names them")
    return found


def _plan_facts(plan: Plan) -> dict[str, Any]:
    return {
        "way": plan.way,
        "from": str(plan.current),
        "to": str(plan.target),
        "database_schema_version": plan.database_schema_version,
        "target_schema_version": plan.target.schema_version,
        "overruled": list(plan.overruled),
    }


def _outcome_facts(outcome: Outcome) -> dict[str, Any]:
    return {
        "verdict": outcome.objective.verdict,
        "status": outcome.status,
        "reason": outcome.reason,
        "service_deployment": outcome.deployment_arn,
        "started_at": outcome.started_at.isoformat(),
        "ended_at": outcome.ended_at.isoformat(),
        "rto_target_seconds": outcome.objective.rto_target_seconds,
        "rto_measured_seconds": outcome.objective.rto_measured_seconds,
    }


def _outcome_line(plan: Plan, outcome: Outcome) -> Text:
    verdict = outcome.objective.verdict
    style = STATUS_STYLES["passed" if verdict == "PASS" else "failed"]
    if outcome.succeeded:
        took, allowed = duration(outcome.objective.rto_measured_seconds), duration(APPLICATION.rto.total_seconds())
        return Text.assemble((verdict, style), f" {plan.target} runs: RTO {took} of {allowed}, tier 2")
    took = duration(outcome.duration.total_seconds())
    why = f" ({outcome.reason})" if outcome.reason else ""
    return Text.assemble(
        (verdict, style),
        f" after {took} the deployment is {outcome.status}{why}, expected {plan.ends_as}: see the service's events",
    )
