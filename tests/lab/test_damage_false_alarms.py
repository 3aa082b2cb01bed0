"""Restores of a primary that is written to all the time: none of them may fail a check."""

import json
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from lab.__main__ import app
from lab.damage import commands
from lab.damage.clean import CleanRestore, running_product
from lab.damage.traffic import ACTS, Traffic
from lab.postgres import Cluster
from recovery.check_results import CheckResult


def test_clean_restores_raise_no_alarm_while_everybody_writes() -> None:
    with running_product() as product:
        steps = tuple(product.restores(2))
        acts = dict(product.traffic.acts)
    assert [alarm for step in steps for alarm in step.alarms] == []
    assert all(step.share_proven for step in steps)
    assert acts.keys() == {act.__name__ for act in ACTS}


def test_writer_that_stopped_is_reported(cluster: Cluster) -> None:
    """The shared cluster has no product's database: nobody can write."""
    with Traffic(cluster) as traffic:
        pass
    assert len(traffic.failures) == len(ACTS)
    assert 'database "duskspendr" does not exist' in traffic.failures[0]


class OneAlarm:
    """A product of whose two restores one raises an alarm."""

    traffic = Traffic(Cluster.__new__(Cluster))

    def restores(self, _count: int) -> Iterator[CleanRestore]:
        clean = CleanRestore(
            age_seconds=1,
            unsettled_seconds=4,
            restore_seconds=2,
            verify_seconds=3,
            rows=10,
            share_proven=0.5,
            alarms=(),
        )
        alarm = CheckResult(name="schema", status="not_proven", detail="could not be checked: time-out")
        yield clean
        yield replace(clean, share_proven=None, alarms=(alarm,))


@pytest.fixture
def one_alarm(monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def product() -> Generator[OneAlarm]:
        yield OneAlarm()

    monkeypatch.setattr(commands, "running_product", product)


@pytest.mark.usefixtures("one_alarm")
def test_false_alarm_is_told_and_ends_with_exit_1() -> None:
    result = CliRunner().invoke(app, ["clean", "--restores", "2"])
    assert result.exit_code == 1
    assert "2 clean restores" in result.stdout
    assert "schema not_proven: could not be checked: time-out" in result.stdout


@pytest.mark.usefixtures("one_alarm")
def test_json_holds_figures_and_alarms() -> None:
    record = json.loads(CliRunner().invoke(app, ["clean", "--restores", "2", "--json"]).stdout)
    assert (record["restores"], len(record["false_alarms"])) == (2, 1)
    assert record["share_proven"] == {"min": 0.5, "median": 0.5}
    assert record["median_seconds"] == {"unsettled": 4, "age": 1, "restore": 2, "verify": 3}
