"""Topics that deliver: whoever publishes may, with the key, and somebody listens."""

from typing import Any, cast

from recovery.guards.finding import Problem, Unknown
from recovery.guards.rule import Change, Says, rule
from recovery.guards.rules.permissions import allowed
from recovery.guards.templates import Assembly, Resource, dig, fact
from recovery.guards.unresolved import Unresolved
from recovery.guards.values import listed

TOPIC = "AWS::SNS::Topic"
ALARMS, EVENTS = "cloudwatch.amazonaws.com", "events.amazonaws.com"
_KEYS = "https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html"
_ACCESS = "https://docs.aws.amazon.com/sns/latest/dg/sns-access-policy-use-cases.html"
_KEY_ACTIONS = ("kms:Decrypt", "kms:GenerateDataKey")


@fact
def _of_alarms(assembly: Assembly) -> set[Resource | None]:
    alarms = assembly.all("AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm")
    return {assembly.resource_of(action) for alarm in alarms for action in listed(alarm.get("AlarmActions"))}


@fact
def _of_events(assembly: Assembly) -> set[Resource | None]:
    targets = (target for found in assembly.all("AWS::Events::Rule") for target in listed(found.get("Targets")))
    return {assembly.resource_of(dig(target, "Arn")) for target in targets}


def _has_alarms(topic: Resource) -> bool:
    return topic in _of_alarms(topic.assembly)


def _has_events(topic: Resource) -> bool:
    return topic in _of_events(topic.assembly)


def _grants(statements: list[Any], service: str, actions: tuple[str, ...]) -> bool:
    granted: set[str] = set()
    for statement in statements:
        services = listed(dig(statement, "Principal.Service"))
        if isinstance(statement, dict) and service in services:
            granted |= set(allowed(cast(dict[str, Any], statement), actions))
    return granted == set(actions)


def _key_silences(topic: Resource, service: str) -> Says:
    key = topic.get("KmsMasterKeyId")
    if key is None or str(key).endswith("alias/aws/sns"):
        return
    found = topic.assembly.resource_of(key)
    if found is None or found.type != "AWS::KMS::Key":
        yield Unknown("KmsMasterKeyId", "its key is in none of the templates")
        return
    statements = listed(found.get("KeyPolicy.Statement"))
    if not _grants(statements, service, _KEY_ACTIONS):
        expected = f"a policy of {found.logical_id} that lets {service} use it (kms:Decrypt, kms:GenerateDataKey*)"
        yield Problem("KmsMasterKeyId", f"{service} may not use the key {found.logical_id}", expected)


def _policy_silences(topic: Resource, service: str, *, needed: bool) -> Says:
    policies = [
        policy
        for policy in topic.assembly.all("AWS::SNS::TopicPolicy")
        if any(topic.assembly.resource_of(each) is topic for each in listed(policy.get("Topics")))
    ]
    if not policies and not needed:
        return
    statements = [each for policy in policies for each in listed(policy.get("PolicyDocument.Statement"))]
    if any(isinstance(statement, Unresolved) for statement in statements):
        yield Unknown("", "a statement of its policy is not known")
    elif not _grants(statements, service, ("sns:Publish",)):
        yield Problem("", f"{service} may not publish", f"a TopicPolicy that lets {service} publish")


@rule(
    TOPIC,
    trap=12,
    fix="Subscribe whoever is on call.",
    source="https://docs.aws.amazon.com/sns/latest/dg/sns-create-subscribe-endpoint-to-topic.html",
    bad=Change("recovery.OnCall", "TopicArn", "arn:aws:sns:ap-southeast-1:111122223333:another"),
)
def topic_without_subscriber(topic: Resource) -> Says:
    """A topic that alarms publish to has a subscriber.

    The alarm goes off, the message is published, and nobody gets it.
    """
    subscriptions = topic.assembly.all("AWS::SNS::Subscription")
    subscribed = any(topic.assembly.resource_of(each.get("TopicArn")) is topic for each in subscriptions)
    if not subscribed and not listed(topic.get("Subscription")) and (_has_alarms(topic) or _has_events(topic)):
        yield Problem("", None, "a subscription")


@rule(
    TOPIC,
    trap=12,
    fix="Take a customer key whose policy lets the services publish.",
    source=_KEYS,
    bad=Change("primary.Topic", "KmsMasterKeyId", "alias/aws/sns"),
)
def topic_under_aws_key(topic: Resource) -> Says:
    """A topic that alarms or events publish to is not encrypted under AWS's own key.

    Its policy cannot let them use it: every message is dropped, without a trace.
    """
    if str(topic.get("KmsMasterKeyId")).endswith("alias/aws/sns") and (_has_alarms(topic) or _has_events(topic)):
        yield Problem("KmsMasterKeyId", topic.get("KmsMasterKeyId"), "a customer key, or none")


@rule(
    TOPIC,
    trap=12,
    fix="Allow cloudwatch.amazonaws.com kms:Decrypt and kms:GenerateDataKey* in the key's policy.",
    source=_KEYS,
    bad=Change("primary.Key", "KeyPolicy.Statement.1.Principal.Service", EVENTS),
)
def topic_key_drops_alarms(topic: Resource) -> Says:
    """CloudWatch may use the key of the topics that alarms publish to.

    Otherwise every alarm goes off and no message arrives; nothing else looks wrong.
    """
    if _has_alarms(topic):
        yield from _key_silences(topic, ALARMS)


@rule(
    TOPIC,
    trap=12,
    fix="Allow events.amazonaws.com kms:Decrypt and kms:GenerateDataKey* in the key's policy.",
    source=_KEYS,
    bad=Change("primary.Key", "KeyPolicy.Statement.1.Principal.Service", ALARMS),
)
def topic_key_drops_events(topic: Resource) -> Says:
    """EventBridge may use the key of the topics that its rules publish to.

    Otherwise a failed backup or failover is announced to nobody.
    """
    if _has_events(topic):
        yield from _key_silences(topic, EVENTS)


@rule(
    TOPIC,
    trap=12,
    fix="Allow cloudwatch.amazonaws.com sns:Publish in the topic's policy.",
    source=_ACCESS,
    bad=Change("primary.TopicPolicy", "PolicyDocument.Statement.0.Principal.Service", EVENTS),
)
def topic_policy_drops_alarms(topic: Resource) -> Says:
    """A topic's policy lets CloudWatch publish where alarms do.

    A policy takes the place of the default one, which let the account's alarms in.
    """
    if _has_alarms(topic):
        yield from _policy_silences(topic, ALARMS, needed=False)


@rule(
    TOPIC,
    trap=12,
    fix="Allow events.amazonaws.com sns:Publish in the topic's policy.",
    source="https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html",
    bad=Change("primary.TopicPolicy", "PolicyDocument.Statement.0.Principal.Service", ALARMS),
)
def topic_policy_drops_events(topic: Resource) -> Says:
    """A topic's policy lets EventBridge publish where rules do.

    Without it the announcement fails on its way, and only a metric of EventBridge knows.
    """
    if _has_events(topic):
        yield from _policy_silences(topic, EVENTS, needed=True)
