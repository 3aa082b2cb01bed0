"""Executions of the failover machine as a person's command starts, answers, follows and resumes them."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from recovery.failover.answers import Request
from recovery.failover.preflight import Direction

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

FOLLOW_SECONDS = 2.0
CANCELLED = "Cancelled"


class NothingToResumeError(ValueError):
    """No execution stopped that could go on; the message says what there is."""


class RunningError(ValueError):
    """An operation is under way already."""


@dataclass(frozen=True)
class Ended:
    """How an execution ended: its status, and where and why it stopped when it did."""

    execution: str
    status: str
    error: str | None
    cause: str | None

    @property
    def succeeded(self) -> bool:
        """Whether it went to its end."""
        return self.status == "SUCCEEDED"


@dataclass(frozen=True)
class FailoverMachine:
    """The machine of one environment. Methods raise botocore's errors."""

    states: "SFNClient"
    arn: str

    def start(self, direction: Direction, *, disaster_time: datetime | None, accept_unproven: bool) -> str:
        """Begin an operation and return its execution. Raises :class:`RunningError`."""
        self._require_idle()
        operation = f"{direction}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{uuid4().hex[:6]}"
        request = Request(
            direction=direction,
            operation=operation,
            disaster_time=disaster_time,
            accept_unproven=accept_unproven,
        )
        return self._start(operation, json.loads(request.model_dump_json(exclude_none=True)))

    def resume(self, direction: Direction, *, accept_unproven: bool) -> str:
        """Go on with the operation that stopped last, in a new execution, which is returned.

        Raises :class:`RunningError` or :class:`NothingToResumeError`.
        """
        self._require_idle()
        listed = self.states.list_executions(stateMachineArn=self.arn, maxResults=1)["executions"]
        if not listed:
            raise NothingToResumeError(f"expected a {direction} that stopped, found none that was ever started")
        last = listed[0]
        if last["status"] == "SUCCEEDED":
            raise NothingToResumeError(f"expected a {direction} that stopped, found that {last['name']} succeeded")
        given = self.states.describe_execution(executionArn=last["executionArn"]).get("input", "{}")
        request = Request.model_validate({"operation": last["name"], **json.loads(given)})
        if request.direction != direction:
            raise NothingToResumeError(
                f"expected a {direction} that stopped, found the {request.direction} {request.operation}: use dr"
                f" {request.direction} --resume"
            )
        resumed = json.loads(request.model_dump_json(exclude_none=True))
        resumed["accept_unproven"] = request.accept_unproven or accept_unproven
        return self._start(f"{request.operation}-again-{uuid4().hex[:6]}", resumed)

    def approve(self, token: str, approved_by: str) -> None:
        """Let the operation that gave this token go on."""
        self.states.send_task_success(taskToken=token, output=json.dumps({"approved_by": approved_by}))

    def cancel(self, token: str, cancelled_by: str) -> None:
        """End the operation that gave this token; nothing was changed."""
        self.states.send_task_failure(
            taskToken=token, error=CANCELLED, cause=f"cancelled by {cancelled_by}; nothing was changed"
        )

    def follow(self, execution: str, tell: Callable[[str], None], *, pause: float = FOLLOW_SECONDS) -> Ended:
        """Wait for the end, telling each state as it is entered."""
        told = ""
        while True:
            found = self.states.describe_execution(executionArn=execution)
            if found["status"] != "RUNNING":
                return Ended(execution, found["status"], found.get("error"), found.get("cause"))
            state = self._state(execution)
            if state and state != told:
                tell(state)
                told = state
            time.sleep(pause)

    def _state(self, execution: str) -> str | None:
        history: Any = self.states.get_execution_history(executionArn=execution, reverseOrder=True, maxResults=20)
        for event in history["events"]:
            entered = event.get("stateEnteredEventDetails")
            if entered:
                return entered["name"]
        return None

    def _require_idle(self) -> None:
        running = self.states.list_executions(stateMachineArn=self.arn, statusFilter="RUNNING")["executions"]
        if running:
            raise RunningError(
                f"expected no operation under way, found {running[0]['name']} running: approve, cancel or await it"
            )

    def _start(self, name: str, request: dict[str, Any]) -> str:
        return self.states.start_execution(stateMachineArn=self.arn, name=name, input=json.dumps(request))[
            "executionArn"
        ]
