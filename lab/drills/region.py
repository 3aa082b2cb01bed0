"""Tier 3 by the deployed failover machine: the primary's region is lost, or left and returned to, under writers.

The drill plays the disaster, the writers and whoever approves. Everything between is the machine that is deployed: it
promotes, proves, opens, and leaves the record that RTO and RPO are taken from.
"""

import tempfile
import threading
from collections.abc import Generator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo

from lab import workload
from lab.cloud import Cloud, LabError
from lab.deployment import Deployment
from lab.drill import master_dsn
from lab.drills.record import ENVIRONMENT, check_record, evidence_of
from lab.drills.stage import deploy_stage
from lab.executions import execute
from lab.failover import Desk
from lab.polling import wait_for
from lab.pulse import Pulse
from lab.timeline import Timeline
from lab.writers.group import Writers
from lab.writers.ledger import READ_ONLY, Comparison, Ledger, Write, compare, surviving_purchases
from recovery.evidence import CheckRecord, Evidence
from recovery.failover.preflight import Direction
from recovery.names import Names

USERS, TRANSACTIONS = 500, 5_000
# State machines wait this share of what they should, so that a drill need not last minutes.
CLOCK = 0.02
CLOCK_NOTE = f"state machines wait {CLOCK:.0%} of what they should, and the approval comes at once"
# How long writers write before anything happens.
QUIET_SECONDS = 3.0
# How long the replica gets nothing before its source is lost: without, on one machine, it would lose nothing.
BEHIND_SECONDS = 2.0
# Writers are several: what one was told first another may have been acknowledged a moment later.
GRACE = timedelta(seconds=1)


@dataclass
class Stage:
    """A deployed lab, filled, with on-call's desk in the recovery region."""

    cloud: Cloud
    timeline: Timeline
    deployment: Deployment
    desk: Desk
    names: Names
    password: str
    user: str

    def dsn(self, region: str) -> str:
        """The application's way into the database that has the region's name."""
        return make_conninfo(self._listed(region), user=self.user, password=self.password)

    def rows(self, region: str, ledger: Ledger, *, kept_until: datetime | None = None) -> Comparison:
        """A ledger against the database that has the region's name."""
        with psycopg.connect(self._listed(region)) as connection:
            return compare(ledger, surviving_purchases(connection), kept_until=kept_until)

    def operate(self, direction: Direction, *, disaster_time: datetime | None = None) -> Evidence:
        """Start the machine, approve as a person does, wait, and return its record."""
        execution = self.desk.start(direction, disaster_time=disaster_time)
        self.desk.approve()
        ended = self.desk.wait(execution)
        if not ended.succeeded:
            raise LabError(f"the {direction} ended {ended.status}: {ended.error}: {ended.cause}")
        records = [each for each in self.desk.evidence(direction) if each.ran_by and each.ran_by.execution == execution]
        if len(records) != 1:
            raise LabError(f"expected one record of the {direction}, found {len(records)}")
        return records[0]

    def hold_back(self, region: str) -> None:
        """Let the region's replica receive nothing any more; it answers all the same."""
        with psycopg.connect(self._listed(region), autocommit=True) as standby:
            standby.execute("ALTER SYSTEM SET primary_conninfo = ''")
            standby.execute("SELECT pg_reload_conf()")
            wait_for(
                "the end of the streaming",
                lambda: standby.execute("SELECT 1 WHERE NOT EXISTS (SELECT FROM pg_stat_wal_receiver)").fetchone(),
            )

    def _listed(self, region: str) -> str:
        identifier = self.names.identifier_in(region)
        found = [each for each in self.cloud.listing("instances") if each["region"] == region]
        return next(each["dsn"] for each in found if each["identifier"] == identifier)


def set_up(cloud: Cloud, timeline: Timeline) -> Stage:
    """Deploy everything, fill the database, take its manifest."""
    deployment = deploy_stage(cloud, timeline, "Deploy every stack with the cdk CLI")
    region = deployment.primary_region
    with timeline.step("Fill the database and take its manifest", region):
        with psycopg.connect(master_dsn(cloud, deployment), autocommit=True) as connection:
            workload.create(connection, users=USERS, transactions=TRANSACTIONS)
        execute(cloud, region, deployment.output("Database", "ManifestStateMachineArn"))
    secret = cloud.secret(region, deployment.output("Database", "MasterSecretArn"))
    return Stage(
        cloud,
        timeline,
        deployment,
        Desk.open(cloud, deployment),
        Names(environment=ENVIRONMENT, account=cloud.account),
        password=secret["password"],
        user=secret["username"],
    )


@contextmanager
def write_load(stage: Stage, region: str) -> Generator[Writers]:
    """Writers to the region's database, for a while before anything happens to it; the first region's pulse beats."""
    pulse = Pulse(stage.cloud, stage.deployment) if region == stage.deployment.primary_region else nullcontext()
    with (
        tempfile.TemporaryDirectory(prefix="continuity-ledgers-") as name,
        Writers(stage.dsn(region), Path(name)) as writers,
        pulse,
    ):
        with stage.timeline.step("Write", region):
            threading.Event().wait(QUIET_SECONDS)
        yield writers


