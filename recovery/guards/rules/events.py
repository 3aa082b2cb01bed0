"""Events that must not be lost: their functions, targets and dead letters."""

from collections.abc import Iterator
from typing import Any, cast

from recovery.guards.finding import Problem, Unknown
from recovery.guards.rule import Change, Says, number, rule
from recovery.guards.rules.alarms import ALARM
from recovery.guards.rules.permissions import allowed
from recovery.guards.sources import EVENTBRIDGE, LAMBDA
from recovery.guards.templates import Assembly, Resource, dig, fact
from recovery.guards.unresolved import Unresolved
from recovery.guards.values import listed

FUNCTION, EVENT_RULE, QUEUE = "AWS::Lambda::Function", "AWS::Events::Rule", "AWS::SQS::Queue"
# Who acts on an event; a topic only passes on what is recorded elsewhere.
ACTING = (FUNCTION, "AWS::StepFunctions::StateMachine")
LONGEST_QUEUE_SECONDS = 14 * 24 * 3600
# How long Lambda keeps an event that it cannot run, unless told otherwise.
LAMBDA_EVENT_AGE_SECONDS = 6 * 3600
_ASYNC = f"{LAMBDA}invocation-async-error-handling.html"
_DLQ = f"{EVENTBRIDGE}eb-rule-dlq.html"


def _targets(found: Resource) -> Iterator[tuple[str, dict[str, Any], Resource | None]]:
    for index, target in enumerate(listed(found.get("Targets"))):
        if isinstance(target, dict):
            resource = found.assembly.resource_of(dig(target, "Arn"))
            yield f"Targets.{index}", cast(dict[str, Any], target), resource


@fact
def _given_once(assembly: Assembly) -> set[Resource | None]:
    """The functions that something which happens once invokes, without waiting for an answer."""
    found: set[Resource | None] = set()
    for each in assembly.all(EVENT_RULE):
        if each.has("EventPattern"):
            found |= {target for _, _, target in _targets(each)}
    for bucket in assembly.all("AWS::S3::Bucket"):
        for configuration in listed(bucket.get("NotificationConfiguration.LambdaConfigurations")):
            found.add(assembly.resource_of(dig(configuration, "Function")))
    for subscription in assembly.all("AWS::SNS::Subscription"):
        found.add(assembly.resource_of(subscription.get("Endpoint")))
    return found


def _async_settings(function: Resource) -> list[Resource]:
    settings = function.assembly.all("AWS::Lambda::EventInvokeConfig")
    found = [each for each in settings if each.region == function.region]
    named = function.get("FunctionName")
    return [
        each
        for each in found
        if function.assembly.resource_of(each.get("FunctionName")) is function
        or (isinstance(named, str) and each.get("FunctionName") == named)
    ]


@rule(
    EVENT_RULE,
    fix="Add a DeadLetterConfig with a queue.",
    source=_DLQ,
    bad=Change("primary.RestoreEnded", "Targets.0.DeadLetterConfig", None),
)
def event_dropped_on_its_way(found: Resource) -> Says:
    """An event that happens once, and that a function or a state machine has to act on, has a dead-letter queue.

    When the target cannot be reached, or may not be, EventBridge drops the event: the restore that nobody verifies.
    """
    if not found.has("EventPattern"):
        return
    for path, target, resource in _targets(found):
        if resource is not None and resource.type in ACTING and dig(target, "DeadLetterConfig.Arn") is None:
            yield Problem(f"{path}.DeadLetterConfig", None, "a queue")


@rule(
    FUNCTION,
    fix="Add an EventInvokeConfig with an OnFailure destination, or a DeadLetterConfig.",
    source=_ASYNC,
    bad=Change("primary.JudgeAsync", "DestinationConfig", None),
)
def function_loses_events(function: Resource) -> Says:
    """A function that is given events which happen once puts those it fails on somewhere.

    After its retries Lambda drops them: the function's error is logged, and what it was about is gone.
    """
    if function not in _given_once(function.assembly) or function.get("DeadLetterConfig.TargetArn") is not None:
        return
    settings = _async_settings(function)
    if not any(each.get("DestinationConfig.OnFailure.Destination") is not None for each in settings):
        yield Problem("DeadLetterConfig", None, "a destination on failure, or a dead-letter queue")


@rule(
    FUNCTION,
    fix="Reserve concurrency for the function, or leave MaximumEventAgeInSeconds at its six hours.",
    source=_ASYNC,
    bad=Change("primary.JudgeAsync", "MaximumEventAgeInSeconds", 60),
)
def function_crowded_out(function: Resource) -> Says:
    """A function whose events must not be lost, and may not wait long, has concurrency of its own.

    In a disaster everything runs at once: what finds no room within the event's age is dropped.
    """
    if function not in _given_once(function.assembly) or function.get("ReservedConcurrentExecutions") is not None:
        return
    for each in _async_settings(function):
        age = number(each.get("MaximumEventAgeInSeconds"))
        if age is not None and age < LAMBDA_EVENT_AGE_SECONDS:
            yield Problem("ReservedConcurrentExecutions", None, f"some, because events wait for {age:g} s only")


@rule(
    FUNCTION,
    fix="Remove ReservedConcurrentExecutions, or reserve at least one.",
    source=f"{LAMBDA}configuration-concurrency.html",
    bad=Change("primary.Judge", "ReservedConcurrentExecutions", 0),
)
def function_switched_off(function: Resource) -> Says:
    """A function can run.

    Reserving 0 throttles every call: it is how a function is stopped in an emergency, and how it is forgotten.
    """
    if number(function.get("ReservedConcurrentExecutions")) == 0:
        yield Problem("ReservedConcurrentExecutions", "0", "1 or more, or nothing")


