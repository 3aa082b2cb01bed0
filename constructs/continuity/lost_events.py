"""The dead-letter queue of events that nobody could be told of, and its alarm."""

from aws_cdk import Duration
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from continuity.acknowledgement import acknowledge
from continuity.alarms import Missing, alarm
from continuity.deployment import Deployment

EVENT_RETENTION = Duration.days(14)  # the longest a queue keeps a message


def lost_events_queue(scope: Construct, id: str, *, deployment: Deployment) -> sqs.Queue:  # noqa: A002
    """A queue that keeps lost events for EVENT_RETENTION; whoever makes one gives it an alarm on its depth."""
    queue = sqs.Queue(
        scope,
        id,
        enforce_ssl=True,
        encryption=sqs.QueueEncryption.SQS_MANAGED,
        retention_period=EVENT_RETENTION,
        removal_policy=deployment.keep,
    )
    acknowledge(queue, {"SQS3": "This is the dead-letter queue itself; an alarm watches its depth."})
    return queue


def lost_events_alarm(
    scope: Construct,
    id: str,  # noqa: A002
    *,
    deployment: Deployment,
    topic: sns.ITopic,
    subject: str,
    description: str,
    queue: sqs.IQueue,
) -> None:
    """An alarm while there is anything in the queue; ``description`` tells what is lost with it."""
    alarm(
        scope,
        id,
        deployment=deployment,
        topic=topic,
        subject=subject,
        description=description,
        metric=queue.metric_approximate_number_of_messages_visible(period=Duration.minutes(5), statistic="Maximum"),
        above=0,
        periods=1,
        missing=Missing.fine("SQS stops reporting of a queue that is empty and unused"),
    )
