"""One step of a failover or failback, as the state machine in the recovery region asks for it."""

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from lambdas.failover_step.asked import Step, StepSettings
from lambdas.failover_step.guards import RegionalFunctions
from lambdas.shared.aws import client, sns
from lambdas.shared.evidence_store import evidence_bucket
from lambdas.shared.manifest_keys import newest_manifest_key
from lambdas.shared.parts import Parts
from lambdas.shared.restore import RestoreDescription, RestoredInstance
from lambdas.shared.verification import CheckPlan, StoredResults, check_context
from recovery.evidence import RanBy
from recovery.evidence.chain import keep, record_key, seal
from recovery.evidence.judgement import LONGEST_CAUSE, Circumstances
from recovery.evidence.page import page_of
from recovery.failover.answers import Moment
from recovery.failover.journal import Journal, as_payload
from recovery.failover.messages import approval_message, stopped_message
from recovery.failover.operation import Operation
from recovery.failover.preflight import Preflight, plan
from recovery.failover.public_name import move_name
from recovery.failover.record import evidence_of_operation
from recovery.failover.standbys import await_backups, prepare, renew_standby, replicate_backups
from recovery.verification import conclude

logger = Logger()


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Do the step and answer with what the machine has to know of it.

    Raises pydantic's ValidationError for an input that is no step, KeyError for an unknown one, and what the step
    raises, by which the machine tells what to repeat.
    """
    step = Step.model_validate(event)
    settings = StepSettings.read()
    functions = RegionalFunctions(settings.names.guard_name, settings.names.promoted_check_name)
    operation = Operation(
        names=settings.names,
        request=step.request,
        journal=Journal(evidence_bucket(settings), settings.database_identifier, step.request.operation),
        guards=functions,
        pause=time.sleep,
    )
    answer = _Steps(step, settings, functions, operation, context).table()[step.step]()
    logger.info("step done", extra={"step": step.step, "operation": step.request.operation})
    return answer


class _Steps:
    """The steps by their names, each a call of the operation or of what only a function can do."""

    def __init__(
        self,
        step: Step,
        settings: StepSettings,
        functions: RegionalFunctions,
        operation: Operation,
        context: LambdaContext,
    ) -> None:
        self._step, self._settings, self._functions = step, settings, functions
        self._operation, self._context = operation, context

    def table(self) -> dict[str, Callable[[], dict[str, Any]]]:
        """Every step that the machine knows."""
        operation = self._operation
        return {
            "look": lambda: _told(operation.look()),
            "prepare": lambda: as_payload(prepare(operation)),
            "preflight": self._preflight,
            "ask": self._ask,
            "approve": lambda: as_payload(operation.approve(self._step.approved_by or "unknown")),
            "fence": lambda: {"holds": operation.fence().holds},
            "catch_up": lambda: as_payload(operation.catch_up()),
            "claim": lambda: as_payload(operation.claim()),
            "promote": lambda: as_payload(operation.promote()),
            "await_primary": lambda: as_payload(operation.await_primary()),
            "adopt": self._adopt,
            "plan": self._check,
            "part": self._check,
            "conclude": self._conclude,
            "open": lambda: as_payload(operation.open()),
            "serve": lambda: as_payload(operation.serve()),
            "move_name": self._move_name,
            "move_pulse": lambda: as_payload(operation.move_pulse()),
            "reconcile": self._reconcile,
            "replicate_backups": lambda: as_payload(replicate_backups(operation)),
            "renew_standby": lambda: as_payload(renew_standby(operation)),
            "await_backups": lambda: as_payload(await_backups(operation)),
            "record": self._record,
            "release": self._release,
            "explain": self._explain,
        }

    def _preflight(self) -> dict[str, Any]:
        self._operation.preflight()
        return {"approved": self._operation.approved}

    def _ask(self) -> dict[str, Any]:
        preflight = self._operation.known("preflight", Preflight)
        text = approval_message(
            self._settings.environment, self._step.request.operation, preflight, self._step.token or ""
        )
        self._publish(f"{preflight.direction} of {self._settings.environment}: approve or cancel", text)
        return {"asked": True}

    def _adopt(self) -> dict[str, Any]:
        """The promoted copy as the checks take it, dated by the newest heartbeat it came with."""
        operation = self._operation
        adopted = operation.adopt()
        beat = adopted.state.heartbeat
        restore = RestoreDescription(
            ours=True,
            disaster_time=operation.counted_to(),
            manifest_key=None if beat is None else newest_manifest_key(self._settings, not_after=beat.written_at),
            instance=RestoredInstance(
                identifier=operation.names.identifier_in(operation.new_region),
                host=adopted.host,
                port=adopted.port,
                engine_version=adopted.state.version,
            ),
            fenced=True,
        )
        return {"restore": restore.payload, "proven": operation.proven}

    def _check(self) -> dict[str, Any]:
        """Let the function beside the promoted instance plan the checks, or do one part of them."""
        asked = {"step": self._step.step, "execution": self._step.execution, "part": self._step.part}
        restore = self._step.restore.payload if self._step.restore else None
        return self._functions.check(self._operation.new_region, {**asked, "restore": restore})

    def _conclude(self) -> dict[str, Any]:
        step, parts = self._step, Parts(self._settings, self._step.execution)
        if step.restore is None:
            raise ValueError("expected the restore that was checked, found none")
        planned = CheckPlan.model_validate_json(parts.get_plan())
        stored = StoredResults(
            parts, planned, {answer.part: answer.error for answer in step.answers if answer.error is not None}
        )
        checks = conclude(check_context(self._settings, step.restore), planned.parts, stored)
        if stored.unread:
            raise stored.unread[0]
        return {"proven": self._operation.conclude(checks, optional=self._settings.optional_checks).proven}

    def _move_name(self) -> dict[str, Any]:
        settings, operation = self._settings, self._operation

        def work() -> Moment:
            if settings.public_name:
                move_name(
                    client("route53"),
                    zone_id=settings.zone_id,
                    name=settings.public_name,
                    to_region=operation.new_region,
                    from_region=operation.old_region,
                )
            return Moment(at=datetime.now(UTC))

        return as_payload(operation.journal.once("move-name", Moment, work))

    def _reconcile(self) -> dict[str, Any]:
        outcome = self._operation.reconcile()
        return {
            "report": None if outcome.report is None else as_payload(outcome.report),
            "needed": outcome.needed,
            "summary": outcome.reason if outcome.report is None else outcome.report.summary,
        }

    def _record(self) -> dict[str, Any]:
        operation, settings = self._operation, self._settings
        circumstances = Circumstances(
            environment=settings.environment,
            region=operation.new_region,
            finished_at=datetime.now(UTC),
            ran_by=RanBy(
                execution=self._step.execution_arn or self._step.execution,
                function=f"{self._context.invoked_function_arn} version {self._context.function_version}",
            ),
            optional_checks=settings.optional_checks,
            lab=settings.aws_endpoint_url is not None,
        )
        store, database = evidence_bucket(settings), settings.database_identifier
        key = record_key(database, operation.request.operation)
        evidence, _ = keep(store, key, evidence_of_operation(operation, operation.reconcile(), circumstances))
        seal(store, database, key, lambda: page_of(evidence))
        self._publish(f"{operation.request.direction} of {settings.environment}: {evidence.verdict}", evidence.summary)
        return {"verdict": evidence.verdict, "evidence_key": key, "summary": evidence.summary}

    def _release(self) -> dict[str, Any]:
        self._operation.release()
        return {"released": True}

    def _explain(self) -> dict[str, Any]:
        stopped, settings = self._step.stopped, self._settings
        if stopped is None:
            raise ValueError("expected the step that stopped, found none")
        direction = self._step.request.direction
        text = stopped_message(
            settings.environment,
            direction,
            stopped.step,
            str(stopped.error.get("Error", "error")),
            _cause(str(stopped.error.get("Cause", ""))),
        )
        self._publish(f"{direction} of {settings.environment} stopped at {stopped.step}", text)
        return {"sentence": text}

    def _publish(self, subject: str, text: str) -> None:
        sns().publish(TopicArn=self._settings.topic_arn, Subject=subject[:100], Message=text)


def _cause(cause: str) -> str:
    """What a function said, without the JSON that Lambda wraps it in and the trace."""
    try:
        said = json.loads(cause)["errorMessage"]
    except (ValueError, KeyError, TypeError):
        said = cause
    return str(said)[:LONGEST_CAUSE]


def _told(preflight: Preflight) -> dict[str, Any]:
    """What a person who only looks is shown."""
    loss = preflight.expected_loss
    return {
        "preflight": as_payload(preflight),
        "findings": [as_payload(finding) for finding in preflight.findings],
        "blocked": preflight.blocked,
        "expected_loss_seconds": None if loss is None else loss.total_seconds(),
        "plan": list(plan(preflight)),
    }
