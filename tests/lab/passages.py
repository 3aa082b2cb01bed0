"""Failovers and failbacks that go wrong on the way: killed at a step, released, cut off from the old primary."""

import json
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import psycopg
from typer.testing import CliRunner, Result

from lab.polling import wait_for
from operations.cli import app
from recovery.evidence import Evidence
from recovery.failover.answers import FenceOutcome
from recovery.failover.execution import Ended
from recovery.failover.preflight import Direction
from recovery.heartbeat import Heartbeat, newest_heartbeat
from recovery.objectives import FAILOVER_CATCH_UP
from tests.lab.switching import CLOCK, PRIMARY, RECOVERY, Prober, Switching

if TYPE_CHECKING:
    from mypy_boto3_rds.type_defs import DBInstanceAutomatedBackupTypeDef

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
# A failback makes copies before and after.
STEPS_BACK = {
    "Prepare": "prepare",
    **STEPS,
    "ReplicateBackups": "replicate_backups",
    "RenewStandby": "renew_standby",
    "AwaitBackups": "await_backups",
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
    records: list[Evidence] = field(default_factory=list[Evidence])
    stops: list[str] = field(default_factory=list[str])
    lost: list[UUID] = field(default_factory=list[UUID])
    found: dict[str, Any] = field(default_factory=dict[str, Any])


def command(lab: Switching, *arguments: str) -> Result:
    """What ``dr`` answers."""
    environment = {name: value for name, value in lab.cloud.environment.items() if name.startswith("AWS_")}
    return CliRunner().invoke(app, list(arguments), env=environment)


def operation_of(ended: Ended) -> str:
    """Of an operation that was never resumed: its name, which is its execution's."""
    return ended.execution.rpartition(":")[2]


def killed_at_every_step(lab: Switching, direction: Direction, steps: Sequence[str]) -> Passage:
    """The machine stops at each of these steps, and once while it waits for a person; it is resumed each time."""
    machine, stops = lab.desk.machine, list[str]()
    with Prober(lab) as prober:
        for place, step in enumerate(steps):
            if step == "approve":
                _stop_while_it_asks(lab, machine.resume(direction, accept_unproven=False))
            lab.inject(killed_at(step))
            execution = machine.resume(direction, accept_unproven=False) if place else lab.desk.start(direction)
            stops.append(lab.run(execution, approve=step == "approve").cause or "")
        ended = lab.desk.wait(machine.resume(direction, accept_unproven=False))
    return Passage(prober, ended, lab.desk.evidence(direction), stops)


def _stop_while_it_asks(lab: Switching, execution: str) -> None:
    lab.desk.token()
    lab.desk.machine.states.stop_execution(executionArn=execution)
    lab.desk.wait(execution)


def released(lab: Switching) -> Passage:
    """A failback whose copy gets nothing any more after the approval: the freeze of writes has to be taken back.

    It is killed at what only such a one does, too: while it explains itself, and while it releases.
    """
    machine, stops = lab.desk.machine, list[str]()
    with Prober(lab) as prober:
        execution = lab.desk.start("failback")
        _stop_while_it_asks(lab, execution)
        hold_back(lab, PRIMARY)
        lab.beat(RECOVERY)  # the copy lacks it
        lab.inject(killed_at("fence"), killed_at("explain"))
        stops.append(lab.run(machine.resume("failback", accept_unproven=False)).cause or "")
        frozen = time.monotonic()
        _let_the_patience_pass(lab, execution.rpartition(":")[2])
        lab.inject(killed_at("release"))
        stops.append(lab.desk.wait(machine.resume("failback", accept_unproven=False)).cause or "")
        ended = lab.desk.wait(machine.resume("failback", accept_unproven=False))
        since = time.monotonic()
        wait_for("writes after the release", lambda: prober.newest(RECOVERY) > since or None)
    follow_again(lab, PRIMARY)
    return Passage(prober, ended, lab.desk.evidence("failback"), stops, found={"frozen": frozen})


def restored_from_the_other_region(lab: Switching) -> tuple[Heartbeat | None, Heartbeat | None]:
    """The primary's newest heartbeat, and that of a copy restored from its automated backups in the other region."""
    rds = lab.cloud.clients(RECOVERY).rds

    def kept() -> "DBInstanceAutomatedBackupTypeDef":
        found = rds.describe_db_instance_automated_backups(DBInstanceIdentifier=lab.names.instance_identifier)
        [backup] = found["DBInstanceAutomatedBackups"]
        return backup

    began = datetime.now(UTC)
    lab.beat(PRIMARY)  # after the first backup, and so only in the log that follows it
    with psycopg.connect(lab.instance(PRIMARY)["dsn"]) as connection:
        wanted = newest_heartbeat(connection)
    wait_for("the log", lambda: kept().get("RestoreWindow", {}).get("LatestTime", began) > began or None)
    rds.restore_db_instance_to_point_in_time(
        SourceDBInstanceAutomatedBackupsArn=kept().get("DBInstanceAutomatedBackupsArn", ""),
        TargetDBInstanceIdentifier="restored",
        UseLatestRestorableTime=True,
    )
    rds.get_waiter("db_instance_available").wait(DBInstanceIdentifier="restored", WaiterConfig={"Delay": 1})
    dsn = next(each["dsn"] for each in lab.cloud.listing("instances") if each["identifier"] == "restored")
    with psycopg.connect(dsn) as connection:
        return wanted, newest_heartbeat(connection)


def _let_the_patience_pass(lab: Switching, operation: str) -> None:
    """Nobody waits minutes here for a copy to catch up: the fence is said to have been asked that much earlier."""
    s3 = lab.cloud.clients(RECOVERY).s3
    bucket = lab.deployment.output("RecoveryFoundation", "EvidenceBucketName")
    key = f"failovers/{lab.names.instance_identifier}/{operation}/fence.json"
    fence = FenceOutcome.model_validate_json(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
    earlier = fence.model_copy(update={"asked_at": fence.asked_at - FAILOVER_CATCH_UP - timedelta(seconds=1)})
    s3.put_object(Bucket=bucket, Key=key, Body=earlier.model_dump_json().encode())


def hold_back(lab: Switching, region: str) -> None:
    """Let the region's replica get nothing any more; it answers all the same."""
    with psycopg.connect(lab.instance(region)["dsn"], autocommit=True) as standby:
        standby.execute("ALTER SYSTEM SET primary_conninfo = ''")
        standby.execute("SELECT pg_reload_conf()")
        wait_for("the end of replication", lambda: None if _receiving(standby) else True)


def follow_again(lab: Switching, region: str) -> None:
    """Let it get what it missed."""
    with psycopg.connect(lab.instance(region)["dsn"], autocommit=True) as standby:
        standby.execute("ALTER SYSTEM RESET primary_conninfo")
        standby.execute("SELECT pg_reload_conf()")
        wait_for("replication", lambda: _receiving(standby) or None)


def _receiving(standby: psycopg.Connection[Any]) -> bool:
    return bool(standby.execute("SELECT FROM pg_stat_wal_receiver").fetchall())


def only_here(lab: Switching, region: str, first: int) -> list[UUID]:
    """Seven new people in a region's database, whose phones are numbered from ``first``."""
    keys = [uuid4() for _ in range(7)]
    with psycopg.connect(lab.master(region), autocommit=True) as connection:
        for number, key in enumerate(keys, first):
            connection.execute(ACCOUNT, (key, f"+91990000{number:04}"))
    return keys


def silenced(lab: Switching) -> Passage:
    """The primary cannot be called and replicates no more, yet takes writes; its guard reads the epochs by itself."""
    hold_back(lab, RECOVERY)
    lost = only_here(lab, PRIMARY, 0)
    lab.cloud.press("silence-region", PRIMARY)
    with Prober(lab) as prober, Ticks(lab):
        ended = lab.run(lab.desk.start("failover"))
    found = _reconciled(lab, ended)
    return Passage(prober, ended, records_of(lab, ended), lost=lost, found=found)


def cut_off(lab: Switching) -> Passage:
    """The primary's region reaches nothing and nothing reaches it, but writers within; then it is back.

    ``found`` has how long after its guard's turn began the old primary took its last write (seconds).
    """
    hold_back(lab, RECOVERY)
    lost = only_here(lab, PRIMARY, 100)
    lab.cloud.press("silence-region", PRIMARY)
    with Prober(lab) as prober:
        ended = lab.run(lab.desk.start("failover"))  # no turn of the guard: it could read nothing
        lost += only_here(lab, PRIMARY, 200)
        returned = time.monotonic()
        wait_for("a write that both take", lambda: prober.both or None)
        found = _reconciled(lab, ended, turn=lambda: lab.guard(PRIMARY))
        fenced = time.monotonic()
        wait_for("writes to the new primary", lambda: prober.newest(RECOVERY) > fenced + 1 or None)
    found |= {"returned": returned, "fenced": fenced}
    return Passage(prober, ended, records_of(lab, ended), lost=lost, found=found)


def _reconciled(lab: Switching, ended: Ended, turn: Callable[[], object] = lambda: None) -> dict[str, Any]:
    """What ``dr failover reconcile`` answers while the old region is silent, and once it is heard and had a turn."""
    asked = ("failover", "reconcile", operation_of(ended), "--environment", "local", "--json")
    unreported = command(lab, *asked)
    lab.cloud.press("hear-region", PRIMARY)
    began = time.monotonic()
    turn()
    return {
        "unreported": unreported.exit_code,
        "turn_seconds": time.monotonic() - began,
        "report": command(lab, *asked),
    }


def records_of(lab: Switching, ended: Ended) -> list[Evidence]:
    """The records of one failover."""
    return [each for each in lab.desk.evidence("failover") if operation_of(ended) in str(each.ran_by)]


class Ticks:
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
