"""The part of the deployed templates between an alarm and a person, in both regions of a lab."""

import json
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast

from continuity.lambda_code import function_code
from environments import ENVIRONMENTS
from lab.cloud import Cloud, LabError
from lab.deployment import STAGE, synthesize
from recovery.names import PRIMARY_REGION, RECOVERY_REGION, Names

Json = dict[str, Any]
STACKS = {PRIMARY_REGION: "Observability", RECOVERY_REGION: "RecoveryStandby"}
# What belongs to the path, by the construct that made it; the rest of these stacks needs the whole deployment.
PARTS = ("Alarms", "Signals", "Announcements")
PATIENCE_SECONDS = 20
CODE = "alarm-path-code"


class PagerDuty:
    """Stands for PagerDuty's Events API: keeps incidents by their key, as PagerDuty does."""

    def __init__(self) -> None:
        self.events: list[Json] = []
        self.opened: list[str] = []
        self.open: set[str] = set()
        taker = self

        class Taker(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                taker.take(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(202)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                pass

        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Taker)
        self.url = f"http://127.0.0.1:{self._server.server_port}/v2/enqueue"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def take(self, event: Json) -> None:
        with self._lock:
            self.events.append(event)
            key = event["dedup_key"]
            if event["event_action"] == "resolve":
                self.open.discard(key)
            elif key not in self.open:
                self.open.add(key)
                self.opened.append(key)

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@dataclass
class AlarmPath:
    """Topics, notifier, alarms and composites of both regions, with PagerDuty and a mailbox at the far end."""

    cloud: Cloud
    pagerduty: PagerDuty
    names: Names
    templates: dict[str, Json] = field(default_factory=dict[str, Json])
    mailboxes: dict[str, str] = field(default_factory=dict[str, str])
    mails: dict[str, list[str]] = field(default_factory=dict[str, list[str]])

    @property
    def runbooks_url(self) -> str:
        """Where the templates' notifier says that runbooks are."""
        return ENVIRONMENTS["local"].runbooks_url

    def deploy(self) -> None:
        """Synthesize, and create in each region what lies on the path."""
        assembly = synthesize(self.cloud)
        for region, stack in STACKS.items():
            [file] = assembly.glob(f"assembly-{STAGE}/*{stack}*.template.json")
            self.templates[region] = _reduced(json.loads(file.read_text()), region, self.names, self.pagerduty.url)
        for region in STACKS:
            self._upload_code(region)
            self._make_alarms_of_the_service(region)
            self._create(region)
            self._connect(region)

    def push(self, region: str, subject: str) -> None:
        """Put a value beyond the alarm's threshold, with exactly the dimensions that it watches."""
        found = self.alarms(region)[subject]
        beyond = 1.0 if found["ComparisonOperator"].startswith("Greater") else -1.0
        self.cloud.clients(region).cloudwatch.put_metric_data(
            Namespace=found["Namespace"],
            MetricData=[
                {
                    "MetricName": found["MetricName"],
                    "Dimensions": [{"Name": each["Name"], "Value": str(each["Value"])} for each in found["Dimensions"]],
                    "Value": float(found["Threshold"]) + beyond,
                }
            ],
        )

    def set_state(self, region: str, subject: str, state: Any, reason: str = "set by a test") -> None:
        """Set an alarm's state, as CloudWatch does for whoever tries the way."""
        self.cloud.clients(region).cloudwatch.set_alarm_state(
            AlarmName=self.names.alarm_name(subject), StateValue=state, StateReason=reason
        )

    def quieten(self, region: str) -> None:
        """Let the periods pass, and end every metric alarm that is on: one push may reach several of a name."""
        self.cloud.press("forget-metrics", region)
        for subject, alarm in self.alarms(region).items():
            if alarm["StateValue"] == "ALARM":
                self.set_state(region, subject, "OK")

    def metrics(self, region: str) -> set[str]:
        """The names of the metrics that CloudWatch has of a region."""
        found = self.cloud.clients(region).cloudwatch.list_metrics()["Metrics"]
        return {each.get("MetricName", "") for each in found}

    def alarms(self, region: str) -> dict[str, Json]:
        """The metric alarms of a region, by their subject."""
        pages = (
            self.cloud.clients(region).cloudwatch.get_paginator("describe_alarms").paginate(AlarmTypes=["MetricAlarm"])
        )
        prefix = self.names.alarm_name("")
        return {
            each.get("AlarmName", "").removeprefix(prefix): dict(each)
            for page in pages
            for each in page["MetricAlarms"]
        }

    def mail(self, region: str) -> list[str]:
        """Everything that was mailed from a region so far."""
        sqs, kept = self.cloud.clients(region).sqs, self.mails.setdefault(region, [])
        while True:
            found = sqs.receive_message(QueueUrl=self.mailboxes[region], MaxNumberOfMessages=10).get("Messages", [])
            for each in found:
                kept.append(json.loads(each.get("Body", ""))["Message"])
                sqs.delete_message(QueueUrl=self.mailboxes[region], ReceiptHandle=each.get("ReceiptHandle", ""))
            if not found:
                return kept

    def _upload_code(self, region: str) -> None:
        bucket = f"{CODE}-{region}"
        s3: Any = self.cloud.clients(region).s3
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": region})
        for value in self.templates[region]["Resources"].values():
            if value["Type"] == "AWS::Lambda::Function":
                archive = function_code(value["Properties"]["Handler"].split(".")[1]).archive
                s3.upload_file(str(archive), bucket, archive.name)
                value["Properties"]["Code"] = {"S3Bucket": bucket, "S3Key": archive.name}

    def _make_alarms_of_the_service(self, region: str) -> None:
        """Those that the application's own construct makes; the composite counts on them by name."""
        for subject in ("api-unhealthy-tasks", "api-server-errors", "api-slow"):
            self.cloud.clients(region).cloudwatch.put_metric_alarm(
                AlarmName=self.names.alarm_name(subject), Namespace="AWS/ApplicationELB", MetricName=subject,
                Dimensions=[{"Name": "LoadBalancer", "Value": "app/x"}], Statistic="Sum", Period=60,
                EvaluationPeriods=1, Threshold=0, ComparisonOperator="GreaterThanThreshold",
            )  # fmt: skip

    def _create(self, region: str) -> None:
        formation, name = self.cloud.clients(region).cloudformation, "alarm-path"
        bucket = f"{CODE}-{region}"
        body = json.dumps(self.templates[region]).encode()
        self.cloud.clients(region).s3.put_object(Bucket=bucket, Key="template.json", Body=body)
        formation.create_stack(StackName=name, TemplateURL=f"{self.cloud.endpoint}/{bucket}/template.json")

        def status() -> str:
            return str(formation.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"])

        wait_for(lambda: "IN_PROGRESS" not in status())
        if status() != "CREATE_COMPLETE":
            raise LabError(f"{name} in {region} is {status()}:\n{self.cloud.log_tail()}")

    def _connect(self, region: str) -> None:
        clients = self.cloud.clients(region)
        clients.secrets.put_secret_value(SecretId=self.names.routing_key_name, SecretString="A-ROUTING-KEY")
        queue = clients.sqs.create_queue(QueueName="mailbox")["QueueUrl"]
        arn = clients.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        topic = f"arn:aws:sns:{region}:{self.cloud.account}:{self.names.message_topic_name}"
        clients.sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
        self.mailboxes[region] = queue


def wait_for(done: Callable[[], bool]) -> None:
    """Until it is done. Raises :class:`LabError` when patience is over."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not done():
        if time.monotonic() > deadline:
            raise LabError(f"not done after {PATIENCE_SECONDS} s")
        time.sleep(0.1)


def _reduced(template: Json, region: str, names: Names, pagerduty_url: str) -> Json:
    """The resources of the path; what they refer to outside of it is a name that means nothing."""
    kept = {
        name: resource
        for name, resource in template["Resources"].items()
        if name.startswith(PARTS) and resource["Type"] != "AWS::Lambda::EventInvokeConfig"
    }
    for resource in kept.values():
        resource.pop("DependsOn", None)
        resource["Properties"] = _without_strangers(resource.get("Properties", {}), set(kept), region, names.account)
        if resource["Type"] == "AWS::Lambda::Function":
            variables = resource["Properties"]["Environment"]["Variables"]
            if "PAGERDUTY_URL" in variables:
                variables["PAGERDUTY_URL"] = pagerduty_url
    return {"Resources": kept}


def _without_strangers(value: Any, known: set[str], region: str, account: str) -> Any:
    if isinstance(value, list):
        return [_without_strangers(each, known, region, account) for each in cast(list[Any], value)]
    if not isinstance(value, dict):
        return value
    mapping = cast(Json, value)
    match next(iter(mapping.items()), None):
        case ("Ref", name):
            pseudo = {"AWS::Region": region, "AWS::AccountId": account, "AWS::Partition": "aws", "AWS::URLSuffix": "x"}
            return pseudo.get(name, mapping if name in known else f"elsewhere-{name}")
        case ("Fn::GetAtt", [name, attribute]):
            return mapping if name in known else f"elsewhere-{name}-{attribute}"
        case ("Fn::ImportValue", name):
            return f"elsewhere-{re.sub('[^A-Za-z0-9]', '-', str(name))}"
        case _:
            return {key: _without_strangers(each, known, region, account) for key, each in mapping.items()}
