"""Turns what is published to the region's alarm topic into messages for people, and delivers them.

SNS calls it with each message. What it raises is repeated by Lambda twice, and kept in the dead-letter queue then.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import BotoCoreError, ClientError

from lambdas.notify.delivery import DeliveryError, mail, page, post, routing_key
from lambdas.shared.aws import cloudwatch, cloudwatch_in, secrets, sns
from lambdas.shared.metrics import COUNT, publish, publish_elsewhere
from lambdas.shared.settings import NamesSettings
from recovery.alarms.message import Message
from recovery.alarms.reading import Place, read

logger = Logger()
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class NotifySettings(NamesSettings):
    """Whose region it is, and the ways to on-call."""

    aws_region: str
    message_topic_arn: str
    chat_topic_arn: str
    pagerduty_url: str
    runbooks_url: str


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001 - Lambda's signature
    """Deliver each record. A way that fails keeps no other back. Raises :class:`DeliveryError` when one did."""
    settings = NotifySettings.read()
    failures: list[str] = []
    for record in event["Records"]:
        said = record["Sns"]
        message = read(_place(settings), subject=said.get("Subject"), body=said["Message"], now=datetime.now(UTC))
        failures += _deliver(settings, message)
    if failures:
        raise DeliveryError("; ".join(failures))
    return {"delivered": len(event["Records"])}


def _place(settings: NotifySettings) -> Place:
    return Place(
        names=settings.names,
        region=settings.aws_region,
        runbooks_url=settings.runbooks_url,
        alarming=_alarming,
    )


def _alarming(names: Sequence[str]) -> Mapping[str, str]:
    """Which of these alarms are on, and why. A message without this says less, and still goes out."""
    try:
        found = cloudwatch().describe_alarms(AlarmNames=list(names), AlarmTypes=["MetricAlarm"])["MetricAlarms"]
    except (BotoCoreError, ClientError):
        logger.exception("alarms could not be asked")
        return {}
    return {
        each.get("AlarmName", ""): each.get("StateReason", "") for each in found if each.get("StateValue") == "ALARM"
    }


def _deliver(settings: NotifySettings, message: Message) -> list[str]:
    """Deliver by every way; answers what went wrong. PagerDuty comes first, for it wakes people."""
    failures: list[str] = []
    connected = _attempt("PagerDuty", lambda: _page(settings, message), failures)
    if not message.quiet:
        note = _note(settings, connected=connected is not False, failures=failures)
        _attempt("mail", lambda: mail(sns(), message, topic_arn=settings.message_topic_arn, note=note), failures)
        _attempt("chat", lambda: post(sns(), message, topic_arn=settings.chat_topic_arn), failures)
    _measure(settings, message, complete=connected is True and not failures)
    logger.info(
        "message delivered", extra={"signal": message.subject, "incident": message.incident, "failures": failures}
    )
    return failures


def _attempt(way: str, deliver: Callable[[], T], failures: list[str]) -> T | None:
    try:
        return deliver()
    except (BotoCoreError, ClientError, DeliveryError) as error:
        failures.append(f"{way}: {error}")
        return None


def _page(settings: NotifySettings, message: Message) -> bool:
    """Whether there is a key to page with."""
    key = routing_key(secrets(), settings.names.routing_key_name)
    if key is not None:
        page(message, url=settings.pagerduty_url, key=key)
    return key is not None


def _note(settings: NotifySettings, *, connected: bool, failures: Sequence[str]) -> str | None:
    """What the mail says of the way that should have woken somebody."""
    if failures:
        return f"PagerDuty did not take this message: {'; '.join(failures)}"
    if not connected:
        return (
            f"PagerDuty is not connected in {settings.aws_region}: put its routing key into the secret"
            f" {settings.names.routing_key_name}"
        )
    return None


def _measure(settings: NotifySettings, message: Message, *, complete: bool) -> None:
    """A canary has arrived only when PagerDuty took it: without a key no page would."""
    metrics = {"MessagesDelivered": (COUNT, float(complete))}
    arrived = message.is_canary and not message.over and complete
    if arrived:
        metrics["CanaryDelivered"] = (COUNT, 1.0)
    publish(settings, metrics)
    if arrived:
        _tell_other_region(settings)


def _tell_other_region(settings: NotifySettings) -> None:
    """That this region can page. One that does not answer may be lost: its silence here is what this region alarms on,
    and if it lives, it misses this canary itself."""
    other = settings.names.other_region(settings.aws_region)
    try:
        publish_elsewhere(settings, cloudwatch_in(other), "OtherRegionHeard")
    except (BotoCoreError, ClientError):
        logger.exception("the other region was not told", extra={"region": other})
