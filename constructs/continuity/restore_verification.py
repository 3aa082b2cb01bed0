"""Proof of every restore: a state machine that checks the restored database and always ends in one verdict."""

from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct

from continuity.buckets import EvidenceStore
from continuity.deployment import Deployment
from continuity.interfaces import invoke, keep_failures, start
from continuity.lost_events import lost_events_queue
from continuity.parts_map import PartsMap
from continuity.restore_testing import RestoreTarget
from continuity.state_machines import acknowledge_children, invoke_step, state_machine
from continuity.verification_functions import VerificationFunctions
from recovery import objectives

# FAILED is here for errors of the machine itself, such as an answer without a field; a verdict that stands, stands.
STOPPED = ["FAILED", "TIMED_OUT", "ABORTED"]


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
        self._functions = VerificationFunctions(
            self,
            "Functions",
            deployment=deployment,
            target=target,
            evidence=evidence,
            source_identifier=source_identifier,
        )
        functions = [self._functions.describe, self._functions.check, self._functions.judge]
        self.machine = state_machine(
            self,
            deployment=deployment,
            name=deployment.names.state_machine_name,
            first=self._states(),
            timeout=Duration.seconds(int(objectives.VERIFICATION_TIMEOUT.total_seconds())),
            functions=functions,
        )
        acknowledge_children(self.machine)
        self.lost_events = lost_events_queue(self, "LostEvents", deployment=deployment)
        self._start_on_restores()
        self._judge_what_never_ended()

    # -- the state machine --------------------------------------------------------------------------------------------

    def _states(self) -> sfn.IChainable:
        """All that is found out is kept beside the input, so that the judge sees as much as there is at any moment."""
        judge = self._judge()
        describe = invoke_step(
            self, "Describe", self._functions.describe, payload={"input.$": "$.input"}, result_path="$.restore"
        )
        checks = PartsMap(
            self,
            "Checks",
            function=self._functions.check,
            carried={"execution.$": "$.execution", "restore.$": "$.restore"},
            tolerant=True,
        )
        describe.add_catch(judge, result_path="$.error")
        checks.catch(judge)
        checks.then(judge)
        ours = (
            sfn.Choice(self, "OurRestore?")
            .when(sfn.Condition.boolean_equals("$.restore.ours", False), sfn.Succeed(self, "NotOurs"))
            .when(sfn.Condition.boolean_equals("$.restore.checkable", True), checks.start)
            .otherwise(judge)
        )
        begin = sfn.Pass(
            self,
            "Begin",
            parameters={
                "input.$": "$",
                "execution.$": "$$.Execution.Name",
                "execution_arn.$": "$$.Execution.Id",
            },
        )
        return begin.next(describe).next(ours)

    def _judge(self) -> tasks.LambdaInvoke:
        judge = invoke_step(self, "Judge", self._functions.judge, payload=None, result_path="$.judgement")
        verdict = (
            sfn.Choice(self, "Verdict?")
            .when(sfn.Condition.string_equals("$.judgement.verdict", "PASS"), sfn.Succeed(self, "Proven"))
            .when(sfn.Condition.string_equals("$.judgement.verdict", "NOT_OURS"), sfn.Succeed(self, "NotJudged"))
            .otherwise(sfn.Fail(self, "NotProven", error="NotProven", cause_path="$.judgement.summary"))
        )
        # The verdict is kept already; marking the job without it could contradict it.
        untold = sfn.Fail(self, "NotTold", error="NotTold", cause="AWS Backup did not take the verdict, which is kept")
        judge.add_catch(untold, errors=["NotToldError"], result_path="$.error")
        judge.add_catch(self._last_resort(), result_path="$.error")
        judge.next(verdict)
        return judge

    def _last_resort(self) -> sfn.Choice:
        """The judge itself failed: say so to AWS Backup without it, then fail loudly."""
        unjudged = sfn.Fail(self, "Unjudged", error="Unjudged", cause="the judge failed; see the execution's history")
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
        keep_failures(self._functions.judge, self.lost_events)
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
