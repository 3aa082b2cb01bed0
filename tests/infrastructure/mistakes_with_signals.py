"""Mistakes with alarms, topics, events and state machines."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from recovery.guards.naming import arn_of
from recovery.guards.rules.alarms import DIMENSIONS, EVERY_MINUTE, NAMED
from recovery.guards.rules.topics import ALARMS, EVENTS
from recovery.guards.templates import Assembly, Json, Resource, dig
from recovery.guards.values import listed
from tests.infrastructure.guard_mistakes import (
    ACCOUNT,
    KINDS,
    Kind,
    Mistake,
    changing,
    elsewhere,
    mistake,
    of_type,
    setting,
)

FUNCTION = "AWS::Lambda::Function"

# Alarms.
ALARM = "AWS::CloudWatch::Alarm"


def of_queue(resource: Resource) -> bool:
    return resource.get("Namespace") == "AWS/SQS"


def needs_dimension(resource: Resource) -> bool:
    return resource.get("Namespace") in DIMENSIONS and not of_queue(resource)


def dimensions(resource: Resource) -> list[dict[str, Any]]:
    return resource.get("Dimensions") or []


def named_dimension(resource: Resource) -> bool:
    return needs_dimension(resource) and bool({each["Name"] for each in dimensions(resource)} & set(NAMED))


def every_minute(resource: Resource) -> bool:
    return resource.get("Namespace") == "AWS/RDS" and resource.get("MetricName") in EVERY_MINUTE


COMPOSITE = "AWS::CloudWatch::CompositeAlarm"


def speaks(resource: Resource) -> bool:
    return bool(listed(resource.get("AlarmActions")))


def itself_and_its_members(composite: Resource) -> list[Resource]:
    """Who is silent with a composite: it, and every alarm that it speaks for."""
    told, here = str(composite.get("AlarmRule")), of_type(composite, ALARM)
    members = [each for each in here if each.region == composite.region and f'{arn_of(each)}"' in told]
    assert members
    return [composite, *members]


setting("alarm-without-action", ALARM, "AlarmActions", [], where=speaks)
setting("alarm-without-action", COMPOSITE, "AlarmActions", [], at=itself_and_its_members)
setting("alarm-muted", ALARM, "ActionsEnabled", value=False)
setting("alarm-action-elsewhere", ALARM, "AlarmActions.*", elsewhere("sns", "duskspendr-prod-alarms"))
setting("alarm-without-dimension", ALARM, "Dimensions", [{"Name": "Stage", "Value": "x"}], where=needs_dimension)
setting("alarm-on-nothing", ALARM, "Dimensions.*.Value", "of-no-such-name", where=named_dimension)
setting("alarm-without-word-on-silence", ALARM, "TreatMissingData", None)
setting("alarm-calm-in-silence", ALARM, "TreatMissingData", "notBreaching", where=every_minute)
setting("alarm-looks-back-too-far", ALARM, "EvaluationPeriods", 100000)

# Topics.
TOPIC, KEY = "AWS::SNS::Topic", "AWS::KMS::Key"


# Who publishes to which of a region's topics; to that of the chat only our function does.
HEARD = {ALARMS: ("alarms", "messages"), EVENTS: ("alarms",)}


def topics_here(resource: Resource, service: str = ALARMS) -> list[Resource]:
    here = [each for each in of_type(resource, TOPIC) if each.region == resource.region]
    found = [each for each in here if str(each.get("TopicName")).rpartition("-")[2] in HEARD[service]]
    assert len(found) == len(HEARD[service])
    return found


def is_heard(topic: Resource) -> bool:
    return topic in topics_here(topic)


def its_topic(subscription: Resource) -> list[Resource]:
    found = subscription.assembly.resource_of(subscription.get("TopicArn"))
    return [found] if found else []


def its_topics(service: str) -> Callable[[Resource], list[Resource]]:
    """Those of a policy's topics that a service publishes to."""

    def at(policy: Resource) -> list[Resource]:
        named = [policy.assembly.resource_of(each) for each in listed(policy.get("Topics"))]
        return [topic for topic in topics_here(policy, service) if topic in named]

    return at


def topics_of(service: str) -> Callable[[Resource], list[Resource]]:
    """The region's topics that a service publishes to."""
    return lambda resource: topics_here(resource, service)


def key_of_topic(resource: Resource) -> bool:
    topics = of_type(resource, TOPIC)
    return any(resource.assembly.resource_of(topic.get("KmsMasterKeyId")) is resource for topic in topics)


def acts_on_events(resource: Resource) -> bool:
    targets = [resource.assembly.resource_of(dig(each, "Arn")) for each in listed(resource.get("Targets"))]
    return any(each is not None and each.type != TOPIC for each in targets)


