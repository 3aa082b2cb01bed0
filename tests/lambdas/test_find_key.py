"""The recovery region's key is found by its alias, and CloudFormation is answered whatever happens."""

# pyright: reportUnknownMemberType=false
# boto3-stubs types the clients it is installed for; the overloads of all others are unknown.

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, cast
from uuid import uuid4

import boto3
import pytest

from lab.cloud import Cloud
from lambdas.find_key.handler import handler

RECOVERY = "ap-southeast-1"


@pytest.fixture
def alias(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    """An alias in the recovery region and the ARN of its key; the process has the function's environment."""
    for name, value in cloud.environment.items():
        if name.startswith("AWS_"):
            monkeypatch.setenv(name, value)
    for name, value in {"ENVIRONMENT": "test", "METRIC_NAMESPACE": "Test", "KEY_REGION": RECOVERY}.items():
        monkeypatch.setenv(name, value)
    kms = boto3.client("kms", region_name=RECOVERY)
    key = kms.create_key()["KeyMetadata"]
    name = f"alias/test-{uuid4().hex[:8]}"
    kms.create_alias(AliasName=name, TargetKeyId=key["KeyId"])
    return name, cast(str, key.get("Arn"))


@pytest.fixture
def cloudformation() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Where CloudFormation waits for an answer, and the answers it got."""
    answers: list[dict[str, Any]] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            answers.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
            """Keep the tests' output clean."""

    with HTTPServer(("127.0.0.1", 0), Receiver) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/answer", answers
        server.shutdown()
        thread.join()


def event(url: str, request: str, alias: str) -> dict[str, Any]:
    return {
        "RequestType": request,
        "ResponseURL": url,
        "StackId": "stack",
        "RequestId": "request",
        "LogicalResourceId": "DatabaseKey",
        "ResourceProperties": {"Alias": alias},
    }


def test_key_is_found_in_the_other_region(
    alias: tuple[str, str], cloudformation: tuple[str, list[dict[str, Any]]], context: Any
) -> None:
    url, answers = cloudformation
    handler(event(url, "Create", alias[0]), context)
    assert [(answer["Status"], answer["Data"]) for answer in answers] == [("SUCCESS", {"Arn": alias[1]})]


def test_missing_key_fails_the_deployment_with_its_alias(
    alias: tuple[str, str], cloudformation: tuple[str, list[dict[str, Any]]], context: Any
) -> None:
    url, answers = cloudformation
    handler(event(url, "Create", f"{alias[0]}-missing"), context)
    (answer,) = answers
    assert answer["Status"] == "FAILED"
    assert f"{alias[0]}-missing" in answer["Reason"]


def test_deletion_asks_for_nothing(cloudformation: tuple[str, list[dict[str, Any]]], context: Any) -> None:
    url, answers = cloudformation
    handler(event(url, "Delete", "alias/whatever"), context)
    assert [answer["Status"] for answer in answers] == ["SUCCESS"]
