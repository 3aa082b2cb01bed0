"""Proof of every restore: a state machine that checks the restored database and always ends in one verdict."""

from typing import cast

from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct

from continuity.acknowledgement import acknowledge
from continuity.buckets import EvidenceStore
from continuity.deployment import Deployment
from continuity.function import PythonFunction
from continuity.interfaces import invoke, start
from continuity.restore_testing import RestoreTarget
from continuity.state_machines import acknowledge_machine
from continuity.verification_functions import VerificationFunctions
from recovery import objectives

EVENT_RETENTION = Duration.days(14)  # the longest a queue keeps a message
# FAILED is here for errors of the machine itself, such as an answer without a field; a verdict that stands, stands.
STOPPED = ["FAILED", "TIMED_OUT", "ABORTED"]
# What a second attempt can cure; Step Functions sees the names of Python's exceptions.
PASSING_ERRORS = [
    "ClientError",
    "ConnectTimeoutError",
    "EndpointConnectionError",
    "ReadTimeoutError",
    "RestoreNotReadyError",
    "Lambda.TooManyRequestsException",
]


class RestoreVerification(Construct):
    """Restore Job State Change, or an operator's request -> describe -> checks in the VPC -> judge -> verdict.

    Every path ends in exactly one verdict: an error on the way is judged too, and when even the judge fails the restore
    job is marked FAILED without it. An execution that times out or is aborted is judged from its own event.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002
        *,
        deployment: Deployment,
        target: RestoreTarget,
        evidence: EvidenceStore,
        source_identifier: str,
    ) -> None:
        super().__init__(scope, id)
        self._deployment = deployment
        self._functions = VerificationFunctions(
            self,
            "Functions",
            deployment=deployment,
            target=target,
            evidence=evidence,
            source_identifier=source_identifier,
        )
        self.machine = self._machine()
        self.lost_events = sqs.Queue(
            self,
            "LostEvents",
            enforce_ssl=True,
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            retention_period=EVENT_RETENTION,
            removal_policy=deployment.keep,
        )
        acknowledge(self.lost_events, {"SQS3": "This is the dead-letter queue itself; an alarm watches its depth."})
        self._start_on_restores()
        self._judge_what_never_ended()

    # -- the state machine --------------------------------------------------------------------------------------------

    def _machine(self) -> sfn.StateMachine:
        verdict = (
            sfn.Choice(self, "Verdict?")
            .when(sfn.Condition.string_equals("$.judgement.Payload.verdict", "PASS"), sfn.Succeed(self, "Proven"))
            .otherwise(sfn.Fail(self, "NotProven", error="NotProven", cause_path="$.judgement.Payload.summary"))
        )
        judge = self._invoke(
            "Judge",
            self._functions.judge,
            payload={"input.$": "$.input", "restore.$": "$.restore.Payload", "results.$": "$.results", **_EXECUTION},
            result_path="$.judgement",
        )
        judge_error = self._invoke(
            "JudgeError",
            self._functions.judge,
            payload={"input.$": "$.input", "error.$": "$.error", **_EXECUTION},
            result_path="$.judgement",
        )
        last_resort = self._last_resort()
        for state in (judge, judge_error):
            state.add_catch(last_resort, result_path="$.error")
            state.next(verdict)
        checks = self._checks()
        checks.add_catch(judge_error, result_path="$.error")
        checks.next(judge)
        describe = self._invoke(
            "Describe", self._functions.describe, payload={"input.$": "$.input"}, result_path="$.restore"
        )
        describe.add_catch(judge_error, result_path="$.error")
        ours = (
            sfn.Choice(self, "OurRestore?")
            .when(sfn.Condition.boolean_equals("$.restore.Payload.ours", False), sfn.Succeed(self, "NotOurs"))
            .otherwise(checks)
        )
        first = sfn.Pass(self, "KeepInput", parameters={"input.$": "$"})
        machine = sfn.StateMachine(
            self,
            "Machine",
            state_machine_name=self._deployment.names.state_machine_name,
            state_machine_type=sfn.StateMachineType.STANDARD,
            definition_body=sfn.DefinitionBody.from_chainable(first.next(describe).next(ours)),
            timeout=Duration.seconds(int(objectives.VERIFICATION_TIMEOUT.total_seconds())),
            tracing_enabled=True,
            logs=sfn.LogOptions(
                destination=logs.LogGroup(
                    self,
                    "MachineLogs",
                    retention=self._deployment.log_retention,
                    removal_policy=self._deployment.keep,
                ),
                level=sfn.LogLevel.ALL,
                include_execution_data=True,
            ),
        )
        functions = self._functions
        acknowledge_machine(machine, [functions.describe, functions.check, functions.judge])
        return machine

    def _checks(self) -> sfn.Map:
        """One invocation a check, at most two at a time so that they do not slow each other on a small instance."""
        check = self._invoke(
            "CheckRestored",
            self._functions.check,
            payload={"restore.$": "$.restore", "check.$": "$.check"},
        )
        check.add_catch(
            sfn.Pass(
                self,
                "CheckNotProven",
                parameters={
                    "name.$": "$.check",
                    "status": "not_proven",
                    "detail.$": "States.JsonToString($.error)",
                },
            ),
            result_path="$.error",
        )
        return sfn.Map(
            self,
            "Checks",
            items_path="$.restore.Payload.checks",
            item_selector={"restore.$": "$.restore.Payload", "check.$": "$$.Map.Item.Value"},
            max_concurrency=2,
            result_path="$.results",
        ).item_processor(check)

    def _last_resort(self) -> sfn.Choice:
        """The judge itself failed: say so to AWS Backup without it, then fail loudly."""
        unjudged = sfn.Fail(self, "NotJudged", error="NotJudged", cause="the judge failed; see the execution's history")
        mark = tasks.CallAwsService(
            self,
            "MarkFailed",
            service="backup",
            action="putRestoreValidationResult",
            parameters={
                "RestoreJobId.$": "$.input.detail.restoreJobId",
                "ValidationStatus": "FAILED",
                "ValidationStatusMessage": "The verification could not judge this restore.",
            },
            iam_resources=["*"],
            result_path="$.marked",
            task_timeout=sfn.Timeout.duration(Duration.minutes(1)),
        )
        mark.add_retry(interval=Duration.seconds(5), max_attempts=5, backoff_rate=2)
        mark.add_catch(unjudged, result_path="$.error")
        mark.next(unjudged)
        return (
            sfn.Choice(self, "RestoreJob?")
            .when(sfn.Condition.is_present("$.input.detail.restoreJobId"), mark)
            .otherwise(unjudged)
        )

    def _invoke(
        self,
        id: str,  # noqa: A002
        function: PythonFunction,
        *,
        payload: dict[str, str],
        result_path: str | None = None,
    ) -> tasks.LambdaInvoke:
        """Invoke with retries of what passes (throttling, a service fault) and a bound on the wait.

        The answer is kept at ``result_path`` + ``.Payload``, or becomes the whole output when there is none.
        """
        timeout = function.timeout
        assert timeout is not None  # noqa: S101 - every function of ours has one
        task = tasks.LambdaInvoke(
            self,
            id,
            lambda_function=cast(lambda_.IFunction, function),
            payload=sfn.TaskInput.from_object(payload),
            result_selector=None if result_path is None else {"Payload.$": "$.Payload"},
            result_path=result_path,
            output_path="$.Payload" if result_path is None else None,
            retry_on_service_exceptions=True,
            task_timeout=sfn.Timeout.duration(timeout.plus(Duration.seconds(30))),
        )
        task.add_retry(errors=PASSING_ERRORS, interval=Duration.seconds(10), max_attempts=3, backoff_rate=2)
        return task

    # -- events -------------------------------------------------------------------------------------------------------

    def _start_on_restores(self) -> None:
        events.Rule(
            self,
            "RestoreEnded",
            description="A restore of the database ended: prove it",
            event_pattern=events.EventPattern(
                source=["aws.backup"],
                detail_type=["Restore Job State Change"],
                detail={"status": ["COMPLETED", "FAILED", "ABORTED"], "resourceType": ["RDS"]},
            ),
            targets=[start(self.machine, lost_events=self.lost_events)],
        )

    def _judge_what_never_ended(self) -> None:
        events.Rule(
            self,
            "VerificationStopped",
            description="A verification stopped: record the restore as not proven, unless it has its verdict already",
            event_pattern=events.EventPattern(
                source=["aws.states"],
                detail_type=["Step Functions Execution Status Change"],
                detail={"stateMachineArn": [self.machine.state_machine_arn], "status": STOPPED},
            ),
            targets=[invoke(self._functions.judge, lost_events=self.lost_events)],
        )


_EXECUTION = {
    "execution.$": "$$.Execution.Name",
    "execution_arn.$": "$$.Execution.Id",
    "execution_started_at.$": "$$.Execution.StartTime",
}