def _without(document: str, service: str) -> Any:
    """The service is taken out of every statement that lets it in."""

    def change(body: Json) -> None:
        for statement in body["Properties"][document]["Statement"]:
            principal = statement["Principal"]
            services = listed(dig(principal, "Service"))
            if service in services:
                principal["Service"] = [each for each in services if each != service] or "nobody.amazonaws.com"

    return change


setting(
    "topic-without-subscriber",
    "AWS::SNS::Subscription",
    "TopicArn",
    lambda it: f"arn:aws:sns:{it.region}:{ACCOUNT}:another",
    at=its_topic,
)
setting("topic-under-aws-key", TOPIC, "KmsMasterKeyId", "alias/aws/sns", where=is_heard)
for what, service in (("alarms", ALARMS), ("events", EVENTS)):
    lost = _without("KeyPolicy", service)
    changing(f"topic-key-drops-{what}", KEY, service, lost, where=key_of_topic, at=topics_of(service))
    lost = _without("PolicyDocument", service)
    changing(f"topic-policy-drops-{what}", "AWS::SNS::TopicPolicy", service, lost, at=its_topics(service))

# Events.
RULE, QUEUE, ASYNC = "AWS::Events::Rule", "AWS::SQS::Queue", "AWS::Lambda::EventInvokeConfig"


def its_function(resource: Resource) -> list[Resource]:
    found = resource.assembly.resource_of(resource.get("FunctionName"))
    return [found] if found else []


def its_queue(resource: Resource) -> list[Resource]:
    values = [each["Value"] for each in dimensions(resource)]
    return [found for value in values if (found := resource.assembly.resource_of(value))]


def its_queues(resource: Resource) -> list[Resource]:
    return [found for value in resource.get("Queues") if (found := resource.assembly.resource_of(value))]


setting("event-dropped-on-its-way", RULE, "Targets.*.DeadLetterConfig", None, where=acts_on_events)
setting("function-loses-events", ASYNC, "DestinationConfig", None, at=its_function)
setting("function-crowded-out", ASYNC, "MaximumEventAgeInSeconds", 60, at=its_function)
setting("function-switched-off", FUNCTION, "ReservedConcurrentExecutions", 0, at_once=True)
setting("function-without-timeout", FUNCTION, "Timeout", None, at_once=True)
setting("function-logs-unowned", FUNCTION, "LoggingConfig", None, at_once=True)
setting("logs-without-retention", "AWS::Logs::LogGroup", "RetentionInDays", None, at_once=True)
for wrong in (None, 345600):
    setting("dead-letters-expire-early", QUEUE, "MessageRetentionPeriod", wrong)
setting("dead-letters-unwatched", ALARM, "MetricName", "NumberOfMessagesReceived", where=of_queue, at=its_queue)
changing(
    "dead-letters-refused",
    "AWS::SQS::QueuePolicy",
    "EventBridge",
    _without("PolicyDocument", "events.amazonaws.com"),
    at=its_queues,
)

# Machines.
MACHINE = "AWS::StepFunctions::StateMachine"


def _unbounded(assembly: Assembly) -> Iterator[Mistake]:
    """Each time-out of each machine taken away, one after the other: the machine's own come last."""
    for machine in assembly.all(MACHINE):
        count = len(re.findall(r'"TimeoutSeconds"', str(machine.get("DefinitionString"))))
        for number in range(count):

            def change(body: Json, number: int = number) -> None:
                text = json.dumps(body["Properties"]["DefinitionString"])
                places = [match.start() for match in re.finditer(r'\\"TimeoutSeconds\\"', text)]
                at = places[number]
                changed = text[:at] + text[at:].replace("TimeoutSeconds", "NoTimeout", 1)
                body["Properties"]["DefinitionString"] = json.loads(changed)

            made = mistake("step-without-timeout", machine, change)
            if made is not None and not _is_own_timeout(machine, number):
                yield made


def _is_own_timeout(machine: Resource, number: int) -> bool:
    """Whether the numbered time-out is the whole machine's, not a step's."""
    text = str(machine.get("DefinitionString"))
    places = [match.start() for match in re.finditer(r'"TimeoutSeconds"', text)]
    at = places[number]
    return "TimeoutSeconds" not in json.loads(text[:at] + text[at:].replace("TimeoutSeconds", "NoTimeout", 1)) and (
        "TimeoutSeconds" in json.loads(text)
    )


def _endless(assembly: Assembly) -> Iterator[Mistake]:
    """A first step that can come back to itself, in a machine without a time-out of its own."""
    for machine in assembly.all(MACHINE):

        def change(body: Json) -> None:
            step = {"Type": "Wait", "Seconds": 60, "Next": "Again"}
            body["Properties"]["DefinitionString"] = json.dumps({"StartAt": "Again", "States": {"Again": step}})

        made = mistake("machine-loops-for-ever", machine, change)
        if made is not None:
            yield made


KINDS.append(Kind("step-without-timeout: each step", _unbounded))
KINDS.append(Kind("machine-loops-for-ever: a loop", _endless))
