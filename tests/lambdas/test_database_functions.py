"""The functions inside the primary's network: bootstrap, heartbeat, manifest."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from lambdas.bootstrap_database.handler import handler as bootstrap_database
from lambdas.heartbeat.handler import handler as heartbeat
from lambdas.manifest.handler import handler as manifest
from lambdas.shared import aws
from recovery.database import Connection, row
from recovery.manifest import Manifest
from recovery.manifest_taking import IncompleteError, UnknownTableError
from tests.emitters import EMITTERS, emitted_by
from tests.lambdas.machines import take_manifest


class Stack:
    """CloudFormation's side of a custom resource: takes the answers that are PUT to it."""

    def __init__(self) -> None:
        self.answers: list[dict[str, Any]] = []
        stack = self

        class Taker(BaseHTTPRequestHandler):
            def do_PUT(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                stack.answers.append(json.loads(body))
                self.send_response(200)
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Taker)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def event(self, kind: str, **more: Any) -> dict[str, Any]:
        return {
            "RequestType": kind,
            "ResponseURL": f"http://127.0.0.1:{self.server.server_port}/answer",
            "StackId": "stack",
            "RequestId": "request",
            "LogicalResourceId": "Bootstrap",
            "ResourceProperties": {"SchemaVersion": "1"},
        } | more


@pytest.fixture
def stack() -> Iterator[Stack]:
    stack = Stack()
    yield stack
    stack.server.shutdown()
    stack.server.server_close()


@pytest.fixture
def master_secret(database: Connection, dsn: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The master user's credentials, in Secrets Manager."""
    parts = conninfo_to_dict(dsn)
    secret = json.dumps({"username": parts["user"], "password": parts["password"]})
    arn = aws.secrets().create_secret(Name=f"master-{database.info.dbname}", SecretString=secret)["ARN"]
    monkeypatch.setenv("MASTER_SECRET_ARN", arn)
    return arn


@pytest.mark.usefixtures("master_secret")
@pytest.mark.parametrize("kind", ["Create", "Update"])
def test_bootstrap_prepares_the_database_and_answers(database: Connection, stack: Stack, context: Any, kind: str):
    database.execute("DROP SCHEMA continuity CASCADE")
    bootstrap_database(stack.event(kind), context)
    (answer,) = stack.answers
    assert answer["Status"] == "SUCCESS", answer
    assert (answer["StackId"], answer["RequestId"], answer["LogicalResourceId"]) == ("stack", "request", "Bootstrap")
    assert answer["PhysicalResourceId"]
    assert row(database, "SELECT count(*) AS n FROM continuity.heartbeat")["n"] == 1


def test_deletion_keeps_the_data(database: Connection, stack: Stack, context: Any):
    bootstrap_database(stack.event("Delete", PhysicalResourceId="kept"), context)
    (answer,) = stack.answers
    assert (answer["Status"], answer["PhysicalResourceId"]) == ("SUCCESS", "kept")
    assert row(database, "SELECT count(*) AS n FROM continuity.heartbeat")["n"] == 1


@pytest.mark.usefixtures("master_secret")
def test_failure_is_answered_without_secrets(stack: Stack, context: Any, dsn: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DATABASE_PORT", "1")
    bootstrap_database(stack.event("Create"), context)
    (answer,) = stack.answers
    assert answer["Status"] == "FAILED"
    assert "port 1" in answer["Reason"]
    assert str(conninfo_to_dict(dsn)["password"]) not in json.dumps(answer)


def test_broken_environment_is_answered_too(bucket: str, stack: Stack, context: Any, monkeypatch: pytest.MonkeyPatch):
    del bucket
    monkeypatch.delenv("MASTER_SECRET_ARN", raising=False)
    bootstrap_database(stack.event("Create"), context)
    assert stack.answers[0]["Status"] == "FAILED"
    assert "MASTER_SECRET_ARN" in stack.answers[0]["Reason"]


def test_heartbeat_is_written_with_iam(database: Connection, context: Any):
    assert heartbeat({}, context)["sequence"] == 2
    assert row(database, "SELECT max(sequence) AS n FROM continuity.heartbeat")["n"] == 2


@pytest.mark.usefixtures("database")
def test_heartbeat_metrics_have_the_dimension_that_alarms_watch(context: Any, capsys: pytest.CaptureFixture[str]):
    heartbeat({}, context)
    found = emitted_by("heartbeat", capsys.readouterr().out)
    assert set(found) == EMITTERS["heartbeat"]
    assert (found["HeartbeatSequence"], found["HeartbeatWritten"]) == (2.0, 1.0)
    assert 0 < found["ConnectionsUsedPercent"] < 100


def test_heartbeat_that_cannot_be_written_raises(database: Connection, context: Any):
    database.execute("DROP SCHEMA continuity CASCADE")
    with pytest.raises(psycopg.errors.UndefinedTable):
        heartbeat({}, context)


@pytest.mark.usefixtures("database")
def test_manifest_is_kept_under_its_time(context: Any, objects: Callable[[str], Any]):
    answer = take_manifest(context)
    kept = Manifest.model_validate(objects(answer["key"]))
    assert (answer["tables"], answer["rows"]) == (1, 50)
    assert answer["key"] == f"manifests/duskspendr-test/{kept.taken_at:%Y%m%dT%H%M%S%fZ}.json"
    assert kept.heartbeat is not None


@pytest.mark.usefixtures("database")
def test_manifest_that_lacks_a_slice_is_none(context: Any):
    manifest({"step": "plan", "execution": "x"}, context)
    with pytest.raises(IncompleteError, match="found 0"):
        manifest({"step": "assemble", "execution": "x"}, context)


@pytest.mark.usefixtures("database")
def test_step_of_a_manifest_that_is_none_is_an_error(context: Any):
    for event in ({"execution": "x"}, {"execution": "x", "step": "part"}):
        with pytest.raises(ValueError, match=r"validation error|expected the number of a slice"):
            manifest(event, context)


@pytest.mark.usefixtures("database")
def test_manifest_knows_the_tables_that_may_lose_rows(
    context: Any, objects: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("MAY_LOSE_ROWS", " public.notes ,")
    kept = Manifest.model_validate(objects(take_manifest(context)["key"]))
    assert kept.tables[0].may_lose_rows
    monkeypatch.setenv("MAY_LOSE_ROWS", "public.gone")
    with pytest.raises(UnknownTableError):
        take_manifest(context)
