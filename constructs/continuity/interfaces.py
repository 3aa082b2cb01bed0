"""CDK classes as the interfaces they implement.

jsii's classes and protocols name some parameters differently, which a strict type checker takes for an incompatibility
and Python never notices. The casts stand here, so that everything else is checked.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import cast

from aws_cdk import Duration
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_apigatewayv2_integrations as integrations
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_destinations as destinations
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct


def service(name: str) -> iam.IPrincipal:
    """The AWS service ``name``, such as lambda, as a principal."""
    return cast(iam.IPrincipal, iam.ServicePrincipal(f"{name}.amazonaws.com"))


def allow(
    role: iam.IRole,
    actions: Sequence[str],
    resources: Sequence[str],
    *,
    conditions: Mapping[str, Mapping[str, object]] | None = None,
) -> None:
    """``role`` may do ``actions`` with ``resources``: one call of the CDK, where a statement of its own takes four."""
    iam.Grant.add_to_principal(
        grantee=role, actions=list(actions), resource_arns=list(resources), conditions=conditions
    )


@cache
def seconds(count: int) -> Duration:
    """A length of time; the same object for the same length, for making each is a call of the CDK."""
    return Duration.seconds(count)


def service_role(scope: Construct, id: str, name: str, *, managed_policy: str | None = None) -> iam.IRole:  # noqa: A002
    """A role that the AWS service ``name`` assumes, with nothing allowed but ``managed_policy``."""
    policies = [iam.ManagedPolicy.from_aws_managed_policy_name(managed_policy)] if managed_policy else []
    return cast(iam.IRole, iam.Role(scope, id, assumed_by=service(name), managed_policies=policies))


def invoke(
    function: lambda_.Function,
    *,
    retries: int = 185,
    max_age: Duration | None = None,
    lost_events: sqs.IQueue | None = None,
) -> events.IRuleTarget:
    """A rule's call of ``function``. EventBridge's own default is 185 retries in a day."""
    target = targets.LambdaFunction(
        cast(lambda_.IFunction, function),
        retry_attempts=retries,
        max_event_age=max_age,
        dead_letter_queue=lost_events,
    )
    return cast(events.IRuleTarget, target)


def start(machine: sfn.StateMachine, *, lost_events: sqs.IQueue | None = None) -> events.IRuleTarget:
    """A rule's start of ``machine`` with the event as its input."""
    target = targets.SfnStateMachine(cast(sfn.IStateMachine, machine), dead_letter_queue=lost_events)
    return cast(events.IRuleTarget, target)


def route_to(function: lambda_.Function) -> apigateway.HttpRouteIntegration:
    """A route's call of ``function``, with API Gateway's payload 2.0."""
    integration = integrations.HttpLambdaIntegration(f"{function.node.id}Call", cast(lambda_.IFunction, function))
    return cast(apigateway.HttpRouteIntegration, integration)


def publish(topic: sns.ITopic, message: Mapping[str, str], *, lost_events: sqs.IQueue) -> events.IRuleTarget:
    """A rule's message to ``topic``; ``message`` may hold events.EventField values."""
    text = events.RuleTargetInput.from_object(dict(message))
    return cast(events.IRuleTarget, targets.SnsTopic(topic, message=text, dead_letter_queue=lost_events))


def keep_failures(function: lambda_.Function, lost_events: sqs.Queue) -> None:
    """Keep the events that ``function`` was handed and failed at, after Lambda's own two repetitions.

    A rule's dead-letter queue holds only what could not be handed over.
    """
    destination = destinations.SqsDestination(cast(sqs.IQueue, lost_events))
    function.configure_async_invoke(on_failure=cast(lambda_.IDestination, destination), retry_attempts=2)
