"""Encrypted topics: one that AWS's services publish to, and those that people are told by."""

from collections.abc import Sequence
from typing import cast

from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from constructs import Construct

from continuity.deployment import Deployment
from continuity.interfaces import service
from continuity.keys import encryption_key

# Who may publish to the alarm topic. A bypass of the notifier is CloudWatch's own, to the topic of messages.
PUBLISHERS = ("cloudwatch", "events", "backup")


def alarm_key(scope: Construct, *, deployment: Deployment) -> kms.IKey:
    """The key of a region's topics. Without these grants a publisher drops its messages in silence."""
    key = encryption_key(scope, "Key", deployment=deployment, description="Alarms on their way to on-call")
    for publisher in PUBLISHERS:
        key.add_to_resource_policy(
            iam.PolicyStatement(
                actions=["kms:Decrypt", "kms:GenerateDataKey*"], principals=[service(publisher)], resources=["*"]
            )
        )
    return key


def encrypted_topic(
    scope: Construct,
    id: str,  # noqa: A002
    *,
    deployment: Deployment,
    key: kms.IKey,
    name: str,
    publishers: Sequence[str],
) -> sns.ITopic:
    """A topic that these services of AWS may publish to, over TLS.

    One that is asked for a source account it does not tell drops its messages: AWS documents that condition for
    CloudWatch only.
    """
    topic = sns.Topic(
        scope,
        id,
        topic_name=name,
        display_name=f"DuskSpendr {deployment.names.environment}",
        master_key=key,
        enforce_ssl=True,
    )
    for publisher in publishers:
        topic.add_to_resource_policy(
            iam.PolicyStatement(
                actions=["sns:Publish"],
                principals=[service(publisher)],
                resources=[topic.topic_arn],
                conditions={"StringEquals": {"aws:SourceAccount": deployment.names.account}}
                if publisher == "cloudwatch"
                else None,
            )
        )
    return cast(sns.ITopic, topic)
