"""From the alarm topic to people: the notifier, its ways of delivery, and the canary that tries them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from aws_cdk import Duration, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from continuity.acknowledgement import acknowledge, acknowledge_expendable, acknowledge_guards
from continuity.alarm_topic import PUBLISHERS, alarm_key, encrypted_topic
from continuity.deployment import Deployment
from continuity.function import PythonFunction
from continuity.interfaces import allow, invoke, keep_failures
from continuity.lost_events import lost_events_queue
from recovery import objectives
from recovery.names import METRIC_NAMESPACE

NOTIFIER_TIMEOUT = Duration.minutes(1)


@dataclass(frozen=True, kw_only=True)
class OnCall:
    """Who is told, and how: addresses for e-mail, and PagerDuty's endpoint for events."""

    emails: Sequence[str]
    pagerduty_url: str


@dataclass(frozen=True, kw_only=True)
class Channels:
    """The topic that the notifier reads, and the one that people read, which an alarm about the notifier goes to."""

    alarms: sns.ITopic
    messages: sns.ITopic


class Notifier(Construct):
    """Topics, the function between them, its dead-letter queue, the secret it pages with, and the canary.

    The secret is made without a value: whoever deploys puts PagerDuty's routing key there. Until then messages go by
    e-mail and say so, and the canary does not arrive.
    """

    undelivered: sqs.IQueue

    def __init__(self, scope: Construct, id: str, *, deployment: Deployment, on_call: OnCall) -> None:  # noqa: A002
        super().__init__(scope, id)
        names = deployment.names
        self._deployment, self._on_call = deployment, on_call
        self.key: kms.IKey = alarm_key(self, deployment=deployment)
        self._chat = self._topic("Chat", names.chat_topic_name, ())
        self.channels = Channels(
            alarms=self._topic("Topic", names.alarm_topic_name, PUBLISHERS),
            messages=self._topic("Messages", names.message_topic_name, ("cloudwatch",)),
        )
        for email in on_call.emails:
            subscription = subscriptions.EmailSubscription(email)
            self.channels.messages.add_subscription(cast(sns.ITopicSubscription, subscription))
        if not on_call.emails:
            # The settings let only a laboratory go without.
            nobody = "A laboratory: nobody is on call for it."
            acknowledge_guards(self.channels.messages, {"topic-without-subscriber": nobody})
        self._routing_key = self._secret()
        undelivered = lost_events_queue(self, "Undelivered", deployment=deployment)
        self.undelivered = cast(sqs.IQueue, undelivered)
        self.function = self._function()
        self._allow()
        # Twice: what SNS cannot hand over, and what the function fails at after Lambda's own repetitions.
        self.channels.alarms.add_subscription(
            cast(
                sns.ITopicSubscription,
                subscriptions.LambdaSubscription(
                    cast(lambda_.IFunction, self.function), dead_letter_queue=self.undelivered
                ),
            )
        )
        keep_failures(self.function, undelivered)
        self._canary()

    def _topic(self, id: str, name: str, publishers: Sequence[str]) -> sns.ITopic:  # noqa: A002
        return encrypted_topic(self, id, deployment=self._deployment, key=self.key, name=name, publishers=publishers)

    def _secret(self) -> secretsmanager.CfnSecret:
        secret = secretsmanager.CfnSecret(
            self,
            "RoutingKey",
            name=self._deployment.names.routing_key_name,
            description="PagerDuty's routing key of an Events API v2 integration; put it here by hand",
        )
        secret.apply_removal_policy(self._deployment.keep)
        acknowledge_expendable(secret, self._deployment)
        acknowledge(secret, {"SMG4": "The key is PagerDuty's: it is made anew there, and put here by hand."})
        return secret

    def _function(self) -> PythonFunction:
        names = self._deployment.names
        return PythonFunction(
            self,
            "Function",
            deployment=self._deployment,
            package="notify",
            description="Turns alarms and events into messages for people, and delivers them",
            timeout=NOTIFIER_TIMEOUT,
            environment={
                "ACCOUNT": names.account,
                "PRIMARY_REGION": names.primary_region,
                "RECOVERY_REGION": names.recovery_region,
                "MESSAGE_TOPIC_ARN": self.channels.messages.topic_arn,
                "CHAT_TOPIC_ARN": self._chat.topic_arn,
                "PAGERDUTY_URL": self._on_call.pagerduty_url,
                "RUNBOOKS_URL": self._deployment.runbooks_url,
            },
        )

    def _allow(self) -> None:
        role, stack, names = self.function.execution_role, Stack.of(self), self._deployment.names
        alarms = f"arn:aws:cloudwatch:{stack.region}:{stack.account}:alarm:{names.alarm_name('*')}"
        for actions, resource in (
            (["sns:Publish"], self.channels.messages.topic_arn),
            (["sns:Publish"], self._chat.topic_arn),
            (["kms:Decrypt", "kms:GenerateDataKey"], self.key.key_arn),
            (["secretsmanager:GetSecretValue"], self._routing_key.ref),
            (["cloudwatch:DescribeAlarms"], alarms),
        ):
            allow(role, actions, [resource])
        allow(
            role,
            ["cloudwatch:PutMetricData"],
            ["*"],
            conditions={
                "StringEquals": {
                    "cloudwatch:namespace": METRIC_NAMESPACE,
                    "aws:RequestedRegion": names.other_region(stack.region),
                }
            },
        )
        acknowledge(
            role,
            {
                f"IAM5[Resource::{alarms}]": "It asks which alarms of a cause are on, all of this environment's.",
                "IAM5[Resource::*]": "PutMetricData knows no resource; namespace and region are conditions.",
            },
        )

    def _canary(self) -> None:
        interval = Duration.seconds(int(objectives.CANARY_INTERVAL.total_seconds()))
        canary = PythonFunction(
            self,
            "Canary",
            deployment=self._deployment,
            package="canary",
            description="Sings: an alarm that has to travel all the way to on-call",
            timeout=Duration.seconds(30),
            environment={},
        )
        events.Rule(
            self,
            "CanarySchedule",
            description="Sing, so that an alarm travels all the way to on-call",
            schedule=events.Schedule.rate(interval),
            targets=[invoke(canary, retries=0, max_age=interval)],
        )
