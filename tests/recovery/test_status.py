"""What an environment's answers amount to: decisions alone."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from recovery import objectives
from recovery.evidence import judge
from recovery.instances import Instance
from recovery.names import PRIMARY_REGION, RECOVERY_REGION, Names
from recovery.objectives import APPLICATION, DATABASE, FULL
from recovery.status import Record, RegionAnswers, Status, Unanswered, findings, serving_region, tier_statuses
from tests.recovery.evidence_files import a_record

NAMES = Names(environment="prod", account="123456789012")
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
SILENT = Unanswered(f"{PRIMARY_REGION} does not answer", silent=True)


def a_region(name: str) -> RegionAnswers:
    """A region in order."""
    recovery = name == RECOVERY_REGION
    return RegionAnswers(
        name=name,
        stacks=dict.fromkeys(NAMES.stacks_in(name), "UPDATE_COMPLETE"),
        instance=Instance(
            identifier=NAMES.replica_identifier if recovery else NAMES.instance_identifier,
            status="available",
            source=NAMES.instance_arn if recovery else None,
        ),
        automated_backup=NOW - timedelta(minutes=5),
        snapshot=NOW - timedelta(days=2),
        alarms=(),
        replica_lag=3.0 if recovery else None,
    )


def a_status() -> Status:
    """An environment in order: every tier was measured within its objectives."""
    measured = (
        judge(DATABASE, rto=timedelta(minutes=2), rpo=timedelta()),
        judge(APPLICATION, rto=timedelta(minutes=3), rpo=None),
        judge(FULL, rto=timedelta(hours=1), rpo=timedelta(minutes=5)),
    )
    record = Record(name="job-1", evidence=a_record(1).model_copy(update={"objectives": measured}))
    return Status(
        names=NAMES,
        now=NOW,
        primary=a_region(PRIMARY_REGION),
        recovery=a_region(RECOVERY_REGION),
        evidence=(record,),
    )


def primary(**changes: Any) -> Status:
    status = a_status()
    return replace(status, primary=replace(status.primary, **changes))


def recovery(**changes: Any) -> Status:
    status = a_status()
    return replace(status, recovery=replace(status.recovery, **changes))


def test_environment_in_order_has_nothing_to_look_at() -> None:
    assert findings(a_status()) == []


@pytest.mark.parametrize(
    ("status", "finding"),
    [
        (
            primary(stacks=dict.fromkeys(NAMES.stacks_in(PRIMARY_REGION)[1:], "CREATE_COMPLETE")),
            "prod-Network is missing",
        ),
        (
            primary(stacks=dict.fromkeys(NAMES.stacks_in(PRIMARY_REGION), "UPDATE_ROLLBACK_FAILED")),
            "UPDATE_ROLLBACK_FAILED",
        ),
        (primary(instance=None), "there is no DB instance"),
        (primary(instance=Instance(identifier="db", status="rebooting", source=None)), "db is rebooting"),
        (primary(automated_backup=None), "there is no automated backup"),
        (primary(automated_backup=NOW - objectives.FULL_RPO - SECOND), "older than 1 h"),
        (recovery(snapshot=None), "there is no snapshot"),
        (recovery(snapshot=NOW - objectives.NEWEST_RECOVERY_POINT_MAX_AGE - SECOND), "older than 7.3 days"),
        (recovery(replica_lag=None), "the replica's lag is unmeasured"),
        (recovery(replica_lag=-1.0), "does not replicate"),
        (recovery(replica_lag=objectives.REPLICA_LAG_ALARM.total_seconds() + 1), "behind, more than 30 min"),
        (primary(alarms=Unanswered("no", silent=False)), f"{PRIMARY_REGION}: the alarms cannot be read: no"),
    ],
)
def test_each_fault_is_found(status: Status, finding: str) -> None:
    found = findings(status)
    assert found
    assert any(finding in line for line in found)


def test_limits_themselves_are_within_them() -> None:
    oldest = primary(
        automated_backup=NOW - objectives.FULL_RPO, snapshot=NOW - objectives.NEWEST_RECOVERY_POINT_MAX_AGE
    )
    assert findings(oldest) == []


def test_silent_region_is_one_line() -> None:
    answers = dict.fromkeys(("stacks", "instance", "automated_backup", "snapshot", "alarms"), SILENT)
    assert findings(primary(**answers)) == [f"{PRIMARY_REGION} does not answer"]


@pytest.mark.parametrize(
    ("state", "advice"),
    [
        ("UPDATE_IN_PROGRESS", "wait for its end, and ask again"),
        ("DELETE_IN_PROGRESS", "wait for its end, and ask again"),
        ("REVIEW_IN_PROGRESS", "see its events, then `cdk deploy 'prod/Backup'`"),
        ("ROLLBACK_COMPLETE", "see its events, then `cdk deploy 'prod/Backup'`"),
    ],
)
def test_stack_that_is_not_whole_is_told_with_what_to_do(state: str, advice: str) -> None:
    stacks = dict.fromkeys(NAMES.stacks_in(PRIMARY_REGION), "CREATE_COMPLETE") | {"prod-Backup": state}
    assert findings(primary(stacks=stacks)) == [f"{PRIMARY_REGION}: the stack prod-Backup is {state}: {advice}"]


def test_without_an_instance_nothing_serves() -> None:
    assert serving_region(primary(instance=None)) is None
    assert serving_region(primary(instance=SILENT)) == PRIMARY_REGION


def test_two_instances_that_take_writes_come_first() -> None:
    promoted = recovery(instance=Instance(identifier="replica", status="available", source=None), replica_lag=None)
    assert findings(promoted) == ["duskspendr-prod and replica both take writes: fence the one that does not serve"]
    assert serving_region(promoted) == RECOVERY_REGION


def test_nobody_guesses_where_it_serves() -> None:
    assert serving_region(recovery(instance=SILENT)) is None


def test_tier_that_was_never_measured_is_none_and_a_finding() -> None:
    status = replace(a_status(), evidence=())
    assert all(each.rto is None and each.rpo is None for each in tier_statuses(status))
    assert len(findings(status)) == len(tier_statuses(status))


def test_objective_that_was_missed_is_a_finding() -> None:
    late = a_record(1).model_copy(update={"objectives": (judge(APPLICATION, rto=APPLICATION.rto + SECOND, rpo=None),)})
    status = a_status()
    status = replace(status, evidence=(Record(name="job-2", evidence=late), Record(name="job-1", evidence=a_record(1))))
    assert any("tier 2 (application): the last RTO was 30 min 1 s of 30 min" in line for line in findings(status))
