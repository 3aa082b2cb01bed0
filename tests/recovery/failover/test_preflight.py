"""What speaks against a failover, and what is only to be known."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from recovery.failover.fence import DatabaseState
from recovery.failover.messages import approval_message, stopped_message
from recovery.failover.preflight import Direction, InstanceFacts, Preflight, SiteFacts, plan
from recovery.heartbeat import Heartbeat
from recovery.names import RELEASED

NOW = datetime(2026, 11, 1, 6, tzinfo=UTC)
OLD, NEW = "ap-south-1", "ap-southeast-1"


@dataclass
class Facts:
    """A good situation, of which a test changes one thing."""

    direction: Direction = "failover"
    instance: dict[str, Any] = field(default_factory=dict[str, Any])
    lag: timedelta = timedelta(seconds=40)
    old: bool = True
    problems: tuple[str, ...] = ()

    def look(self) -> Preflight:
        beat = Heartbeat(sequence=1, written_at=NOW - self.lag, previous_hash="0", hash="1")
        return Preflight(
            direction=self.direction,
            looked_at=NOW,
            epoch=1,
            old_region=OLD,
            new_region=NEW,
            old=_site(OLD, _instance(source=None), _state(beat, in_recovery=False)) if self.old else None,
            new=_site(NEW, _instance(**self.instance), _state(beat, in_recovery=True), self.problems),
        )


def _instance(**changes: Any) -> InstanceFacts:
    good = {"identifier": "db", "status": "available", "source": "arn", "version": "18.6", "multi_az": True}
    return InstanceFacts.model_validate(good | {"instance_class": "db.m7g.large"} | changes)


def _state(beat: Heartbeat, *, in_recovery: bool) -> DatabaseState:
    return DatabaseState(
        database="db", in_recovery=in_recovery, fenced=False, version="18.6", position="0/1", epoch=1, now=NOW,
        heartbeat=beat,
    )  # fmt: skip


def _site(region: str, instance: InstanceFacts, state: DatabaseState, problems: tuple[str, ...] = ()) -> SiteFacts:
    return SiteFacts(
        region=region, instance=instance, database=state, desired_tasks=3, most_tasks=20, problems=problems
    )


def test_healthy_replica_has_nothing_against_it() -> None:
    found = Facts().look()
    assert found.findings == ()
    assert found.expected_loss == timedelta(seconds=40)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"instance": {"status": "modifying"}}, "db is modifying"),
        ({"instance": {"source": None}}, "no replica"),
        ({"instance": {"version": "17.2"}}, "another major"),
        ({"problems": ("the image: none",)}, "the image: none"),
        ({"direction": "failback", "old": False}, "no write freeze is possible"),
    ],
)
def test_what_would_break_the_promotion_blocks_it(changes: dict[str, Any], said: str) -> None:
    found = Facts(**changes).look()
    assert found.blocked
    assert said in found.findings[0].sentence


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"old": False}, "does not answer"),
        ({"old": False, "lag": timedelta(hours=2)}, "more than the RPO"),
        ({"instance": {"version": "18.7"}}, "engine 18.7 would replace 18.6"),
        ({"instance": {"instance_class": "db.t4g.medium"}}, "capacity differs"),
        ({"instance": {"status": "backing-up"}}, "waits until that is done"),
    ],
)
def test_what_a_person_has_to_weigh_does_not_block_it(changes: dict[str, Any], said: str) -> None:
    found = Facts(**changes).look()
    assert not found.blocked
    assert any(said in finding.sentence for finding in found.findings)


def test_message_says_the_loss_and_holds_both_commands() -> None:
    text = approval_message("prod", "failover-1", Facts(old=False).look(), "TOKEN")
    assert "expected data loss: 40 s" in text
    assert "dr failover approve --environment prod TOKEN" in text
    assert "dr failover cancel --environment prod TOKEN" in text


def test_plan_of_a_failback_ends_with_new_copies() -> None:
    last = plan(Facts(direction="failback").look())[-1]
    assert "new replica in" in last
    assert "automated backups of" in last


def test_operation_that_stopped_is_told_with_the_command_that_resumes() -> None:
    assert "go on with: dr failback --environment prod --resume" in stopped_message(
        "prod", "failback", "Fence", "error", "why"
    )


def test_failback_that_was_released_is_told_to_begin_anew_and_not_to_resume() -> None:
    text = stopped_message("prod", "failback", RELEASED, "NotCaughtUpError", "behind")
    assert text.endswith("begin anew with: dr failback --environment prod")
