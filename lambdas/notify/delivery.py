"""The ways to on-call: PagerDuty over HTTPS, and two topics of SNS for e-mail and for chat."""

import json
from typing import TYPE_CHECKING, Any, cast

import urllib3
from botocore.exceptions import ClientError
from urllib3.util import Retry

from recovery.alarms.message import Message
from recovery.alarms.rendering import chat, pagerduty, plain, subject

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sns import SNSClient

# PagerDuty asks to repeat these, and no other. https://developer.pagerduty.com/docs/events-api-v2/overview/
_REPEATED = (429, 500, 502, 503, 504)
_ACCEPTED = 202
BACKOFF_SECONDS = 0.5


class DeliveryError(RuntimeError):
    """A way to on-call did not take the message; the text says which and why, and holds no key."""


def routing_key(secrets: "SecretsManagerClient", name: str) -> str | None:
    """PagerDuty's routing key; None as long as nobody has put one into the secret. Raises botocore's ClientError."""
    try:
        return secrets.get_secret_value(SecretId=name)["SecretString"].strip() or None
    except ClientError as error:
        # A secret without a value is told like one that does not exist.
        if error.response.get("Error", {}).get("Code") == "ResourceNotFoundException":
            return None
        raise


def page(message: Message, *, url: str, key: str) -> None:
    """Give PagerDuty the event. Raises :class:`DeliveryError`."""
    pool = urllib3.PoolManager(
        timeout=urllib3.Timeout(connect=3, read=7),
        retries=Retry(
            total=3,
            backoff_factor=BACKOFF_SECONDS,
            status_forcelist=_REPEATED,
            allowed_methods={"POST"},
            raise_on_status=False,
            respect_retry_after_header=False,  # it may ask for longer than the function has; Lambda repeats later
            redirect=False,
        ),
    )
    # The canary resolves an incident that nobody opened: accepted like any event, and nobody is woken.
    event = pagerduty(message, routing_key=key)
    if message.is_canary:
        event = {name: event[name] for name in ("routing_key", "dedup_key")} | {"event_action": "resolve"}
    try:
        answer = pool.request("POST", url, json=event)
    except urllib3.exceptions.HTTPError as error:
        raise DeliveryError(f"PagerDuty could not be reached: {type(error).__name__}") from None
    if answer.status != _ACCEPTED:
        raise DeliveryError(f"PagerDuty answered {answer.status}: {_reasons(answer.data)}")


def mail(sns: "SNSClient", message: Message, *, topic_arn: str, note: str | None) -> None:
    """Publish the plain text, with ``note`` at its end. Raises botocore's ClientError or BotoCoreError."""
    text = plain(message) + (f"\n{note}\n" if note else "")
    sns.publish(TopicArn=topic_arn, Subject=subject(message), Message=text)


def post(sns: "SNSClient", message: Message, *, topic_arn: str) -> None:
    """Publish the chat's form. Raises botocore's ClientError or BotoCoreError."""
    sns.publish(TopicArn=topic_arn, Message=json.dumps(chat(message)))


def _reasons(body: bytes) -> str:
    """What PagerDuty says is wrong with an event; never the event."""
    try:
        said: Any = json.loads(body)
    except ValueError:
        return "no reason"
    if not isinstance(said, dict):
        return "no reason"
    answer = cast(dict[str, Any], said)
    return "; ".join([str(answer.get("message", "")), *map(str, answer.get("errors", []))]).strip("; ") or "no reason"
