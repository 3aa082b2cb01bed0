"""What an operation decides between its guards' answers: guards that say what a test wants them to."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import BaseModel

from recovery.failover.answers import Adopted, CatchUp, FenceOutcome, Request
from recovery.failover.epochs import Epoch, claim_epoch
from recovery.failover.errors import NotCaughtUpError, NotYetError, SilentError
from recovery.failover.fence import DatabaseState, Fenced
from recovery.failover.journal import Journal
from recovery.failover.operation import Operation
from recovery.failover.preflight import BACKING_UP, Direction, InstanceFacts, Preflight, SiteFacts
from recovery.failover.site import FenceReport
from recovery.heartbeat import Heartbeat
from recovery.names import PRIMARY_REGION, RECOVERY_REGION, Names
from recovery.objectives import FAILOVER_CATCH_UP
from tests.recovery.failover.memory import MemoryStore

NOW = datetime(2026, 11, 1, 6, 0, tzinfo=UTC)
NAMES = Names(environment="prod", account="123456789012")
FENCED = FenceReport(
    database=Fenced(fenced_at=NOW, position="0/1", ended_sessions=0, heartbeat=None),
    service_stopped=True,
    group_closed=True,
)
OPEN = FenceReport(database=None, service_stopped=True, group_closed=True, problems=("no way in",))


@dataclass
class StubGuards:
    """Answers by action; every question is noted. An answer that is an exception is raised."""

    answers: dict[str, Any] = field(default_factory=dict[str, Any])
    asked: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])

    def ask(self, region: str, action: str, payload: dict[str, Any]) -> dict[str, Any]:
        del payload
        self.asked.append((region, action))
        answer = self.answers.get(action, {})
        if isinstance(answer, Exception):
            raise answer
        return answer


def operation(direction: Direction, guards: StubGuards, store: MemoryStore | None = None) -> Operation:
    """One whose clock runs past every patience at the first pause."""
    clock = [NOW]

    def pause(_: float) -> None:
        clock[0] += FAILOVER_CATCH_UP

    return Operation(
        names=NAMES,
        request=Request(direction=direction, operation="one"),
        journal=Journal(store or MemoryStore(), NAMES.instance_identifier, "one"),
        guards=guards,
        pause=pause,
        clock=lambda: clock[0],
    )


def known_to(made: Operation, **steps: BaseModel) -> Operation:
    for step, answer in steps.items():
        made.journal.once(step.replace("_", "-"), BaseModel, lambda answer=answer: answer)
    return made


def failback_that_fell_behind(guards: StubGuards) -> Operation:
    guards.answers["replayed"] = {"done": False}
    store = MemoryStore()
    epoch = Epoch(number=2, region=RECOVERY_REGION, operation="before")
    claim_epoch(store, NAMES.instance_identifier, epoch)
    return known_to(
        operation("failback", guards, store),
        fence=FenceOutcome(asked_at=NOW - FAILOVER_CATCH_UP, report=FENCED),
        preflight=Preflight(
            direction="failback",
            looked_at=NOW,
            epoch=2,
            old_region=RECOVERY_REGION,
            new_region=PRIMARY_REGION,
            old=None,
            new=None,
        ),
    )


def test_failback_that_was_released_promotes_nothing_even_when_its_copy_catches_up_later() -> None:
    guards = StubGuards()
    made = failback_that_fell_behind(guards)
    with pytest.raises(NotCaughtUpError):
        made.catch_up()
    guards.answers["replayed"] = {"done": True}
    for step in (made.catch_up, made.claim):
        with pytest.raises(NotCaughtUpError):
            step()


def test_release_lets_the_old_primary_take_writes_and_serve() -> None:
    guards = StubGuards()
    made = failback_that_fell_behind(guards)
    with pytest.raises(NotCaughtUpError):
        made.catch_up()
    guards.asked.clear()
    made.release()
    assert guards.asked == [(RECOVERY_REGION, "open"), (RECOVERY_REGION, "serve")]


def test_operation_that_may_still_promote_is_not_released() -> None:
    guards = StubGuards()
    made = known_to(failback_that_fell_behind(guards), catch_up=CatchUp(complete=True, ended_at=NOW))
    with pytest.raises(RuntimeError, match="may promote"):
        made.release()
    assert not guards.asked


def test_region_that_is_no_primary_any_more_is_not_released() -> None:
    guards = StubGuards()
    made = failback_that_fell_behind(guards)
    with pytest.raises(NotCaughtUpError):
        made.catch_up()
    claim_epoch(
        made.journal.store, NAMES.instance_identifier, Epoch(number=3, region=PRIMARY_REGION, operation="another")
    )
    guards.asked.clear()
    with pytest.raises(RuntimeError, match="to be the primary"):
        made.release()
    assert not guards.asked


def test_promotion_waits_for_the_end_of_a_backup() -> None:
    facts = InstanceFacts(
        identifier="copy", status=BACKING_UP, source="arn", version="18.1", instance_class="db.t4g", multi_az=True
    )
    guards = StubGuards({"promote": facts.model_dump(mode="json")})
    made = operation("failover", guards)
    with pytest.raises(NotYetError, match="backing up"):
        made.promote()
    guards.answers["promote"] = facts.model_copy(update={"status": "available"}).model_dump(mode="json")
    assert made.promote().status == "available"


def test_promotion_that_was_refused_is_asked_for_again() -> None:
    replica = InstanceFacts(
        identifier="copy", status="modifying", source="arn", version="18.1", instance_class="db.t4g", multi_az=True
    )
    site = SiteFacts(region=RECOVERY_REGION, instance=replica, most_tasks=2)
    guards = StubGuards({"promote": replica.model_dump(mode="json"), "look": site.model_dump(mode="json")})
    made = operation("failover", guards)
    made.promote()
    with pytest.raises(NotYetError, match="still a replica"):
        made.await_primary()
    assert guards.asked.count((RECOVERY_REGION, "promote")) == 2


def failover_with_a_loss(guards: StubGuards) -> Operation:
    guards.answers |= {
        "changes": {"since": NOW.isoformat(), "tables": [], "untold": []},
        "compare": {"since": NOW.isoformat(), "tables": [], "untold": []},
    }
    beat = Heartbeat(sequence=1, written_at=NOW - timedelta(minutes=1), previous_hash="", hash="")
    state = DatabaseState(
        database="d", in_recovery=False, fenced=True, version="18", position=None, epoch=2, now=NOW, heartbeat=beat
    )
    store = MemoryStore()
    epoch = Epoch(number=2, region=RECOVERY_REGION, operation="one")
    claim_epoch(store, NAMES.instance_identifier, epoch)
    return known_to(
        operation("failover", guards, store),
        catch_up=CatchUp(complete=False, ended_at=NOW),
        adopt=Adopted(state=state, host="h", port=1),
        claim=epoch,
    )


def test_old_primary_is_fenced_before_its_rows_are_counted() -> None:
    guards = StubGuards({"fence": FENCED.model_dump(mode="json")})
    assert failover_with_a_loss(guards).reconcile().report is not None
    assert [action for _, action in guards.asked] == ["fence", "changes", "compare"]


@pytest.mark.parametrize("answer", [OPEN.model_dump(mode="json"), SilentError("nothing")])
def test_no_report_is_kept_of_an_old_primary_that_may_take_writes(answer: Any) -> None:
    guards = StubGuards({"fence": answer})
    made = failover_with_a_loss(guards)
    assert made.reconcile().report is None
    guards.answers["fence"] = FENCED.model_dump(mode="json")
    assert made.reconcile().report is not None


def test_primary_of_a_later_epoch_is_neither_fenced_nor_compared() -> None:
    guards = StubGuards({"fence": FENCED.model_dump(mode="json")})
    made = failover_with_a_loss(guards)
    claim_epoch(
        made.journal.store, NAMES.instance_identifier, Epoch(number=3, region=PRIMARY_REGION, operation="another")
    )
    outcome = made.reconcile()
    assert outcome.report is None
    assert "duskspendr-prod-retired-2" in (outcome.reason or "")
    assert not guards.asked
