"""What the tests of device backups do: a phone that calls the functions, and the storage they work on."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import urllib3
from botocore.exceptions import ClientError

from lambdas.begin_device_upload import handler as begin
from lambdas.delete_device_backups import handler as delete
from lambdas.link_device_backup import handler as link
from lambdas.list_device_backups import handler as lists
from recovery.device_backups.bucket import DeviceBucket
from recovery.device_backups.keys import Owner
from tests.age_files import sha256
from tests.lambdas.conftest import Context

RECOVERY = "ap-southeast-1"
MAX_BYTES = 200_000


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


def fail(storage: Storage, operation: str, code: str) -> None:
    """Let S3 refuse an operation of this region."""

    def refuse(**_: Any) -> None:
        raise ClientError({"Error": {"Code": code}}, operation)

    storage.primary.client.meta.events.register(f"after-call.s3.{operation}", refuse)


def send(link: dict[str, Any], content: bytes | None = None, **headers: str) -> urllib3.BaseHTTPResponse:
    """Use a link, with other headers where they are given."""
    changed = {name.replace("_", "-"): value for name, value in headers.items()}
    return urllib3.request(
        link["method"], link["url"], headers=link["headers"] | changed, body=content, retries=False, timeout=10
    )


def owner(subject: str = "user-1") -> Owner:
    return Owner.of(subject)
