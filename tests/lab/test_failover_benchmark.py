"""What the benchmark of the failover machine reads out of an execution's history, and says of it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from benchmarks.failover import passage_of
from benchmarks.failover_page import MAX_OVERHEAD_SECONDS, render

START = datetime(2026, 11, 1, 6, 0, tzinfo=UTC)


def event(seconds: float, kind: str, name: str = "") -> dict[str, Any]:
    details = {f"state{way}EventDetails": {"name": name} for way in ("Entered", "Exited") if kind.endswith(way)}
    return {"timestamp": START + timedelta(seconds=seconds), "type": kind, **details}


# Promote is done at once; AwaitPrimary is asked twice, with five seconds between; then a turn of the guard.
HISTORY = [
    event(0, "ExecutionStarted"),
    event(0, "TaskStateEntered", "Promote"),
    event(0, "TaskScheduled"),
    event(1, "TaskStateExited", "Promote"),
    event(1, "TaskStateEntered", "AwaitPrimary"),
    event(1, "TaskScheduled"),
    event(3, "TaskFailed"),
    event(8, "TaskScheduled"),
    event(9, "TaskStateExited", "AwaitPrimary"),
    event(9, "WaitStateEntered", "GuardsTurn"),
    event(11, "WaitStateExited", "GuardsTurn"),
    event(11, "ExecutionSucceeded"),
]


def test_pause_between_two_attempts_is_a_wait_and_no_work() -> None:
    step = passage_of(HISTORY).steps["AwaitPrimary"]
    assert (step.work, step.waits) == (3, 5)


def test_wait_of_the_definition_is_no_work() -> None:
    step = passage_of(HISTORY).steps["GuardsTurn"]
    assert (step.work, step.waits) == (0, 2)


def test_total_is_from_the_start_to_the_end() -> None:
    assert passage_of(HISTORY).total == 11


def test_steps_within_a_map_are_the_maps_work() -> None:
    inner = [event(2, "TaskStateEntered", "ChecksPart"), event(4, "TaskStateExited", "ChecksPart")]
    found = passage_of(
        [
            event(0, "ExecutionStarted"),
            event(1, "MapStateEntered", "Checks"),
            *inner,
            event(5, "MapStateExited", "Checks"),
            event(5, "ExecutionSucceeded"),
        ]
    )
    assert {name: step.work for name, step in found.steps.items()} == {"Checks": 4}


def test_execution_that_stopped_is_refused() -> None:
    with pytest.raises(ValueError, match="succeeded"):
        passage_of([*HISTORY[:-1], event(11, "ExecutionFailed")])


@pytest.mark.parametrize(("beyond", "verdict"), [(-0.01, "met"), (0.01, "**not met**")])
def test_verdict_is_on_what_is_left_of_the_total_without_the_promotion(beyond: float, verdict: str) -> None:
    facts = {
        "measured_on": "2026-11-01",
        "machine": "a machine",
        "runs": 1,
        "load_before": 0,
        "load_after": 0,
        "by_hand": [0.5],
        "totals": [0.5 + MAX_OVERHEAD_SECONDS + beyond],
        "between": 0.0,
        "steps": {"Promote": {"work": 0.5, "waits": 0.0}},
    }
    assert f"- at most 5 s of its own: {verdict}" in render(facts)
