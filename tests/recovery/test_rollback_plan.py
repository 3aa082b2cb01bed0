"""Which way back fits, and what speaks against it: every branch, on histories written down here."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from recovery.names import SERVICE
from recovery.refusal import RefusedError
from recovery.rollback import History, Plan, Revision, ServiceDeployment, plan_rollback
from recovery.rollback.history import COMPLETED, ROLLED_BACK
from recovery.rollback.run import Outcome

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)


def a_revision(number: int, *, schema: int | None = 1, active: bool = True) -> Revision:
    arn = f"arn:aws:ecs:ap-south-1:123456789012:task-definition/{SERVICE}:{number}"
    return Revision(arn=arn, number=number, active=active, schema_version=schema)


def a_deployment(target: Revision | None, status: str = COMPLETED, *, at: int = 0) -> ServiceDeployment:
    return ServiceDeployment(arn=f"arn:{at}", status=status, target=target, created_at=NOON + timedelta(minutes=at))


def a_history(*oldest_first: tuple[Revision | None, str], recorded: int | None = 1) -> History:
    """The service is set to the last revision that was deployed."""
    deployed = [a_deployment(target, status, at=at) for at, (target, status) in enumerate(oldest_first)]
    [*_, current] = [each.target for each in deployed if each.target is not None]
    return History(current=current, deployments=tuple(reversed(deployed)), recorded_schema_version=recorded)


def in_order(*numbers: int) -> History:
    """Each deployed well, one after the other."""
    return a_history(*((a_revision(number), COMPLETED) for number in numbers))


def under_way(target: Revision, status: str = "IN_PROGRESS") -> History:
    """Revisions 1, 2 and 3 were deployed well, and now ``target`` is being deployed."""
    return a_history(*((a_revision(number), COMPLETED) for number in (1, 2, 3)), (target, status))


def plan(history: History, to: Revision | None = None, *, force: bool = False) -> Plan:
    return plan_rollback(history, to=to, force=force)


def refusal(history: History, to: Revision | None = None, *, force: bool = False) -> str:
    with pytest.raises(RefusedError) as caught:
        plan(history, to, force=force)
    return str(caught.value)


# No deployment runs.


def test_without_a_deployment_the_service_is_updated_to_the_newest_earlier_revision() -> None:
    found = plan(in_order(1, 2, 3))
    assert (found.way, found.target.number, found.deployment, found.ends_as) == ("update", 2, None, COMPLETED)
    assert found.sentence == f"update the service from {SERVICE}:3 to {SERVICE}:2"


@pytest.mark.parametrize("status", [ROLLED_BACK, "ROLLBACK_FAILED", "STOPPED"])
def test_revision_that_never_completed_is_passed_over(status: str) -> None:
    history = a_history((a_revision(1), COMPLETED), (a_revision(2), status), (a_revision(3), COMPLETED))
    assert plan(history).target.number == 1


def test_revision_that_completed_once_counts_though_it_failed_later() -> None:
    second = a_revision(2)
    history = a_history(
        (a_revision(1), COMPLETED), (second, COMPLETED), (second, "STOPPED"), (a_revision(3), COMPLETED)
    )
    assert plan(history).target.number == 2


def test_deregistered_revision_is_passed_over() -> None:
    history = a_history(
        (a_revision(1), COMPLETED), (a_revision(2, active=False), COMPLETED), (a_revision(3), COMPLETED)
    )
    assert plan(history).target.number == 1


def test_newest_is_by_revision_and_not_by_when_it_was_deployed() -> None:
    """Revision 1 was deployed again after 2, as a rollback does."""
    assert plan(in_order(1, 2, 1, 3)).target.number == 2


def test_later_revision_is_no_way_back() -> None:
    """After a rollback from 3 to 2, another one leads to 1."""
    assert plan(in_order(1, 2, 3, 2)).target.number == 1


def test_deployment_whose_revision_was_deleted_is_passed_over() -> None:
    assert plan(a_history((a_revision(1), COMPLETED), (None, COMPLETED), (a_revision(3), COMPLETED))).target.number == 1


def test_without_an_earlier_revision_it_is_refused() -> None:
    assert refusal(in_order(1)).startswith(f"expected an ACTIVE revision before {SERVICE}:1 that completed")
    assert "found none: name one with --to" in refusal(in_order(1), force=True)


def test_named_revision_is_taken() -> None:
    assert plan(in_order(1, 2, 3), a_revision(1)).target.number == 1


def test_revision_that_runs_already_is_refused() -> None:
    assert refusal(in_order(1, 2), a_revision(2), force=True).startswith(f"the service runs {SERVICE}:2 already")


def test_named_revision_that_is_deregistered_is_refused_whatever_is_forced() -> None:
    assert f"found {SERVICE}:1 deregistered" in refusal(in_order(1, 2), a_revision(1, active=False), force=True)


def test_named_revision_that_never_completed_is_refused_unless_forced() -> None:
    history, untried = in_order(1, 2), a_revision(9)
    assert refusal(history, untried).startswith(f"{SERVICE}:9 completed no deployment in the 90 days")
    assert plan(history, untried, force=True).overruled == (
        f"{SERVICE}:9 completed no deployment in the 90 days that ECS remembers",
    )


# A deployment runs.


@pytest.mark.parametrize("status", ["PENDING", "IN_PROGRESS"])
def test_deployment_under_way_is_stopped_and_rolled_back(status: str) -> None:
    found = plan(under_way(a_revision(4), status))
    assert (found.way, found.target.number, found.ends_as) == ("stop", 3, ROLLED_BACK)
    assert found.deployment is not None
    assert found.sentence == (f"stop the deployment of {SERVICE}:4 that is under way; ECS returns to {SERVICE}:3")


def test_new_deployment_of_the_same_revision_is_stopped_too() -> None:
    found = plan(under_way(a_revision(3)))
    assert (found.way, found.target.number) == ("stop", 3)


@pytest.mark.parametrize("status", ["ROLLBACK_REQUESTED", "ROLLBACK_IN_PROGRESS"])
def test_rollback_that_ecs_does_already_is_joined(status: str) -> None:
    found = plan(under_way(a_revision(4), status))
    assert (found.way, found.target.number, found.ends_as) == ("join", 3, ROLLED_BACK)
    assert found.sentence == f"wait for the rollback to {SERVICE}:3 that is under way"


def test_rollback_that_somebody_deploys_is_joined_and_not_stopped() -> None:
    """To stop the deployment of an earlier revision would bring the faulty one back."""
    found = plan(under_way(a_revision(2)))
    assert (found.way, found.target.number, found.ends_as) == ("join", 2, COMPLETED)


def test_deployment_that_is_being_stopped_is_refused_whatever_is_forced() -> None:
    assert refusal(under_way(a_revision(4), "STOP_REQUESTED"), force=True) == (
        f"the deployment of {SERVICE}:4 is being stopped: wait until it has ended, then ask again"
    )


def test_first_deployment_has_nothing_to_return_to() -> None:
    history = a_history((a_revision(1), "IN_PROGRESS"))
    assert "ECS has nothing to return to" in refusal(history, force=True)


def test_deployment_under_way_leads_nowhere_but_back() -> None:
    history = under_way(a_revision(4))
    assert f"leads to {SERVICE}:3, not to {SERVICE}:1" in refusal(history, a_revision(1), force=True)
    assert plan(history, a_revision(3)).way == "stop"


# The schema of the database.


def with_target_schema(declared: int | None, *, recorded: int | None) -> History:
    return a_history(
        (a_revision(1, schema=declared), COMPLETED), (a_revision(2, schema=declared), COMPLETED), recorded=recorded
    )


@pytest.mark.parametrize("declared", [2, 3])
def test_revision_that_declares_the_databases_schema_or_a_newer_one_fits(declared: int) -> None:
    assert plan(with_target_schema(declared, recorded=2)).overruled == ()


def test_revision_older_than_the_recorded_schema_is_refused_unless_forced() -> None:
    history = with_target_schema(1, recorded=2)
    assert refusal(history).startswith(f"the database is at schema version 2, and {SERVICE}:1 declares no newer than 1")
    assert refusal(history).endswith("to roll back all the same, add --force")
    forced = plan(history, force=True)
    assert (forced.target.number, len(forced.overruled)) == (1, 1)


def test_deployment_under_way_is_not_stopped_into_a_schema_too_new() -> None:
    history = under_way(a_revision(4, schema=2))
    assert refusal(history).startswith("the database is at schema version 2")
    assert plan(history, force=True).way == "stop"


@pytest.mark.parametrize("status", ["STOPPED", ROLLED_BACK, "ROLLBACK_FAILED"])
def test_schema_that_came_with_a_failed_deployment_counts(status: str) -> None:
    """Its migration ran, and nobody undid it, whatever was recorded before."""
    history = a_history(
        (a_revision(1), COMPLETED), (a_revision(2), COMPLETED), (a_revision(3, schema=2), status), recorded=1
    )
    assert refusal(replace(history, current=a_revision(2))).startswith("the database is at schema version 2")


def test_newest_schema_anybody_declared_or_recorded_is_the_databases() -> None:
    assert with_target_schema(1, recorded=7).schema_version == 7
    assert with_target_schema(3, recorded=1).schema_version == 3
    assert with_target_schema(3, recorded=None).schema_version == 3


def test_schema_of_the_revision_that_runs_counts_though_ecs_forgot_its_deployment() -> None:
    history = replace(in_order(1, 2), current=a_revision(3, schema=4))
    assert history.schema_version == 4


def test_database_whose_schema_nobody_knows_is_not_proven() -> None:
    history = with_target_schema(None, recorded=None)
    assert refusal(history).startswith("the database's schema version is unknown, so it is not proven")
    assert plan(history, force=True).database_schema_version is None


def test_revision_that_declares_no_schema_is_not_proven() -> None:
    history = with_target_schema(None, recorded=1)
    assert refusal(history).startswith(f"the schema version that {SERVICE}:1 needs is unknown")


def test_joining_changes_nothing_and_so_needs_no_force() -> None:
    assert plan(under_way(a_revision(4, schema=9), "ROLLBACK_IN_PROGRESS")).overruled == ()


def test_every_objection_is_told_at_once() -> None:
    said = refusal(with_target_schema(1, recorded=2), a_revision(9))
    assert "the database is at schema version 2" in said
    assert "completed no deployment" in said


# What was measured.


def test_clocks_that_differ_leave_a_rollback_unmeasured() -> None:
    ended = NOON - timedelta(seconds=3)
    outcome = Outcome(
        deployment_arn="arn", status=COMPLETED, reason="", succeeded=True, started_at=NOON, ended_at=ended
    )
    assert (outcome.objective.rto_measured_seconds, outcome.objective.verdict) == (None, "FAIL")


def test_rollback_that_did_not_succeed_has_no_recovery_time() -> None:
    outcome = Outcome(
        deployment_arn="arn",
        status="IN_PROGRESS",
        reason="",
        succeeded=False,
        started_at=NOON,
        ended_at=NOON + timedelta(minutes=1),
    )
    assert (outcome.objective.rto_measured_seconds, outcome.objective.verdict) == (None, "FAIL")
