"""The dead-letter queue of events that nobody could be told of; an alarm of the table watches its depth."""

from aws_cdk import Duration
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from continuity.acknowledgement import acknowledge
from continuity.deployment import Deployment

EVENT_RETENTION = Duration.days(14)  # the longest a queue keeps a message


def lost_events_queue(scope: Construct, id: str, *, deployment: Deployment) -> sqs.Queue:  # noqa: A002
    """A queue that keeps lost events for EVENT_RETENTION; the table of alarms has one for each."""
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
