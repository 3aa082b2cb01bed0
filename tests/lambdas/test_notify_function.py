"""The notifier: every message by every way, nothing lost in silence, and no key in any log."""

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from lambdas.notify import delivery
from lambdas.notify.delivery import DeliveryError
from lambdas.notify.handler import handler
from lambdas.shared import aws
from recovery.alarms.reading import COMPOSITE
from tests.emitters import SENT_ACROSS, emitted_by

REGION = "ap-south-1"
KEY = "R0UT1NGKEY0123456789ABCDEF012345"
SECRET = "duskspendr-test/pagerduty/routing-key"


class PagerDuty:
    """PagerDuty's side: keeps what it takes, and answers with the statuses that are queued."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.statuses: list[int] = []
        taker = self

        class Taker(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                status = taker.statuses.pop(0) if taker.statuses else 202
                if status == 202:
                    taker.events.append(body)
                answer = json.dumps({"status": "?", "message": "Event object is invalid", "errors": ["no such key"]})
                self.send_response(status)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer.encode())

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Taker)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/v2/enqueue"


class Topics:
    """SNS, as far as a message is published to it."""

    def __init__(self) -> None:
        self.published: list[dict[str, str]] = []

    def publish(self, **message: str) -> None:
        self.published.append(message)

    def to(self, topic: str) -> list[dict[str, str]]:
        return [each for each in self.published if each["TopicArn"] == topic]


@pytest.fixture
def pager() -> Iterator[PagerDuty]:
    pager = PagerDuty()
    yield pager
    pager.server.shutdown()
    pager.server.server_close()


@pytest.fixture
def topics(bucket: str, pager: PagerDuty, monkeypatch: pytest.MonkeyPatch) -> Topics:
    """The notifier's surroundings; the secret holds a key."""
    del bucket
    topics = Topics()
    for name, value in {
        "ACCOUNT": "123456789012",
        "PRIMARY_REGION": REGION,
        "RECOVERY_REGION": "ap-southeast-1",
        "MESSAGE_TOPIC_ARN": "messages",
        "CHAT_TOPIC_ARN": "chat",
        "PAGERDUTY_URL": pager.url,
        "RUNBOOKS_URL": "https://runbooks.example.com",
    }.items():
        monkeypatch.setenv(name, value)
    aws.cloudwatch.cache_clear()
    aws.cloudwatch_in.cache_clear()
    monkeypatch.setattr("lambdas.notify.handler.sns", lambda: topics)
    put_key(monkeypatch, KEY)
    return topics


def put_key(monkeypatch: pytest.MonkeyPatch, key: str | None) -> None:
    """Let the secret hold this."""

    def found(*_: object) -> str | None:
        return key

    monkeypatch.setattr("lambdas.notify.handler.routing_key", found)


def told(name: str = "heartbeat-stopped", *, state: str = "ALARM", before: str = "OK") -> dict[str, Any]:
    body = {
        "AlarmName": f"duskspendr-test-{name}",
        "OldStateValue": before,
        "NewStateValue": state,
        "NewStateReason": "because",
        "StateChangeTime": "2026-11-01T06:00:00.000+0000",
    }
    return {"Records": [{"Sns": {"Subject": "ALARM", "Message": json.dumps(body)}}]}


def metrics(capsys: pytest.CaptureFixture[str]) -> dict[str, float]:
    return emitted_by("notify", capsys.readouterr().out)


def test_page_goes_to_pagerduty_mail_and_chat(topics: Topics, pager: PagerDuty, context: Any) -> None:
    handler(told(), context)
    [event] = pager.events
    assert (event["routing_key"], event["event_action"], event["payload"]["severity"]) == (KEY, "trigger", "critical")
    [mail] = topics.to("messages")
    assert mail["Subject"].startswith("PAGE [test ap-south-1]")
    [chat] = topics.to("chat")
    assert json.loads(chat["Message"])["source"] == "custom"


def test_end_resolves_and_is_told(topics: Topics, pager: PagerDuty, context: Any) -> None:
    handler(told(), context)
    handler(told(state="OK", before="ALARM"), context)
    assert [event["event_action"] for event in pager.events] == ["trigger", "resolve"]
    assert len({event["dedup_key"] for event in pager.events}) == 1
    assert topics.to("messages")[-1]["Subject"].startswith("OVER")


def test_alarm_that_was_never_on_wakes_nobody_with_its_end(topics: Topics, pager: PagerDuty, context: Any) -> None:
    handler(told(state="OK", before="INSUFFICIENT_DATA"), context)
    assert [event["event_action"] for event in pager.events] == ["resolve"]
    assert topics.published == []


def test_passing_fault_of_pagerduty_is_repeated(
    topics: Topics, pager: PagerDuty, context: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "BACKOFF_SECONDS", 0)
    pager.statuses = [500, 429]
    handler(told(), context)
    assert len(pager.events) == 1
    assert "PagerDuty did not take" not in topics.to("messages")[0]["Message"]


