"""The deployed failover machine, forth and back, killed at every step; then with a primary that does not answer."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from typer.testing import CliRunner

from lab.cloud import running_cloud
from lab.polling import wait_for
from operations.cli import app
from recovery.evidence import Evidence
from recovery.failover.execution import Ended
from recovery.failover.reconciliation import Reconciliation
from tests.lab.switching import CLOCK, PRIMARY, RECOVERY, Prober, Switching, deploy_switching

# Every step that changes something or decides, by the state's name and the step that its function is asked for.
STEPS = {
    "Preflight": "preflight",
    "Approve": "approve",
    "Fence": "fence",
    "CatchUp": "catch_up",
    "BeginEpoch": "claim",
    "Promote": "promote",
    "AwaitPrimary": "await_primary",
    "Adopt": "adopt",
    "Conclude": "conclude",
    "Open": "open",
    "Serve": "serve",
    "MoveName": "move_name",
    "MovePulse": "move_pulse",
    "Reconcile": "reconcile",
    "Record": "record",
}
ACCOUNT = "INSERT INTO users (id, phone, name) VALUES (%s, %s, 'somebody')"


def killed_at(step: str) -> dict[str, Any]:
    """The step is done and its answer lost, as often as the machine asks."""
    return {"operation": "lambda:failover-step", "kind": "unanswered", "times": 2, "about": f"'step': '{step}'"}


@dataclass
class Passage:
    """What an operation left to look at."""

    prober: Prober
    ended: Ended
    records: list[Evidence]
    stops: list[str] = field(default_factory=list[str])
    lost: list[UUID] = field(default_factory=list[UUID])
    found: dict[str, Any] = field(default_factory=dict[str, Any])


@pytest.fixture(scope="module")
def lab() -> Iterator[Switching]:
    with running_cloud(waits=CLOCK) as cloud:
        yield deploy_switching(cloud)


@pytest.fixture(scope="module")
def failed_over(lab: Switching) -> Passage:
    """A failover whose machine stops at every step and is resumed each time."""
    stops: list[str] = []
    with Prober(lab) as prober:
        # The first stops while it waits for a person; the approval that the second is given is not asked for again.
        execution = lab.desk.start("failover")
        lab.desk.token()
        lab.desk.machine.states.stop_execution(executionArn=execution)
        lab.desk.wait(execution)
        for place, step in enumerate(STEPS.values()):
            lab.inject(killed_at(step))
            execution = lab.desk.machine.resume("failover", accept_unproven=False)
            # The preflight stands before the question, and the answer that was lost was kept.
            stopped = lab.run(execution, approve=place == 1)
            stops.append(stopped.cause or "")
        ended = lab.desk.wait(lab.desk.machine.resume("failover", accept_unproven=False))
    return Passage(prober, ended, lab.desk.evidence("failover"), stops)


@pytest.fixture(scope="module")
def failed_back(lab: Switching, failed_over: Passage) -> Passage:
    assert failed_over.ended.succeeded, failed_over.ended
    with Prober(lab) as prober:
        ended = lab.run(lab.desk.start("failback"))
    return Passage(prober, ended, lab.desk.evidence("failback"))


@pytest.fixture(scope="module")
def silent(lab: Switching, failed_back: Passage) -> Passage:
    """The primary cannot be called and replicates no more, yet takes writes; its guard reads the epochs by itself."""
    assert failed_back.ended.succeeded, failed_back.ended
    with psycopg.connect(lab.instance(RECOVERY)["dsn"], autocommit=True) as standby:
        standby.execute("ALTER SYSTEM SET primary_conninfo = ''")
        standby.execute("SELECT pg_reload_conf()")
        wait_for("the end of replication", lambda: None if _receiving(standby) else True)
    lost = [uuid4() for _ in range(7)]
    with psycopg.connect(lab.master(PRIMARY), autocommit=True) as connection:
        for number, key in enumerate(lost):
            connection.execute(ACCOUNT, (key, f"+9199000000{number:02}"))
    lab.cloud.press("silence-region", PRIMARY)
    with Prober(lab) as prober, _Ticks(lab):
        ended = lab.run(lab.desk.start("failover"))
    unreported = _command(lab, "failover", "reconcile", _operation(ended), "--environment", "local", "--json")
    lab.cloud.press("hear-region", PRIMARY)
    found = {
        "unreported": unreported.exit_code,
        "report": _command(lab, "failover", "reconcile", _operation(ended), "--environment", "local", "--json"),
    }
    records = [each for each in lab.desk.evidence("failover") if _operation(ended) in str(each.ran_by)]
    return Passage(prober, ended, records, lost=lost, found=found)


def _receiving(standby: psycopg.Connection[Any]) -> bool:
    return bool(standby.execute("SELECT FROM pg_stat_wal_receiver").fetchall())


def _operation(ended: Ended) -> str:
    return ended.execution.rpartition(":")[2]


class _Ticks:
    """The primary's guard each minute of the lab's clock, started from inside its region as EventBridge does."""

    def __init__(self, lab: Switching) -> None:
        self._lab = lab

    def __enter__(self) -> None:
        events = self._lab.cloud.clients(PRIMARY).events
        events.put_rule(Name="tick", EventPattern=json.dumps({"source": ["lab.tick"]}))
        arn = f"arn:aws:lambda:{PRIMARY}:{self._lab.cloud.account}:function:{self._lab.names.guard_name}"
        events.put_targets(Rule="tick", Targets=[{"Id": "guard", "Arn": arn}])
        self._stop = threading.Event()

        def run() -> None:
            while not self._stop.wait(60 * CLOCK):
                events.put_events(Entries=[{"Source": "lab.tick", "DetailType": "tick", "Detail": "{}"}])

        self._thread = threading.Thread(target=run, name="ticks", daemon=True)
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(10)


def _command(lab: Switching, *arguments: str) -> Any:
    environment = {name: value for name, value in lab.cloud.environment.items() if name.startswith("AWS_")}
    return CliRunner().invoke(app, list(arguments), env=environment)


def test_machine_that_is_killed_at_every_step_goes_on_to_its_end(failed_over: Passage) -> None:
    for state, cause in zip(STEPS, failed_over.stops, strict=True):
        assert f"stopped at {state}: States.Timeout" in cause
        assert "dr failover --environment local --resume" in cause
    assert failed_over.ended.succeeded, failed_over.ended


def test_two_databases_never_take_writes_at_a_time(failed_over: Passage, failed_back: Passage, silent: Passage) -> None:
    for passage in (failed_over, failed_back, silent):
        assert passage.prober.both == 0
        assert min(len(times) for times in passage.prober.accepted.values()) > 0, passage.prober.refused


def test_what_is_promoted_is_promoted_once(lab: Switching, silent: Passage) -> None:
    del silent
    promoted = [each["region"] for each in lab.cloud.listing("promotions")]
    assert promoted == [RECOVERY, PRIMARY, RECOVERY]


def test_every_operation_leaves_one_record(failed_over: Passage, failed_back: Passage, silent: Passage) -> None:
    for passage in (failed_over, failed_back, silent):
        [record] = passage.records
        assert record.verdict == "PASS", record.summary
        assert record.lab


def test_fenced_primary_loses_nothing(failed_over: Passage, failed_back: Passage) -> None:
    for passage in (failed_over, failed_back):
        assert passage.records[0].objectives[0].rpo_measured_seconds == 0
        assert "no row is only there" in passage.records[0].summary


def test_writer_that_still_talks_to_the_old_primary_gets_an_error(failed_over: Passage) -> None:
    assert "ReadOnlySqlTransaction" in failed_over.prober.refused[PRIMARY]


def test_failback_makes_the_region_that_was_left_a_standby_again(lab: Switching, failed_back: Passage) -> None:
    assert failed_back.ended.succeeded, failed_back.ended
    identifiers = {each["identifier"] for each in lab.cloud.listing("instances")}
    assert {"duskspendr-local-retired-2", "duskspendr-local-replica-retired-3"} <= identifiers


def test_service_and_pulse_are_where_the_primary_is(lab: Switching, silent: Passage) -> None:
    del silent
    assert lab.tasks(RECOVERY) == 1
    assert (lab.rule(PRIMARY), lab.rule(RECOVERY)) == ("ENABLED", "ENABLED")  # nobody could be told in Mumbai
    assert lab.tasks(PRIMARY) == 0  # its guard did it


def test_silent_primary_is_fenced_by_its_own_guard(lab: Switching, silent: Passage) -> None:
    assert silent.ended.succeeded, silent.ended
    assert lab.guard(PRIMARY)["epoch"] == 4
    assert lab.guard(PRIMARY, action="look")["database"]["fenced"]


def test_rows_that_only_the_old_primary_has_are_reported_to_the_row(silent: Passage) -> None:
    assert silent.found["unreported"] == 1
    answer = silent.found["report"]
    assert answer.exit_code == 0, answer.output
    report = Reconciliation.model_validate(json.loads(answer.output)["report"])
    [users] = [table for table in report.tables if table.table.endswith("users")]
    assert {UUID(key) for (key,) in users.missing} == set(silent.lost)
    assert users.different == ()


def test_dry_run_tells_what_stands_against_it(lab: Switching, silent: Passage) -> None:
    del silent
    answer = _command(lab, "failover", "--environment", "local", "--dry-run", "--json")
    assert answer.exit_code == 1
    told = json.loads(answer.output)
    assert told["blocked"]
    assert any("no replica" in finding["sentence"] for finding in told["findings"])


def test_nothing_is_resumed_after_an_operation_that_succeeded(lab: Switching, silent: Passage) -> None:
    del silent
    answer = _command(lab, "failover", "--environment", "local", "--resume")
    assert answer.exit_code == 2
    assert "succeeded" in answer.output


def test_unknown_environment_is_one_clear_line(lab: Switching) -> None:
    answer = _command(lab, "failover", "--environment", "nowhere")
    assert answer.exit_code == 2
    assert "Traceback" not in answer.output
    assert "RecoveryStandby is deployed" in answer.output
