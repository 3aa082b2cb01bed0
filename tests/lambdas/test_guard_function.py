"""The guard's turn of each minute, by what it publishes."""

from typing import Any

import pytest

from lambdas.guard import handler as guard
from recovery.failover.epochs import Epoch
from recovery.failover.fence import DatabaseState, Fenced
from recovery.failover.site import FenceReport
from tests.emitters import EMITTERS, emitted_by

HERE, THERE = "ap-south-1", "ap-southeast-1"
SETTINGS = {
    "ENVIRONMENT": "test",
    "METRIC_NAMESPACE": "DuskSpendr/Continuity",
    "DATABASE_HOST": "database",
    "DATABASE_PORT": "5432",
    "DATABASE_NAME": "duskspendr",
    "DATABASE_TLS": "disable",
    "EVIDENCE_BUCKET": "evidence",
    "EVIDENCE_REGION": THERE,
    "DATABASE_IDENTIFIER": "duskspendr-test",
    "AWS_REGION": HERE,
    "ACCOUNT": "123456789012",
    "PRIMARY_REGION": HERE,
    "RECOVERY_REGION": THERE,
    "CLIENTS_GROUP": "sg-clients",
    "INSTANCES_GROUP": "sg-instances",
    "LEAST_TASKS": "2",
    "MOST_TASKS": "4",
}


class Database:
    """A region whose database takes writes, until it is fenced."""

    region = HERE

    def __init__(self) -> None:
        self.fenced = False

    def database(self) -> DatabaseState:
        return DatabaseState.model_construct(in_recovery=False, fenced=self.fenced)

    def fence(self) -> FenceReport:
        self.fenced = True
        return FenceReport.model_construct(
            database=Fenced.model_construct(), service_stopped=True, group_closed=True, problems=()
        )


@pytest.fixture
def database(monkeypatch: pytest.MonkeyPatch) -> Database:
    for name, value in SETTINGS.items():
        monkeypatch.setenv(name, value)
    found = Database()

    def site(_: object) -> Database:
        return found

    def no_bucket(_: object) -> None:
        return

    monkeypatch.setattr(guard, "_site", site)
    monkeypatch.setattr(guard, "evidence_bucket", no_bucket)
    return found


def turn(
    region: str, context: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> dict[str, float]:
    def epoch(*_: object, **__: object) -> Epoch:
        return Epoch(number=2, region=region)

    monkeypatch.setattr(guard, "current_epoch", epoch)
    guard.handler({}, context)
    return emitted_by("guard", capsys.readouterr().out)


def test_primary_has_its_turns_and_is_left_alone(
    database: Database, context: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = turn(HERE, context, monkeypatch, capsys)
    assert set(found) == EMITTERS["guard"]
    assert found["GuardFenced"] == 0
    assert not database.fenced


def test_database_that_another_region_superseded_is_fenced_and_counted_once(
    database: Database, context: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert turn(THERE, context, monkeypatch, capsys)["GuardFenced"] == 1
    assert database.fenced
    assert turn(THERE, context, monkeypatch, capsys)["GuardFenced"] == 0
