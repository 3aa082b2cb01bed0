"""What the functions' tests share: an emulated AWS, the environment Lambda gives, and a database to sign in to."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from botocore.session import Session
from botocore.stub import Stubber
from psycopg.conninfo import conninfo_to_dict

from lab.cloud import Cloud, running_cloud
from lambdas.shared import aws
from recovery import settling
from recovery.bootstrap import bootstrap
from recovery.database import Connection, connect

REGION = "ap-south-1"
IDENTIFIER = "duskspendr-test"


@dataclass
class Context:
    """As much of Lambda's context as the handlers use."""

    remaining_seconds: float = 300
    log_stream_name: str = "stream"
    invoked_function_arn: str = f"arn:aws:lambda:{REGION}:123456789012:function:test"
    function_version: str = "7"

    def get_remaining_time_in_millis(self) -> int:
        return int(self.remaining_seconds * 1000)


@pytest.fixture(scope="session")
def cloud() -> Iterator[Cloud]:
    with running_cloud() as cloud:
        yield cloud


@pytest.fixture
def context() -> Any:
    return Context()


@pytest.fixture
def bucket(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> str:
    """The evidence bucket; the process has the environment of a function beside it."""
    for name, value in cloud.environment.items():
        if name.startswith("AWS_"):
            monkeypatch.setenv(name, value)
    bucket = f"evidence-{uuid4().hex[:8]}"
    variables = {
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "ENVIRONMENT": "test",
        "METRIC_NAMESPACE": "DuskSpendr/Continuity",
        "POWERTOOLS_SERVICE_NAME": "test",
        "EVIDENCE_BUCKET": bucket,
        "EVIDENCE_REGION": REGION,
        "DATABASE_IDENTIFIER": IDENTIFIER,
        "MAY_LOSE_ROWS": "",
        "DATABASE_TLS": "disable",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    for client in (aws.rds, aws.backup, aws.secrets, aws.s3):
        client.cache_clear()
    aws.s3(REGION).create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    return bucket


@pytest.fixture
def database(bucket: str, dsn: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Connection]:
    """A bootstrapped database with one settled table, named in the environment."""
    del bucket
    monkeypatch.setattr(settling, "CLOCK_ALLOWANCE", timedelta(0))
    parts = conninfo_to_dict(dsn)
    monkeypatch.setenv("DATABASE_HOST", str(parts["host"]))
    monkeypatch.setenv("DATABASE_PORT", str(parts["port"]))
    monkeypatch.setenv("DATABASE_NAME", str(parts["dbname"]))
    with connect(dsn, application_name="test") as connection:
        bootstrap(connection)
        connection.execute("CREATE TABLE notes (id int PRIMARY KEY, body text)")
        connection.execute("INSERT INTO notes SELECT n, 'note ' || n FROM generate_series(1, 50) n")
        yield connection


@pytest.fixture
def objects(bucket: str) -> Callable[[str], Any]:
    """Read a JSON object of the evidence bucket."""

    def read(key: str) -> Any:
        return json.loads(aws.s3(REGION).get_object(Bucket=bucket, Key=key)["Body"].read())

    return read


@pytest.fixture
def stubbed(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Stubber]]:
    """Stand in for a service that the emulator has only in part; every answer that was queued must be asked for."""
    stubbers: list[Stubber] = []

    def stub(service: str, region: str = REGION) -> Stubber:
        client: Any = Session().create_client(
            service, region_name=region, aws_access_key_id="x", aws_secret_access_key="x"
        )
        stubber = Stubber(client)
        stubber.activate()
        stubbers.append(stubber)
        for package in ("describe_restore", "judge_restore", "measure_region", "review_recovery_points"):
            monkeypatch.setattr(f"lambdas.{package}.handler.{service}", lambda: client, raising=False)
        return stubber

    yield stub
    for stubber in stubbers:
        stubber.assert_no_pending_responses()
