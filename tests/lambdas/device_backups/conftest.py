"""Buckets in two regions, a quota table, and the API's functions as API Gateway calls them."""

import base64
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import pytest
import urllib3

from lab.cloud import Cloud
from lambdas.begin_device_upload import handler as begin
from lambdas.delete_device_backups import handler as delete
from lambdas.link_device_backup import handler as link
from lambdas.list_device_backups import handler as lists
from lambdas.shared import aws
from recovery.device_backups.bucket import DeviceBucket
from recovery.device_backups.keys import Owner
from recovery.device_backups.quota import COUNTER_KEY
from tests.lambdas.conftest import REGION, Context

RECOVERY = "ap-southeast-1"
MAX_BYTES = 200_000


def age_file(payload: int = 1000) -> bytes:
    """What looks like an age file to whoever has no key."""
    header = b"age-encryption.org/v1\n-> X25519 " + b"A" * 43 + b"\n" + b"B" * 43 + b"\n--- " + b"C" * 43 + b"\n"
    return header + os.urandom(16) + os.urandom(payload + 16)


def sha256(content: bytes) -> str:
    return base64.b64encode(hashlib.sha256(content).digest()).decode()


def http_event(subject: object, path: Mapping[str, str], query: Mapping[str, str], body: str | None) -> dict[str, Any]:
    """As API Gateway writes it, payload 2.0, of a request that its authorizer let in."""
    claims = {} if subject is None else {"sub": subject}
    return {
        "version": "2.0",
        "requestContext": {"authorizer": {"jwt": {"claims": claims, "scopes": None}}},
        **({"pathParameters": dict(path)} if path else {}),
        **({"queryStringParameters": dict(query)} if query else {}),
        **({} if body is None else {"body": body}),
        "isBase64Encoded": False,
    }


@dataclass(frozen=True)
class Answer:
    """What a function answered."""

    status: int
    headers: dict[str, str]
    body: Any

    @property
    def code(self) -> str:
        """The code of a refusal."""
        return self.body["error"]["code"]


@dataclass(frozen=True)
class Phone:
    """A user's device, who calls the functions."""

    subject: object
    device: str = "phone"
    context: Context = field(default_factory=Context)

    def begin(self, content: bytes = b"", *, body: object = None, kind: str = "auto") -> Answer:
        asked = {"size": len(content), "sha256": sha256(content), "kind": kind} if body is None else body
        text = asked if isinstance(asked, str) else json.dumps(asked)
        return self._call(begin, {"device": self.device}, {}, text)

    def upload(self, content: bytes, *, kind: str = "auto") -> str:
        """Upload for good; returns the key."""
        answer = self.begin(content, kind=kind)
        assert answer.status == 201, answer
        sent = send(answer.body["upload"], content)
        assert sent.status == 200, sent.data
        return answer.body["key"]

    def listing(self, **query: str) -> Answer:
        return self._call(lists, {}, query)

    def versions(self) -> list[str]:
        return [each["version"] for each in self.listing().body["backups"]]

    def download(self, version: str, **query: str) -> Answer:
        return self._call(link, {"device": self.device, "version": version}, query)

    def delete(self) -> Answer:
        return self._call(delete, {}, {})

    def _call(self, module: Any, path: dict[str, str], query: dict[str, str], body: str | None = None) -> Answer:
        answer = module.handler(http_event(self.subject, path, query, body), self.context)
        return Answer(answer["statusCode"], answer["headers"], json.loads(answer["body"]))


@dataclass(frozen=True)
class Storage:
    """The buckets of both regions."""

    primary: DeviceBucket
    replica: DeviceBucket

    def keys(self, bucket: DeviceBucket | None = None) -> list[str]:
        found = (bucket or self.primary).client.list_object_versions(Bucket=(bucket or self.primary).name)
        return [each.get("Key", "") for each in [*found.get("Versions", []), *found.get("DeleteMarkers", [])]]

    def copy_to_replica(self, key: str, content: bytes) -> None:
        self.replica.client.put_object(Bucket=self.replica.name, Key=key, Body=content, ChecksumAlgorithm="SHA256")


def tell(storage: Storage, operation: str, values: dict[str, Any]) -> None:
    """Let S3 answer an operation of this region as it does, but with these values besides. ``values`` may change."""

    def change(parsed: dict[str, Any], **_: Any) -> None:
        parsed.update(values)

    storage.primary.client.meta.events.register(f"after-call.s3.{operation}", change)


def send(link: dict[str, Any], content: bytes | None = None, **headers: str) -> urllib3.BaseHTTPResponse:
    """Use a link, with other headers where they are given."""
    changed = {name.replace("_", "-"): value for name, value in headers.items()}
    return urllib3.request(
        link["method"], link["url"], headers=link["headers"] | changed, body=content, retries=False, timeout=10
    )


@pytest.fixture
def storage(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Iterator[Storage]:
    """Buckets and a table of this test's own; the process has the environment of all functions beside it."""
    name = f"devices-{uuid4().hex[:8]}"
    variables = {
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "ENVIRONMENT": "test",
        "METRIC_NAMESPACE": "DuskSpendr/Continuity",
        "POWERTOOLS_SERVICE_NAME": "test",
        "DEVICE_BUCKET": name,
        "REPLICA_BUCKET": f"{name}-replica",
        "REPLICA_REGION": RECOVERY,
        "ENCRYPTION_KEY_ARN": f"arn:aws:kms:{REGION}:123456789012:key/{uuid4()}",
        "QUOTA_TABLE": name,
        "UPLOADS_PER_DAY": "40",
        "MAX_BACKUP_BYTES": str(MAX_BYTES),
    }
    for variable, value in {**cloud.environment, **variables}.items():
        if variable.startswith("AWS_") or variable in variables:
            monkeypatch.setenv(variable, variables.get(variable, value))
    for client in (aws.device_s3, aws.s3, aws.dynamodb):
        client.cache_clear()
    storage = Storage(
        DeviceBucket(aws.device_s3(REGION), name), DeviceBucket(aws.device_s3(RECOVERY), f"{name}-replica")
    )
    for bucket, region in ((storage.primary, REGION), (storage.replica, RECOVERY)):
        location: Any = {"LocationConstraint": region}
        bucket.client.create_bucket(Bucket=bucket.name, CreateBucketConfiguration=location)
        bucket.client.put_bucket_versioning(Bucket=bucket.name, VersioningConfiguration={"Status": "Enabled"})
    aws.dynamodb().create_table(
        TableName=name,
        KeySchema=[{"AttributeName": COUNTER_KEY, "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": COUNTER_KEY, "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    yield storage
    for client in (aws.device_s3, aws.s3, aws.dynamodb):
        client.cache_clear()


@pytest.fixture
def phone(storage: Storage) -> Phone:
    del storage
    return Phone("user-1")


def owner(subject: str = "user-1") -> Owner:
    return Owner.of(subject)
