"""The encrypted topic that alarms, EventBridge and AWS Backup publish to and on-call subscribes to."""

from collections.abc import Sequence
from typing import cast

from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from continuity.acknowledgement import acknowledge_guards
from continuity.deployment import Deployment
from continuity.interfaces import service
from continuity.keys import encryption_key

PUBLISHERS = ("cloudwatch", "events", "backup")


class AlarmTopic(Construct):
    """A topic with its own key. Without the grants below a publisher drops its messages in silence.

    So does one that is asked for a source account it does not tell: AWS documents that condition for CloudWatch only.
    """

    def __init__(self, scope: Construct, id: str, *, deployment: Deployment, emails: Sequence[str]) -> None:  # noqa: A002
        super().__init__(scope, id)
        account = deployment.names.account
        key = encryption_key(self, "Key", deployment=deployment, description="Alarms on their way to on-call")
        topic = sns.Topic(
            self,
            "Topic",
            topic_name=deployment.names.alarm_topic_name,
            display_name=f"DuskSpendr {deployment.names.environment}",
            master_key=key,
            enforce_ssl=True,
        )
        for publisher in PUBLISHERS:
            key.add_to_resource_policy(
                iam.PolicyStatement(
                    actions=["kms:Decrypt", "kms:GenerateDataKey*"], principals=[service(publisher)], resources=["*"]
                )
            )
            topic.add_to_resource_policy(
                iam.PolicyStatement(
                    actions=["sns:Publish"],
                    principals=[service(publisher)],
                    resources=[topic.topic_arn],
                    conditions={"StringEquals": {"aws:SourceAccount": account}} if publisher == "cloudwatch" else None,
                )
            )
        for email in emails:
            topic.add_subscription(cast(sns.ITopicSubscription, subscriptions.EmailSubscription(email)))
        if not emails:
            # The settings let only a laboratory go without.
            acknowledge_guards(topic, {"topic-without-subscriber": "A laboratory: nobody is on call for it."})
        self.topic = cast(sns.ITopic, topic)
        self.key = key
