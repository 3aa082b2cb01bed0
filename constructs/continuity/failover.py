"""Failover and failback: the state machine in the recovery region, and the function that does its steps."""

from collections.abc import Mapping
from typing import cast

from aws_cdk import Duration
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct

from continuity.api_service import PublicName
from continuity.buckets import EvidenceStore
from continuity.deployment import Deployment
from continuity.failover_function import AlarmChannel, step_function
from continuity.parts_map import PartsMap
from continuity.state_machines import acknowledge_children, invoke_step, state_machine
from recovery import objectives
from recovery.names import RELEASED

_SELF = {"input.$": "$.input", "execution.$": "$.execution", "execution_arn.$": "$.execution_arn"}
_LAMBDA_ERRORS = [
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.TooManyRequestsException",
]


class Failover(Construct):
    """Preflight -> approval -> fence -> catch up -> epoch -> promote -> prove -> open -> scale -> move -> record.

    Each step keeps what it did, so that a new execution of the same operation goes on where the last one stopped. What
    stops it is told with the step's name, the cause and the command that resumes.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002
        *,
        deployment: Deployment,
        evidence: EvidenceStore,
        alarms: AlarmChannel,
        public_name: PublicName | None,
    ) -> None:
        super().__init__(scope, id)
        self._deployment = deployment
        self.function = step_function(
            self, "Step", deployment=deployment, evidence=evidence, alarms=alarms, public_name=public_name
        )
        self.machine = state_machine(
            self,
            deployment=deployment,
            name=deployment.names.failover_machine_name,
            first=self._states(),
            timeout=_duration(objectives.FAILOVER_TIMEOUT.total_seconds()),
            functions=[self.function],
        )
        acknowledge_children(self.machine)

    # -- the states ---------------------------------------------------------------------------------------------------

    def _states(self) -> sfn.IChainable:
        self._explain = self._explanation()
        before, after = self._before_the_promotion(), self._after_the_proof()
        begin = sfn.Pass(
            self,
            "Begin",
            parameters={"input.$": "$", "execution.$": "$$.Execution.Name", "execution_arn.$": "$$.Execution.Id"},
        )
        failback = sfn.Condition.and_(
            sfn.Condition.is_present("$.input.direction"),
            sfn.Condition.string_equals("$.input.direction", "failback"),
        )
        prepare = self._step("Prepare", "prepare", patience=_duration(objectives.REPLICA_TIMEOUT.total_seconds()))
        prepare.next(before)
        begin.next(sfn.Choice(self, "Failback?").when(failback, prepare).otherwise(before))

        promoted = self._promotion()
        self._claimed.next(
            sfn.Choice(self, "OldPrimaryFenced?")
            .when(sfn.Condition.boolean_equals("$.fence.holds", True), promoted)
            .otherwise(self._guards_turn(promoted))
        )
        checks = PartsMap(
            self, "Checks", function=self.function, carried={**_SELF, "restore.$": "$.adopt.restore"}, tolerant=True
        )
        checks.catch(self._stopped("Checks"))
        conclude = self._step("Conclude", "conclude", extra={"restore.$": "$.adopt.restore", "answers.$": "$.answers"})
        checks.then(conclude)
        conclude.next(after)
        self._adopted.next(
            sfn.Choice(self, "Proven?")
            .when(sfn.Condition.boolean_equals("$.adopt.proven", True), after)
            .otherwise(checks.start)
        )
        done = sfn.Succeed(self, "Done")
        replicate_backups = self._step(
            "ReplicateBackups", "replicate_backups", patience=_duration(objectives.FULL.rto.total_seconds())
        )
        renew = self._step(
            "RenewStandby", "renew_standby", patience=_duration(objectives.REPLICA_TIMEOUT.total_seconds())
        )
        # The copies that take long are made side by side: RDS sends the first backup while the replica is made.
        await_backups = self._step(
            "AwaitBackups", "await_backups", patience=_duration(objectives.REPLICA_TIMEOUT.total_seconds())
        )
        replicate_backups.next(renew)
        renew.next(await_backups)
        await_backups.next(done)
        self._recorded.next(sfn.Choice(self, "FailedBack?").when(failback, replicate_backups).otherwise(done))
        return begin

    def _before_the_promotion(self) -> sfn.IChainable:
        preflight = self._step("Preflight", "preflight", keep="$.preflight")
        fence = self._step("Fence", "fence", keep="$.fence")
        ask = self._ask()
        approve = self._step("Approve", "approve", extra={"approved_by.$": "$.approval.approved_by"})
        ask.next(approve)
        approve.next(fence)
        preflight.next(
            sfn.Choice(self, "Approved?")
            .when(sfn.Condition.boolean_equals("$.preflight.approved", True), fence)
            .otherwise(ask)
        )
        catch_up = invoke_step(
            self,
            "CatchUp",
            self.function,
            payload={"step": "catch_up", **_SELF},
            result_path=sfn.JsonPath.DISCARD,
            patience=_duration(2 * objectives.FAILOVER_CATCH_UP.total_seconds()),
        )
        # Nothing was promoted, so that the old primary can go on as before.
        catch_up.add_catch(self._release(), errors=["NotCaughtUpError"], result_path="$.error")
        catch_up.add_catch(self._stopped("CatchUp"), result_path="$.error")
        self._claimed = self._step("BeginEpoch", "claim")
        fence.next(catch_up).next(self._claimed)
        return preflight

    def _ask(self) -> tasks.LambdaInvoke:
        ask = tasks.LambdaInvoke(
            self,
            "AskApproval",
            lambda_function=cast(lambda_.IFunction, self.function),
            integration_pattern=sfn.IntegrationPattern.WAIT_FOR_TASK_TOKEN,
            payload=sfn.TaskInput.from_object({"step": "ask", **_SELF, "token": sfn.JsonPath.task_token}),
            result_path="$.approval",
            retry_on_service_exceptions=False,
            task_timeout=sfn.Timeout.duration(_duration(objectives.APPROVAL_TIMEOUT.total_seconds())),
        )
        ask.add_retry(errors=_LAMBDA_ERRORS, interval=Duration.seconds(5), max_attempts=5, backoff_rate=2)
        cancelled = sfn.Fail(self, "Cancelled", error="Cancelled", cause_path="$.error.Cause")
        ask.add_catch(cancelled, errors=["Cancelled"], result_path="$.error")
        ask.add_catch(self._stopped("AskApproval"), result_path="$.error")
        return ask

    def _guards_turn(self, then: sfn.IChainable) -> sfn.IChainable:
        """An old primary that only this region cannot reach reads the new epoch before anybody else may write."""
        wait = sfn.Wait(
            self, "GuardsTurn", time=sfn.WaitTime.duration(_duration(objectives.GUARD_TURN.total_seconds()))
        )
        return wait.next(then)

    def _promotion(self) -> sfn.IChainable:
        # RDS promotes nothing that is backing up.
        promote = self._step("Promote", "promote", patience=_duration(objectives.FULL.rto.total_seconds()))
        awaited = self._step("AwaitPrimary", "await_primary", patience=_duration(objectives.FULL.rto.total_seconds()))
        self._adopted = self._step("Adopt", "adopt", keep="$.adopt")
        promote.next(awaited).next(self._adopted)
        return promote

    def _after_the_proof(self) -> sfn.IChainable:
        opened = self._step("Open", "open")
        serve = self._step("Serve", "serve", patience=_duration(objectives.APPLICATION.rto.total_seconds()))
        move_name = self._step("MoveName", "move_name")
        move_pulse = self._step("MovePulse", "move_pulse")
        reconcile = self._step("Reconcile", "reconcile")
        self._recorded = self._step("Record", "record")
        opened.next(serve).next(move_name).next(move_pulse).next(reconcile).next(self._recorded)
        return opened

    def _step(
        self,
        state: str,
        step: str,
        *,
        extra: Mapping[str, str] | None = None,
        keep: str | None = None,
        patience: Duration | None = None,
    ) -> tasks.LambdaInvoke:
        task = invoke_step(
            self,
            state,
            self.function,
            payload={"step": step, **_SELF, **(extra or {})},
            result_path=keep or sfn.JsonPath.DISCARD,
            patience=patience,
        )
        task.add_catch(self._stopped(state), result_path="$.error")
        return task

    def _stopped(self, state: str) -> sfn.Pass:
        """Name the step that stopped, and tell a person."""
        stopped = sfn.Pass(
            self,
            f"{state}Stopped",
            state_name=f"{state}Stopped",
            parameters={**_SELF, "stopped": {"step": state, "error.$": "$.error"}},
        )
        stopped.next(self._explain)
        return stopped

    def _release(self) -> tasks.LambdaInvoke:
        release = invoke_step(
            self,
            "Release",
            self.function,
            payload={"step": "release", **_SELF},
            result_path=sfn.JsonPath.DISCARD,
        )
        released = self._stopped(RELEASED)
        release.next(released)
        release.add_catch(self._stopped("Release"), result_path="$.error")
        return release

    def _explanation(self) -> tasks.LambdaInvoke:
        explain = invoke_step(
            self,
            "Explain",
            self.function,
            payload={"step": "explain", **_SELF, "stopped.$": "$.stopped"},
            result_path="$.explained",
        )
        explain.next(sfn.Fail(self, "Stopped", error_path="$.stopped.error.Error", cause_path="$.explained.sentence"))
        unexplained = sfn.Fail(
            self, "StoppedUntold", error_path="$.stopped.error.Error", cause_path="$.stopped.error.Cause"
        )
        explain.add_catch(unexplained, result_path="$.error")
        return explain


def _duration(seconds: float) -> Duration:
    return Duration.seconds(int(seconds))
