"""Failovers in the lab, as a person runs them: start, read the message that asks, approve or cancel, wait."""

import json
import re
from dataclasses import dataclass
from datetime import datetime

from environments import LOCAL
from lab.cloud import Cloud
from lab.deployment import Deployment
from lab.polling import wait_for
from recovery.evidence import Evidence
from recovery.failover.execution import Ended, FailoverMachine
from recovery.failover.preflight import Direction

OPERATOR = "the lab's operator"


@dataclass(frozen=True)
class Desk:
    """On-call's place in the recovery region: the machine, and a queue that gets what the alarm topic sends."""

    cloud: Cloud
    deployment: Deployment
    queue: str

    @classmethod
    def open(cls, cloud: Cloud, deployment: Deployment) -> "Desk":
        """Subscribe a queue to the recovery region's alarm topic, and push the image that a preflight asks for."""
        for region in (deployment.primary_region, deployment.recovery_region):
            cloud.clients(region).ecr.put_image(
                repositoryName=LOCAL.service.repository, imageTag=LOCAL.service.image, imageManifest="{}"
            )
        clients = cloud.clients(deployment.recovery_region)
        queue = clients.sqs.create_queue(QueueName="on-call")["QueueUrl"]
        endpoint = f"arn:aws:sqs:{deployment.recovery_region}:{cloud.account}:on-call"
        [topic] = [
            arn for each in clients.sns.list_topics()["Topics"]
            if (arn := each.get("TopicArn", "")).endswith("duskspendr-local-alarms")
        ]  # fmt: skip
        clients.sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=endpoint)
        return cls(cloud, deployment, queue)

    @property
    def machine(self) -> FailoverMachine:
        """The deployed machine."""
        states = self.cloud.clients(self.deployment.recovery_region).states
        return FailoverMachine(states, self.deployment.output("RecoveryStandby", "FailoverStateMachineArn"))

    def start(self, direction: Direction, *, disaster_time: datetime | None = None) -> str:
        """Begin an operation; returns its execution."""
        return self.machine.start(direction, disaster_time=disaster_time, accept_unproven=False)

    def approve(self) -> None:
        """Wait for the message that asks, and let it go on."""
        self.machine.approve(self.token(), OPERATOR)

    def token(self) -> str:
        """The token of the message that asks. Raises LabError when none comes."""
        return wait_for("the message that asks for approval", self._asked)

    def wait(self, execution: str) -> Ended:
        """Wait for the end of an execution."""
        return self.machine.follow(execution, lambda _: None, pause=0.2)

    def evidence(self, direction: Direction) -> list[Evidence]:
        """The records of that kind of operation, every version of every key."""
        s3 = self.cloud.clients(self.deployment.recovery_region).s3
        bucket = self.deployment.output("RecoveryFoundation", "EvidenceBucketName")
        versions = s3.list_object_versions(Bucket=bucket, Prefix="evidence/").get("Versions", [])
        keys = [
            each.get("Key", "") for each in versions if re.search(rf"/{direction}-[^/]*\.json$", each.get("Key", ""))
        ]
        bodies = [s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys]
        return [Evidence.model_validate_json(body) for body in bodies]

    def _asked(self) -> str | None:
        sqs = self.cloud.clients(self.deployment.recovery_region).sqs
        for message in sqs.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10).get("Messages", []):
            sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=message.get("ReceiptHandle", ""))
            text = json.loads(message.get("Body", "{}")).get("Message", "")
            found = re.search(r"approve --environment local (\S+)", text)
            if found:
                return found[1]
        return None
