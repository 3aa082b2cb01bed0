"""Alarms on what alarms: the notifier, its canary here and in the other region, and the functions that measure."""

from datetime import timedelta

from recovery import objectives
from recovery.alarms.model import Alarm, Cause, Metric, Missing
from recovery.objectives import DATABASE, FULL

_STATUS = "dr status --environment {environment}"
_KEY = "aws secretsmanager describe-secret --region {region} --secret-id {routing_key}"
_ALARMS = (
    "aws cloudwatch describe-alarms --region {region} --state-value ALARM --alarm-name-prefix duskspendr-{environment}-"
)

CAUSES = (
    # About the notifier, so never by it: by e-mail, which PagerDuty takes too.
    Cause(name="notifier", happened="Messages from {region} do not reach on-call", bypasses=True),
    Cause(name="canary", happened="The canary sings in {region}"),
    Cause(name="measures", happened="Nobody measures what protects {region}"),
    Cause(
        name="other-region",
        happened="{region} does not hear {other_region}",
        # A region that is lost is heard of sooner; and one that cannot page itself hears the other no better.
        because_of=("silence", "guard", "notifier"),
    ),
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
    Alarm(
        subject="measures-silent",
        happened="The function that measures {region} has published nothing for"
        f" {(objectives.MEASUREMENTS_ALARM * objectives.MEASUREMENT_INTERVAL).total_seconds() / 60:.0f} minutes: nobody"
        " sees missing tasks, endangered keys, an unlocked vault or old backups",
        tier=FULL,
        severity="page",
        clock="proof",
        cause="measures",
        stands="both",
        metric=Metric.own("RegionMeasured", statistic="Sum", period=objectives.MEASUREMENT_INTERVAL),
        below=1,
        periods=objectives.MEASUREMENTS_ALARM,
        missing=Missing.alarming("a function that does not run reports nothing"),
        commands=(
            _STATUS,
            "dr recovery-points --vault {vault} --region {region}",
            "aws lambda list-functions --region {region} --query"
            " \"Functions[?starts_with(Description, 'Measures tasks')].[FunctionName,State,LoggingConfig.LogGroup]\"",
            "aws logs filter-log-events --region {region} --log-group-name LOGGROUP --limit 50",
        ),
        proof="this alarm is OK after the next two looks",
    ),
    Alarm(
        subject="other-region-mute",
        happened=f"No canary of {{other_region}} was heard of in {{region}} for"
        f" {objectives.OTHER_REGION_SILENCE.total_seconds() / 60:.0f} minutes: what fails there pages nobody",
        tier=FULL,
        severity="page",
        clock="proof",
        cause="other-region",
        stands="both",
        metric=Metric.own("OtherRegionHeard", statistic="Sum", period=objectives.CANARY_INTERVAL),
        below=1,
        periods=objectives.OTHER_REGION_SILENCE // objectives.CANARY_INTERVAL,
        missing=Missing.alarming("a region that is lost tells nobody"),
        commands=(
            _STATUS,
            _ALARMS.replace("{region}", "{other_region}"),
            _KEY.replace("{region}", "{other_region}"),
        ),
        proof="this alarm is OK after the next canary of {other_region}, and canary-missing is OK there",
    ),
)