def test_refusal_is_told_by_mail_and_raises_without_the_key(
    topics: Topics, pager: PagerDuty, context: Any, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    pager.statuses = [400]
    with pytest.raises(DeliveryError, match="PagerDuty answered 400: Event object is invalid; no such key") as raised:
        handler(told(), context)
    [mail] = topics.to("messages")
    assert "PagerDuty did not take this message" in mail["Message"]
    output = capsys.readouterr()
    assert KEY not in str(raised.value) + caplog.text + output.out + output.err + mail["Message"]


def test_pagerduty_that_is_away_keeps_no_mail_back(
    topics: Topics, context: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "BACKOFF_SECONDS", 0)
    monkeypatch.setenv("PAGERDUTY_URL", "http://127.0.0.1:9/")
    with pytest.raises(DeliveryError, match="could not be reached"):
        handler(told(), context)
    assert len(topics.published) == 2


def test_mail_that_fails_keeps_no_page_back(
    topics: Topics, pager: PagerDuty, context: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_: str) -> None:
        raise DeliveryError("no")

    monkeypatch.setattr(topics, "publish", refuse)
    with pytest.raises(DeliveryError, match="mail: no; chat: no"):
        handler(told(), context)
    assert len(pager.events) == 1


def test_without_a_key_the_mail_says_so_and_the_canary_does_not_arrive(
    topics: Topics,
    pager: PagerDuty,
    context: Any,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    put_key(monkeypatch, None)
    handler(told(), context)
    assert f"put its routing key into the secret {SECRET}" in topics.to("messages")[0]["Message"]
    handler(told("canary"), context)
    assert pager.events == []
    assert metrics(capsys) == {"MessagesDelivered": 0.0}


def test_canary_is_accepted_by_pagerduty_opens_nothing_and_is_measured(
    topics: Topics, pager: PagerDuty, context: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    handler(told("canary"), context)
    assert [event["event_action"] for event in pager.events] == ["resolve"]
    assert topics.published == []
    assert metrics(capsys) == {"CanaryDelivered": 1.0, "MessagesDelivered": 1.0}


def heard_in(region: str) -> float:
    """How often a region was told since the tests began."""
    [name] = SENT_ACROSS["notify"]
    now = datetime.now(UTC)
    found = aws.cloudwatch_in(region).get_metric_statistics(
        Namespace="DuskSpendr/Continuity",
        MetricName=name,
        Dimensions=[{"Name": "Environment", "Value": "test"}],
        StartTime=now - timedelta(hours=1),
        EndTime=now + timedelta(minutes=1),
        Period=60,
        Statistics=["Sum"],
    )["Datapoints"]
    return sum(each.get("Sum", 0) for each in found)


@pytest.mark.usefixtures("topics")
def test_canary_is_counted_in_the_other_region_once_it_was_delivered(context: Any, pager: PagerDuty) -> None:
    before = heard_in("ap-southeast-1")
    pager.statuses = [400]
    with pytest.raises(DeliveryError):
        handler(told("canary"), context)
    assert heard_in("ap-southeast-1") == before
    handler(told("canary"), context)
    assert heard_in("ap-southeast-1") == before + 1


@pytest.mark.usefixtures("topics")
def test_other_region_that_does_not_answer_fails_no_canary(
    context: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(**_: object) -> None:
        raise EndpointConnectionError(endpoint_url="monitoring.ap-southeast-1")

    monkeypatch.setattr(aws.cloudwatch_in("ap-southeast-1"), "put_metric_data", refuse)
    handler(told("canary"), context)
    assert metrics(capsys)["CanaryDelivered"] == 1.0


def test_canary_that_pagerduty_refuses_has_not_arrived(
    topics: Topics, pager: PagerDuty, context: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    del topics
    pager.statuses = [400]
    with pytest.raises(DeliveryError):
        handler(told("canary"), context)
    assert metrics(capsys) == {"MessagesDelivered": 0.0}


def test_end_of_a_canary_is_not_counted_as_one(
    topics: Topics, context: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    del topics
    handler(told("canary", state="OK", before="ALARM"), context)
    assert metrics(capsys) == {"MessagesDelivered": 1.0}


@pytest.mark.usefixtures("pager")
def test_composite_asks_which_of_its_alarms_are_on(topics: Topics, context: Any) -> None:
    cloudwatch = aws.cloudwatch()
    for subject in ("api-slow", "api-server-errors"):
        name = f"duskspendr-test-{subject}"
        cloudwatch.put_metric_alarm(
            AlarmName=name, MetricName="x", Namespace="x", Statistic="Sum", Period=60, EvaluationPeriods=1,
            Threshold=0, ComparisonOperator="GreaterThanThreshold",
        )  # fmt: skip
        cloudwatch.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason=f"{subject} is on")
    handler(told(f"{COMPOSITE}application"), context)
    text = topics.to("messages")[0]["Message"]
    assert "answered with 5xx" in text.splitlines()[0]
    assert "api-slow is on" in text


def test_alarms_that_cannot_be_asked_keep_no_message_back(
    topics: Topics, context: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_: object) -> None:
        raise ClientError({"Error": {"Code": "AccessDenied"}}, "DescribeAlarms")

    monkeypatch.setattr(aws.cloudwatch(), "describe_alarms", refuse)
    handler(told(f"{COMPOSITE}application"), context)
    assert topics.to("messages")[0]["Subject"].startswith("PAGE")


def test_secret_without_a_value_is_no_key(bucket: str) -> None:
    del bucket
    assert delivery.routing_key(aws.secrets(), "nothing/here") is None


def test_secret_with_a_value_is_the_key(bucket: str) -> None:
    aws.secrets().create_secret(Name=f"{bucket}/key", SecretString=f" {KEY}\n")
    assert delivery.routing_key(aws.secrets(), f"{bucket}/key") == KEY
