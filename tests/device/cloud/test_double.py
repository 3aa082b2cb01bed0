"""The double that the client is tested against keeps the API's document, and notes who does not."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

import pytest
import requests

from tests.device.cloud.document import operation
from tests.device.cloud.double import CloudDouble
from tests.device.cloud.serving import running_cloud_double

SHA256 = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
ORDER = {"size": 1, "sha256": SHA256, "kind": "auto"}


@pytest.fixture
def noted() -> Iterator[CloudDouble]:
    """A double from which what it notes is taken away, as the tests expect it."""
    with running_cloud_double() as double:
        double.access_tokens["token"] = datetime.now(UTC).timestamp() + 60
        yield double
        double.deviations.clear()


def ask(cloud: CloudDouble, method: str, path: str, body: Mapping[str, object] | None = None) -> None:
    headers = {"Authorization": "Bearer token"}
    content = None if body is None else json.dumps(body)
    requests.request(method, f"{cloud.origin}/v1/{path}", data=content, headers=headers, timeout=10)


def test_every_operation_of_the_document_is_kept(noted: CloudDouble):
    old = noted.add(b"x")
    ask(noted, "POST", "devices/phone/backups", ORDER)
    ask(noted, "GET", "backups?device=old-phone")
    ask(noted, "POST", f"devices/old-phone/backups/{old.version}/download?kind=auto")
    ask(noted, "POST", "devices/old-phone/backups/none/download?kind=auto")
    ask(noted, "DELETE", "backups")
    noted.access_tokens.clear()
    ask(noted, "GET", "backups")
    assert noted.deviations == []
    assert len(noted.requests) == 6


@pytest.mark.parametrize(
    ("method", "path", "body", "fault"),
    [
        ("GET", "backup", None, "no such operation"),
        ("GET", "backups?phone=x", None, "knows no phone in the query"),
        ("GET", "backups?device=UPPER", None, "device: 'UPPER' does not match"),
        ("GET", "backups", {"size": 1}, "a body"),
        ("POST", "devices/phone/backups", ORDER | {"size": 0}, "the body.size: 0 is less than the minimum"),
        ("POST", "devices/phone/backups", ORDER | {"name": "x"}, "'name' was unexpected"),
        ("POST", "devices/phone/backups/1/download?kind=all", None, "kind: 'all' is not one of"),
    ],
)
def test_request_that_the_document_does_not_allow_is_noted(
    noted: CloudDouble, method: str, path: str, body: Mapping[str, object] | None, fault: str
):
    ask(noted, method, path, body)
    assert [fault in each for each in noted.deviations] == [True]


@pytest.mark.parametrize(
    ("status", "answer", "fault"),
    [
        (204, {}, "no answer 204"),
        (200, {"backups": []}, "'next' is a required property"),
        (401, {"error": "x"}, "not valid under any of the given schemas"),
        (200, {"backups": [{"created_at": "yesterday"}], "next": None}, "'yesterday' is not a 'date-time'"),
    ],
)
def test_answer_that_the_document_does_not_allow_is_noted(status: int, answer: object, fault: str):
    asked = operation("GET", "/v1/backups")
    assert asked is not None
    assert any(fault in each for each in asked.faults_of_answer(status, json.dumps(answer).encode()))
