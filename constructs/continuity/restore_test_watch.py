"""Notices the restore test that never happened: no alarm on a metric can span the month between two tests."""

import json
import re

from aws_cdk import Duration, Stack
from aws_cdk import aws_backup as backup
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from continuity.acknowledgement import acknowledge
from continuity.deployment import Deployment
from continuity.interfaces import start
from recovery import objectives

# From the test's schedule to the latest moment its verdict can come: AWS Backup's start window, a restore within the
# RTO, and the validation window.
HOURS_TO_VERDICT = (
    objectives.RESTORE_TEST_START_WINDOW_HOURS
    + int(objectives.FULL.rto.total_seconds() // 3600)
    + objectives.RESTORE_TEST_VALIDATION_WINDOW_HOURS
)


def watch_schedule(test_schedule: str) -> str:
    """The hour at which a test of ``test_schedule`` must have its verdict. Raises ValueError past the same day."""
    match = re.fullmatch(r"cron\((\d+) (\d+) (.+)\)", test_schedule)
    hour = int(match[2]) + HOURS_TO_VERDICT if match else 24
    if match is None or hour >= 24:
        raise ValueError(
            f"restore test schedule: expected cron(minute hour ...) with at least {HOURS_TO_VERDICT} hours left in the"
            f" day, found {test_schedule!r}. Move the test to an earlier hour."
        )
    return f"cron({match[1]} {hour} {match[3]})"


class RestoreTestWatch(Construct):
    """Asks AWS Backup for a proven restore job of the plan since its schedule, and fails when there is none."""

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002
        *,
        deployment: Deployment,
        plan: backup.CfnRestoreTestingPlan,
        test_schedule: str,
    ) -> None:
        super().__init__(scope, id)
        self.machine = sfn.StateMachine(
            self,
            "Machine",
            definition_body=sfn.DefinitionBody.from_string(json.dumps(_definition(plan))),
            timeout=Duration.minutes(10),
            tracing_enabled=True,
            logs=sfn.LogOptions(
                destination=logs.LogGroup(
                    self, "Logs", retention=deployment.log_retention, removal_policy=deployment.keep
                ),
                level=sfn.LogLevel.ALL,
            ),
        )
        self.machine.add_to_role_policy(iam.PolicyStatement(actions=["backup:ListRestoreJobs"], resources=["*"]))
        acknowledge(
            self.machine,
            {
                "IAM5[Resource::*]": "Listing jobs, writing traces and managing log delivery have no resource to"
                " grant on."
            },
        )
        events.Rule(
            self,
            "Schedule",
            description=f"A restore test of {Stack.of(self).stack_name} must have been proven by now",
            schedule=events.Schedule.expression(watch_schedule(test_schedule)),
            targets=[start(self.machine)],
        )


def _definition(plan: backup.CfnRestoreTestingPlan) -> dict[str, object]:
    since = Duration.hours(HOURS_TO_VERDICT + 1).to_milliseconds()
    return {
        "Comment": "Was there a restore test, and was it proven?",
        "QueryLanguage": "JSONata",
        "StartAt": "FindProof",
        "States": {
            "FindProof": {
                "Type": "Task",
                "Resource": "arn:aws:states:::aws-sdk:backup:listRestoreJobs",
                "Arguments": {
                    "ByRestoreTestingPlanArn": plan.attr_restore_testing_plan_arn,
                    "ByCreatedAfter": f"{{% $fromMillis($millis() - {since:.0f}) %}}",
                },
                "TimeoutSeconds": 60,
                "Retry": [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 30, "MaxAttempts": 3, "BackoffRate": 2}],
                "Next": "Proven?",
            },
            "Proven?": {
                "Type": "Choice",
                "Choices": [
                    {
                        "Condition": "{% 'SUCCESSFUL' in $states.input.RestoreJobs.ValidationStatus %}",
                        "Next": "Proven",
                    }
                ],
                "Default": "NoProof",
            },
            "Proven": {"Type": "Succeed"},
            "NoProof": {
                "Type": "Fail",
                "Error": "NoProof",
                "Cause": "This month's restore test did not happen, or was not proven. List the plan's restore jobs.",
            },
        },
    }
