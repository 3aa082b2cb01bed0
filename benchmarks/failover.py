"""What the failover machine costs above the bare promotion of the same replica, step by step.

    python -m benchmarks.failover --out docs/benchmarks/failover.md

The machine is the deployed one, in the lab, on real PostgreSQL; its times are those of its execution's history. The
rival is what a person does by hand: ask RDS for the promotion, look until the database has left recovery, and nothing
else. Nothing else should run on the machine.
"""

import json
import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Annotated, Any

import psycopg
import typer
from rich.console import Console

from benchmarks.failover_page import render
from benchmarks.measure import machine
from lab.cloud import LabError, running_cloud
from lab.drills.region import Stage, set_up
from lab.polling import wait_for
from lab.timeline import Timeline
from recovery.heartbeat import write_heartbeat

if TYPE_CHECKING:
    from mypy_boto3_rds import RDSClient
    from mypy_boto3_rds.type_defs import DBInstanceTypeDef

# A state that maps its parts: what goes on within is one step's work.
MAPS = ("Checks", "ManyChecks")


@dataclass
class Step:
    """One step of one execution, in seconds: ``work`` it did, ``waits`` between two attempts or by its definition."""

    work: float = 0.0
    waits: float = 0.0


@dataclass
class Passage:
    """One failover by the machine. ``total`` is from its start to its end, in seconds."""

    steps: dict[str, Step] = field(default_factory=dict[str, Step])
    total: float = 0.0

    @property
    def between(self) -> float:
        """What no step took."""
        return self.total - sum(step.work + step.waits for step in self.steps.values())


def passage_of(events: Iterable[Mapping[str, Any]]) -> Passage:
    """What an execution's history says of each step. Raises ValueError for one that has not ended well."""
    told = list(events)
    if not told or told[-1]["type"] != "ExecutionSucceeded":
        raise ValueError("expected the history of an execution that succeeded, found another")
    found = Passage(total=_seconds(told[0], told[-1]))
    current, entered, failed = "", told[0], None
    for event in told:
        kind = str(event["type"])
        if kind.endswith("StateEntered") and not current:
            current, entered = event["stateEnteredEventDetails"]["name"], event
        elif kind.endswith("StateExited") and event["stateExitedEventDetails"]["name"] == current:
            step = found.steps.setdefault(current, Step())
            spent = _seconds(entered, event)
            if kind == "WaitStateExited":
                step.waits += spent
            else:
                step.work += spent - step.waits
            current, failed = "", None
        elif kind == "TaskFailed":
            failed = event
        elif kind == "TaskScheduled" and failed is not None and current not in MAPS:
            found.steps.setdefault(current, Step()).waits += _seconds(failed, event)
            failed = None
    return found


def _seconds(first: Mapping[str, Any], last: Mapping[str, Any]) -> float:
    return (last["timestamp"] - first["timestamp"]).total_seconds()