@rule(
    FUNCTION,
    fix="Set Timeout to what the function's work may take.",
    source=f"{LAMBDA}configuration-timeout.html",
    bad=Change("primary.Judge", "Timeout", None),
)
def function_without_timeout(function: Resource) -> Says:
    """A function says how long it may take.

    By default Lambda ends it after 3 seconds: enough on a good day, and never when the other side is slow.
    """
    if function.get("Timeout") is None:
        yield Problem("Timeout", None, "a number of seconds")


@rule(
    FUNCTION,
    severity="warning",
    fix="Name a log group with a retention in LoggingConfig.",
    source=f"{LAMBDA}monitoring-cloudwatchlogs-loggroups.html",
    bad=Change("primary.Judge", "LoggingConfig", None),
)
def function_logs_unowned(function: Resource) -> Says:
    """A function logs to a log group of the templates.

    The one that Lambda makes itself has no retention, no key, and is not there before the first, perhaps failing, call.
    """
    own = function.get("LoggingConfig.LogGroup") is not None
    default = f"/aws/lambda/{function.get('FunctionName')}"
    named = function.assembly.named("AWS::Logs::LogGroup", default, function.region)
    if not own and named is None:
        yield Problem("LoggingConfig.LogGroup", None, "a log group with a retention")


@rule(
    "AWS::Logs::LogGroup",
    severity="warning",
    fix="Set RetentionInDays.",
    source="https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/Working-with-log-groups-and-streams.html",
    bad=Change("primary.Logs", "RetentionInDays", None),
)
def logs_without_retention(group: Resource) -> Says:
    """A log group says how long it keeps.

    Without a retention logs are kept for ever: what was promised to be deleted is not, and nobody decided it.
    """
    if group.get("RetentionInDays") is None:
        yield Problem("RetentionInDays", None, "a number of days")


@fact
def _dead_letter_queues(assembly: Assembly) -> set[Resource | None]:
    arns: list[Any] = []
    for each in assembly.all(EVENT_RULE):
        arns += [dig(target, "DeadLetterConfig.Arn") for _, target, _ in _targets(each)]
    for settings in assembly.all("AWS::Lambda::EventInvokeConfig"):
        arns.append(settings.get("DestinationConfig.OnFailure.Destination"))
    arns += [function.get("DeadLetterConfig.TargetArn") for function in assembly.all(FUNCTION)]
    arns += [dig(queue.get("RedrivePolicy"), "deadLetterTargetArn") for queue in assembly.all(QUEUE)]
    return {assembly.resource_of(arn) for arn in arns}


@rule(
    QUEUE,
    fix=f"Set MessageRetentionPeriod to {LONGEST_QUEUE_SECONDS}.",
    source="https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html",
    bad=Change("primary.Lost", "MessageRetentionPeriod", None),
)
def dead_letters_expire_early(queue: Resource) -> Says:
    """A dead-letter queue keeps messages as long as SQS can, two weeks.

    By default they are gone after four days, over a long weekend.
    """
    found = queue.get("MessageRetentionPeriod")
    if isinstance(found, Unresolved) or queue not in _dead_letter_queues(queue.assembly):
        return
    if (number(found) or 0) < LONGEST_QUEUE_SECONDS:
        yield Problem("MessageRetentionPeriod", found, f"{LONGEST_QUEUE_SECONDS} seconds")


@rule(
    QUEUE,
    trap=12,
    fix="Alarm on ApproximateNumberOfMessagesVisible of the queue.",
    source="https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html",
    bad=Change("primary.LostAlarm", "MetricName", "NumberOfMessagesReceived"),
)
def dead_letters_unwatched(queue: Resource) -> Says:
    """An alarm tells of messages in a dead-letter queue.

    A lost event that lies safely in a queue nobody looks into is lost all the same.
    """
    if queue not in _dead_letter_queues(queue.assembly):
        return
    for alarm in queue.assembly.all(ALARM):
        metrics = [alarm.properties, *(dig(each, "MetricStat.Metric") for each in listed(alarm.get("Metrics")))]
        for metric in metrics:
            if dig(metric, "MetricName") != "ApproximateNumberOfMessagesVisible":
                continue
            for dimension in listed(dig(metric, "Dimensions")):
                value = dig(dimension, "Value")
                found = queue.assembly.resource_of(value) or queue.assembly.named(QUEUE, value, alarm.region)
                if found is queue:
                    return
    yield Problem("", None, "an alarm on ApproximateNumberOfMessagesVisible")


@rule(
    QUEUE,
    fix="Allow events.amazonaws.com sqs:SendMessage in a QueuePolicy.",
    source=_DLQ,
    bad=Change("primary.LostPolicy", "PolicyDocument.Statement.0.Principal.Service", "sns.amazonaws.com"),
)
def dead_letters_refused(queue: Resource) -> Says:
    """The dead-letter queue of a rule lets EventBridge in.

    Without the policy the event is dropped although there is a queue for it.
    """
    assembly = queue.assembly
    rules = assembly.all(EVENT_RULE)
    used = any(
        assembly.resource_of(dig(target, "DeadLetterConfig.Arn")) is queue
        for found in rules
        for _, target, _ in _targets(found)
    )
    if not used:
        return
    for policy in assembly.all("AWS::SQS::QueuePolicy"):
        if not any(assembly.resource_of(each) is queue for each in listed(policy.get("Queues"))):
            continue
        for statement in listed(policy.get("PolicyDocument.Statement")):
            if isinstance(statement, Unresolved):
                yield Unknown("", statement.reason)
                return
            services = listed(dig(statement, "Principal.Service"))
            if "events.amazonaws.com" in services and allowed(statement, ("sqs:SendMessage",)):
                return
    yield Problem("", "events.amazonaws.com may not send", "a QueuePolicy that lets events.amazonaws.com send")