@dataclass
class RegionDrill:
    """The primary's region is destroyed under write load. ``written`` is what a stage's writers wrote before."""

    cloud: Cloud
    timeline: Timeline
    written: dict[str, Write] = field(default_factory=dict[str, Write])

    def run(self, stage: Stage | None = None) -> Evidence:
        """Run to the end, on a stage of its own when none is given.

        Raises LabError, psycopg.Error or botocore's errors when the lab could not go on.
        """
        started = datetime.now(UTC)
        stage = stage or set_up(self.cloud, self.timeline)
        old, new = stage.deployment.primary_region, stage.deployment.recovery_region
        with write_load(stage, old) as writers:
            with self.timeline.step("Hold the replica back, as a bad line would", new):
                stage.hold_back(new)
                threading.Event().wait(BEHIND_SECONDS)
            with self.timeline.step("Destroy the primary region", old):
                disaster = self.timeline.mark("disaster")
                self.cloud.press("lose-region", old)
            with self.timeline.step("Fail over by the deployed machine", new) as step:
                record = stage.operate("failover", disaster_time=disaster)
                step.detail = record.verdict
            ledger = writers.ledger()
        ledger.writes |= self.written
        rpo = record.objectives[0].rpo_measured_seconds
        with self.timeline.step("Compare the ledgers", new) as step:
            kept_until = None if rpo is None else disaster - timedelta(seconds=rpo)
            found = stage.rows(new, ledger, kept_until=kept_until)
            step.detail = found.sentence
        return evidence_of(
            "region",
            started,
            objectives=record.objectives,
            checks=(*record.checks, _lost(found, rpo), _kept(found, rpo), _refused(ledger, disaster)),
            notes=[CLOCK_NOTE],
            region=new,
            instance=record.instance,
        )


@dataclass
class FailbackDrill:
    """The primary's region is left while it answers, and returned to; writers go on at whichever region was left.

    ``written`` is all that was written so far: what came before a switch has to survive it too.
    """

    cloud: Cloud
    timeline: Timeline
    checks: list[CheckRecord] = field(default_factory=list[CheckRecord])
    written: dict[str, Write] = field(default_factory=dict[str, Write])

    def run(self, stage: Stage | None = None) -> Evidence:
        """Run to the end, on a stage of its own when none is given; it leaves it as it was.

        Raises LabError, psycopg.Error or botocore's errors when the lab could not go on.
        """
        started = datetime.now(UTC)
        stage = stage or set_up(self.cloud, self.timeline)
        first, second = stage.deployment.primary_region, stage.deployment.recovery_region
        forth = self._switch(stage, "failover", first, second)
        back = self._switch(stage, "failback", second, first)
        return evidence_of(
            "failback",
            started,
            objectives=(*forth.objectives, *back.objectives),
            checks=self.checks,
            notes=[CLOCK_NOTE],
            region=first,
            instance=back.instance,
        )

    def _switch(self, stage: Stage, direction: Direction, old: str, new: str) -> Evidence:
        with write_load(stage, old) as writers:
            began = datetime.now(UTC)
            with self.timeline.step(f"The {direction} by the deployed machine", new) as step:
                record = stage.operate(direction)
                step.detail = record.verdict
            ledger = writers.ledger()
        self.written |= ledger.writes
        with self.timeline.step(f"Compare the ledgers after the {direction}", new) as step:
            found = stage.rows(new, Ledger(self.written))
            step.detail = found.sentence
        for check in (*record.checks, _kept(found, 0.0), _refused(ledger, began, READ_ONLY)):
            self.checks.append(check.model_copy(update={"name": f"{check.name}, {direction}"}))
        return record


def _kept(found: Comparison, rpo_seconds: float | None) -> CheckRecord:
    dated = "nothing dates the loss" if rpo_seconds is None else f"the record says that {rpo_seconds:.1f} s were lost"
    return check_record(
        "acknowledged commits",
        f"{found.sentence}; {dated}, and of what was acknowledged before, {len(found.unexplained)} are missing",
        passed=found.passed and rpo_seconds is not None,
        measurements=found.measurements,
    )


def _lost(found: Comparison, rpo_seconds: float | None) -> CheckRecord:
    """A drill that lost nothing shows nothing of what a loss is told by."""
    said = "nothing" if rpo_seconds is None else f"{rpo_seconds:.1f} s"
    return check_record(
        "loss",
        f"the newest heartbeat dates {said}; {len(found.lost)} acknowledged commits are lost in it",
        passed=bool(found.lost) and rpo_seconds is not None,
    )


def _refused(ledger: Ledger, since: datetime, sqlstate: str | None = None) -> CheckRecord:
    """Whoever still talks to the old primary is told an error, and acknowledged nothing after the last one."""
    told = [each for each in ledger.refusals if each.at > since and sqlstate in (None, each.sqlstate)]
    first = min((each.at for each in told), default=None)
    late = [each for each in ledger.acknowledgements if first is not None and each.at > first + GRACE]
    what = "an error" if sqlstate is None else f"SQLSTATE {sqlstate}"
    return check_record(
        "writers at the old primary",
        f"told {what} {len(told)} times; {len(late)} commits were acknowledged to them after that",
        passed=bool(told) and not late,
    )
