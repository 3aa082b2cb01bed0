"""What the state machines of the continuity have in common."""

from collections.abc import Sequence

from aws_cdk import CfnElement, Stack
from aws_cdk import aws_stepfunctions as sfn

from continuity.acknowledgement import acknowledge
from continuity.function import PythonFunction


def acknowledge_machine(machine: sfn.StateMachine, functions: Sequence[PythonFunction]) -> None:
    """Acknowledge what cdk-nag finds in the role of a machine that invokes ``functions``."""
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


def _resource_of(function: PythonFunction) -> CfnElement:
    resource = function.node.default_child
    assert isinstance(resource, CfnElement)  # noqa: S101 - the L2's own resource
    return resource