@dataclass
class Course:
    """The deployed lab: the machine, and the replica that both contenders promote."""

    stage: Stage

    @property
    def rds(self) -> "RDSClient":
        """The API of the recovery region."""
        return self.stage.cloud.clients(self.stage.deployment.recovery_region).rds

    def by_machine(self) -> Passage:
        """A whole failover, approved at once. Raises LabError when it stops."""
        desk = self.stage.desk
        self._beat()
        execution = desk.start("failover")
        desk.approve()
        ended = desk.wait(execution)
        if not ended.succeeded:
            raise LabError(f"the failover ended {ended.status}: {ended.error}: {ended.cause}")
        return passage_of(self._history(execution))

    def by_hand(self) -> float:
        """Promote the replica and look until it is out of recovery; seconds. A new replica then takes its place."""
        region = self.stage.deployment.recovery_region
        identifier = self.stage.names.identifier_in(region)
        started = time.monotonic()
        self.rds.promote_read_replica(DBInstanceIdentifier=identifier)
        with psycopg.connect(self.stage.dsn(region), autocommit=True) as connection:
            wait_for(
                "the end of recovery",
                lambda: connection.execute("SELECT 1 WHERE NOT pg_is_in_recovery()").fetchone(),
            )
        seconds = time.monotonic() - started
        self._replace(identifier)
        return seconds

    def _replace(self, identifier: str) -> None:
        promoted = self._available(identifier, replica=False)
        aside = f"{identifier}-by-hand-{time.monotonic_ns()}"
        self.rds.modify_db_instance(
            DBInstanceIdentifier=identifier, NewDBInstanceIdentifier=aside, ApplyImmediately=True
        )
        self._available(aside, replica=False)
        source = self.stage.names.instance_arn
        self.rds.create_db_instance_read_replica(
            DBInstanceIdentifier=identifier,
            SourceDBInstanceIdentifier=source,
            SourceRegion=source.split(":")[3],
            DBInstanceClass=promoted.get("DBInstanceClass", ""),
        )
        self._available(identifier, replica=True)

    def _available(self, identifier: str, *, replica: bool) -> "DBInstanceTypeDef":
        def look() -> "DBInstanceTypeDef | None":
            for found in self.rds.describe_db_instances()["DBInstances"]:
                is_replica = bool(found.get("ReadReplicaSourceDBInstanceIdentifier"))
                named = found.get("DBInstanceIdentifier") == identifier
                if named and found.get("DBInstanceStatus") == "available" and is_replica == replica:
                    return found
            return None

        return wait_for(f"{identifier} to be available", look)

    def _beat(self) -> None:
        """What the schedules do each minute: a heartbeat, which dates the copy, and a turn of both guards."""
        deployment, cloud = self.stage.deployment, self.stage.cloud
        with psycopg.connect(self.stage.dsn(deployment.primary_region), autocommit=True) as connection:
            write_heartbeat(connection)
        for region in (deployment.primary_region, deployment.recovery_region):
            cloud.invoke(region, self.stage.names.guard_name)

    def _history(self, execution: str) -> list[dict[str, Any]]:
        states = self.stage.cloud.clients(self.stage.deployment.recovery_region).states
        pages: Any = states.get_paginator("get_execution_history").paginate(executionArn=execution)
        return [event for page in pages for event in page["events"]]


app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(
    runs: Annotated[int, typer.Option(min=1, help="Runs of each contender; their medians count.")] = 3,
    out: Annotated[Path | None, typer.Option(help="The page to write.", show_default=False)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Answer with one JSON object.")] = False,
) -> None:
    """Race the failover machine against the bare promotion."""
    facts: dict[str, Any] = {"measured_on": f"{datetime.now(UTC):%Y-%m-%d}", "machine": machine(), "runs": runs}
    facts["load_before"] = round(os.getloadavg()[0], 1)
    facts |= measure(runs)
    facts["load_after"] = round(os.getloadavg()[0], 1)
    page = render(facts)
    if out is not None:
        out.write_text(page)
    typer.echo(json.dumps(facts, indent=2) if as_json else page)


def measure(runs: int) -> dict[str, Any]:
    """Let the contenders take turns, each turn in a lab that was just deployed: a failover is rare, and starts cold."""
    status = Console(stderr=True)
    by_hand: list[float] = []
    passages: list[Passage] = []
    for run in range(1, runs + 1):
        status.print(f"run {run} of {runs}")
        # No state machine's wait is shortened: what the machine waits for by itself is part of what it costs.
        with running_cloud() as cloud:
            course = Course(set_up(cloud, Timeline()))
            by_hand.append(course.by_hand())
            passages.append(course.by_machine())
    names = [name for name, step in passages[0].steps.items() if step.work + step.waits > 0]
    return {
        "by_hand": by_hand,
        "totals": [each.total for each in passages],
        "between": median(each.between for each in passages),
        "steps": {
            name: {
                "work": median(each.steps.get(name, Step()).work for each in passages),
                "waits": median(each.steps.get(name, Step()).waits for each in passages),
            }
            for name in names
        },
    }


if __name__ == "__main__":
    app()
