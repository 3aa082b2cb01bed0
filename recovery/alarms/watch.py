"""Alarms on what alarms: the notifier, and the canary that travels its whole way."""

from datetime import timedelta

from recovery import objectives
from recovery.alarms.model import Alarm, Cause, Metric, Missing
from recovery.objectives import DATABASE

_STATUS = "dr status --environment {environment}"
_KEY = "aws secretsmanager describe-secret --region {region} --secret-id {routing_key}"
_ALARMS = (
    "aws cloudwatch describe-alarms --region {region} --state-value ALARM --alarm-name-prefix duskspendr-{environment}-"
)

CAUSES = (
    # About the notifier, so never by it: by e-mail, which PagerDuty takes too.
    Cause(name="notifier", happened="Messages from {region} do not reach on-call", bypasses=True),
    Cause(name="canary", happened="The canary sings in {region}"),
)

ALARMS = (
    Alarm(
        subject="notifier-failing",
        happened="Messages from {region} could not be delivered and lie in the notifier's dead-letter queue",
        tier=DATABASE,
        severity="page",
        clock="proof",
        cause="notifier",
        stands="both",
        metric=Metric(
            namespace="AWS/SQS",
            name="ApproximateNumberOfMessagesVisible",
            statistic="Maximum",
            period=timedelta(minutes=1),
            dimensions=(("QueueName", "{notifier_queue}"),),
        ),
        above=0,
        periods=1,
        missing=Missing.fine("SQS stops reporting of a queue that is empty and unused"),
        commands=(
            _STATUS,
            _ALARMS,
            "aws sqs list-queues --region {region} --query \"QueueUrls[?contains(@, 'Undelivered')]\"",
            "aws sqs receive-message --region {region} --queue-url URL",
            _KEY,
        ),
        proof="the queue is empty, and canary-missing is OK",
    ),
    Alarm(
        subject="canary-missing",
        happened=f"No canary of {{region}} was delivered for {objectives.CANARY_SILENCE.total_seconds() / 60:.0f}"
        " minutes: a real page would not arrive either",
        tier=DATABASE,
        severity="page",
        clock="proof",
        cause="notifier",
        stands="both",
        metric=Metric.own("CanaryDelivered", statistic="Sum", period=objectives.CANARY_INTERVAL),
        below=1,
        periods=objectives.CANARY_SILENCE // objectives.CANARY_INTERVAL,
        missing=Missing.alarming("a delivery that does not happen is not reported"),
        commands=(_STATUS, _ALARMS, _KEY),
        proof="this alarm is OK after the next canary",
    ),
    Alarm(
        subject="canary",
        happened="The canary of {region} arrived: alarms, topic, notifier and delivery work",
        tier=DATABASE,
        severity="ticket",
        clock="proof",
        cause="canary",
        stands="both",
        metric=Metric.own("CanarySung", statistic="Sum", period=timedelta(minutes=1)),
        above=0,
        periods=1,
        missing=Missing.fine("it sings once in a while, and that it falls silent again makes room for the next"),
        commands=(_STATUS,),
        proof="canary-missing is OK",
        is_canary=True,
    ),
)
