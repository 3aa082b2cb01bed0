"""What the state machines of the continuity have in common: their logs, how a step invokes, and what is repeated."""

from collections.abc import Mapping, Sequence
from typing import cast

from aws_cdk import CfnElement, Duration, Stack
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct

from continuity.acknowledgement import acknowledge
from continuity.deployment import Deployment
from continuity.function import PythonFunction
from continuity.interfaces import seconds

# What no repetition cures: a question that cannot be read, or to which there is nothing to say.
HOPELESS = [
    "BlockedError",
    "ClaimedError",
    "InvalidRequestError",
    "NoManifestError",
    "NotCaughtUpError",
    "RewrittenError",
    "SettingsError",
    "UnknownTableError",
    "UnprovenError",
    "UnsupportedServerError",
    "ValidationError",
]
# A function that used up its time has done so for a reason; once more is enough.
TIME_OUTS = ["States.Timeout", "Sandbox.Timedout"]
TIME_OUT_RETRIES = 1
# A step that waits looks for a while itself, and is asked again after this pause until its patience is over.
NOT_YET = ["NotYetError"]
PAUSE = seconds(5)
# Everything else may pass: throttling, a fault of a service, a connection that broke. Over 5 s, 10 s, ... 80 s.
RETRIES = 5
# The events that one attempt adds to an execution's history: scheduled, started, and how it ended.
EVENTS_PER_ATTEMPT = 3
ATTEMPTS = 1 + TIME_OUT_RETRIES + RETRIES


def invoke_step(
    scope: Construct,
    id: str,  # noqa: A002
    function: PythonFunction,
    *,
    payload: Mapping[str, str] | None,
    result_path: str | None = None,
    patience: Duration | None = None,
) -> tasks.LambdaInvoke:
    """A step that invokes with ``payload`` (the state's whole input when None), repeated when that can help.

    With ``patience`` it is one that waits for something: as long as it says "not yet" it is asked again.

    The answer is put at ``result_path``, or becomes the whole output when there is none.
    """
    timeout = function.timeout
    assert timeout is not None  # noqa: S101 - every function of ours has one
    task = tasks.LambdaInvoke(
        scope,
        id,
        state_name=id,
        lambda_function=cast(lambda_.IFunction, function),
        payload=None if payload is None else sfn.TaskInput.from_object(dict(payload)),
        payload_response_only=True,
        result_path=result_path,
        retry_on_service_exceptions=False,
        task_timeout=sfn.Timeout.duration(timeout.plus(seconds(30))),
    )
    task.add_retry(errors=HOPELESS, max_attempts=0)
    if patience is not None:
        attempts = int(patience.to_seconds() // PAUSE.to_seconds())
        task.add_retry(errors=NOT_YET, interval=PAUSE, max_attempts=attempts, backoff_rate=1)
    task.add_retry(errors=TIME_OUTS, interval=seconds(5), max_attempts=TIME_OUT_RETRIES)
    task.add_retry(interval=seconds(5), max_attempts=RETRIES, backoff_rate=2, jitter_strategy=sfn.JitterType.FULL)
    return task


def state_machine(
    scope: Construct,
    *,
    deployment: Deployment,
    first: sfn.IChainable,
    timeout: Duration,
    functions: Sequence[PythonFunction],
    name: str | None = None,
) -> sfn.StateMachine:
    """A standard state machine, logged and traced whole, that may invoke ``functions``."""
    machine = sfn.StateMachine(
        scope,
        "Machine",
        state_machine_name=name,
        state_machine_type=sfn.StateMachineType.STANDARD,
        definition_body=sfn.DefinitionBody.from_chainable(first),
        timeout=timeout,
        tracing_enabled=True,
        logs=sfn.LogOptions(
            destination=logs.LogGroup(
                scope, "MachineLogs", retention=deployment.log_retention, removal_policy=deployment.keep
            ),
            level=sfn.LogLevel.ALL,
            include_execution_data=True,
        ),
    )
    acknowledge(
        machine,
        {
            "IAM5[Resource::*]": "Writing traces and managing log delivery have no resource to grant on, nor"
            " has the validation result of a restore job.",
            **{
                f"IAM5[Resource::<{Stack.of(function).get_logical_id(_resource_of(function))}.Arn>:*]": (
                    "The versions of one function, which the grant of invocation always names."
                )
                for function in functions
            },
        },
    )
    return machine


def acknowledge_children(machine: sfn.StateMachine) -> None:
    """Acknowledge what cdk-nag finds in the role of a machine whose map makes an execution of every part."""
    stack, name = Stack.of(machine), Stack.of(machine).get_logical_id(_resource_of(machine))
    machine_name = f'{{"Fn::Select":[6,{{"Fn::Split":[":",{{"Ref":"{name}"}}]}}]}}'
    executions = f"arn:aws:states:{stack.region}:{stack.account}:execution:{machine_name}"
    reason = "Executions of a machine have names that only exist once they run."
    acknowledge(machine, {f"IAM5[Resource::{executions}{suffix}]": reason for suffix in (":*", "/*:*")})


def _resource_of(construct: Construct) -> CfnElement:
    resource = construct.node.default_child
    assert isinstance(resource, CfnElement)  # noqa: S101 - the L2's own resource
    return resource
