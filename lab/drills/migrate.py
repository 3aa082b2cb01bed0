# ruff: noqa: S311 - chance chooses moments here, not secrets
"""A live database moves to another major version while writers go on, and tool, source and target are killed meanwhile.

The writers find whichever end takes writes by libpq's list of hosts, as an application does that knows both. Their own
ledgers say what must be there: nothing lost, nothing twice, nothing changed. Then the database moves back.
"""

import json
import os
import random
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

from lab import workload
from lab.cloud import LabError
from lab.drills.record import check_record, evidence_of
from lab.moving import DATABASE, MovingPair, tools_on_path
from lab.polling import wait_for
from lab.postgres import Cluster
from lab.server import folder_in_memory, make_run_folder
from lab.timeline import Timeline
from lab.writers.group import Writers
from lab.writers.ledger import Comparison, Ledger, compare, surviving_purchases
from recovery import bootstrap
from recovery.bootstrap import HEARTBEAT_ROLE, VERIFIER_ROLE
from recovery.evidence import CheckRecord, Evidence, judge
from recovery.objectives import CUTOVER_PAUSE
from recovery.objectives import DATABASE as TIER

# A move is meant, and no recovery from a loss: it is held to the write pause, and says nothing of the tier's own RTO.
PLANNED = replace(TIER, name="database, moved on purpose", rto=CUTOVER_PAUSE)

WRITERS = 6
USERS, TRANSACTIONS = 500, 40_000
# What the tests and the goal ask of the load, in acknowledged commits a second.
GOAL_RATE = 500
ATTEMPTS = 12
QUIET_SECONDS = 1.5
LANE = "moving pair"

Answer = dict[str, Any]


@dataclass
class MigrateDrill:
    """One run. ``kills`` says how often each of tool, source and target is killed."""

    timeline: Timeline
    kills: int = 1
    killed: list[str] = field(default_factory=list[str])

    def run(self) -> Evidence:
        """Run to the end. Raises LabError, PostgresError or psycopg.Error when the lab could not go on."""
        started = datetime.now(UTC)
        with tempfile.TemporaryDirectory(prefix="continuity-lab-", dir=folder_in_memory()) as name:
            folder = make_run_folder(Path(name))
            pair = MovingPair(folder / "pair")
            try:
                self._begin(pair)
                with tools_on_path(folder / "pair"):
                    with Writers(pair.dsn(), folder / "ledgers", count=WRITERS) as writers:
                        there = self._move(pair.source, pair.target, "there", kills=self.kills)
                        time.sleep(QUIET_SECONDS)
                        back = self._move(pair.target, pair.source, "back", kills=0)
                        time.sleep(QUIET_SECONDS)
                    ledger = writers.ledger()
                    found = self._survivors(pair, ledger)
                    self._abort(pair)
            finally:
                pair.destroy()
        pauses = [each["pause_seconds"] for each in (there, back)]
        measured = None if None in pauses else max(pauses)
        return evidence_of(
            "migrate",
            started,
            objectives=[
                judge(
                    PLANNED,
                    rto=None if measured is None else timedelta(seconds=measured),
                    rpo=timedelta(0) if all(not each.lost for each in found) else None,
                )
            ],
            checks=self._checks(ledger, found, (there, back), measured),
            notes=(f"from PostgreSQL {pair.source.server} to {pair.target.server} and back",),
        )

    def _begin(self, pair: MovingPair) -> None:
        with self.timeline.step("Start two servers of different major versions, fill the older one", LANE):
            pair.start()
            with pair.source.connect(DATABASE) as connection:
                workload.create(connection, users=USERS, transactions=TRANSACTIONS)
                bootstrap.bootstrap(connection)
            with pair.target.connect() as connection:
                connection.execute(f"CREATE ROLE {HEARTBEAT_ROLE} LOGIN; CREATE ROLE {VERIFIER_ROLE} LOGIN")

    def _move(self, source: Cluster, target: Cluster, way: str, *, kills: int) -> Answer:
        ends = ("--source", source.dsn(DATABASE), "--target", target.dsn(DATABASE))
        if way == "there":
            with self.timeline.step("Copy every row, and kill tool, source and target meanwhile", LANE) as step:
                for victim in kills * ("tool", "source", "target"):
                    self._start_and_kill(victim, source, target, ends)
                _repeat("start", *ends)
                step.detail = f"killed: {', '.join(self.killed) or 'nobody'}"
        with self.timeline.step(f"Verify, on the way {way}", LANE) as step:
            verified = _repeat("verify", *ends)
            step.detail = f"{verified['compared']['rows']} rows; writers held off {verified['pause_seconds']} s"
        with self.timeline.step(f"Cut over, on the way {way}", LANE) as step:
            cut = _repeat("cutover", *ends, "--max-pause-seconds", "10", again=("verify", *ends))
            step.detail = f"nobody could write for {cut['pause_seconds']} s: {cut['steps']}"
        return cut | {"verified": verified}

    def _start_and_kill(self, victim: str, source: Cluster, target: Cluster, ends: tuple[str, ...]) -> None:
        tool = subprocess.Popen(
            _command("start", *ends),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=Path(__file__).parents[2],
        )
        try:
            time.sleep(0.8 + random.random() * QUIET_SECONDS)
            if victim == "tool":
                tool.kill()
            else:
                cluster = source if victim == "source" else target
                cluster.kill()
                cluster.start()
            self.killed.append(victim)
        finally:
            tool.wait(60)

    def _survivors(self, pair: MovingPair, ledger: Ledger) -> list[Comparison]:
        """What each end holds: the one that serves at once, the other when it has followed."""
        with self.timeline.step("Compare the ledgers with both ends", LANE) as step:
            found: list[Comparison] = []
            for cluster in (pair.source, pair.target):
                with cluster.connect(DATABASE) as connection:

                    def look() -> Comparison | None:
                        seen = compare(ledger, surviving_purchases(connection))
                        return seen if not seen.lost else None

                    found.append(wait_for("the other end to follow", look, seconds=20))
            step.detail = found[0].sentence
        return found

    def _abort(self, pair: MovingPair) -> None:
        with self.timeline.step("End the migration", LANE):
            _repeat("abort", "--source", pair.source.dsn(DATABASE), "--target", pair.target.dsn(DATABASE))

    def _checks(
        self, ledger: Ledger, found: list[Comparison], moves: tuple[Answer, Answer], pause: float | None
    ) -> tuple[CheckRecord, ...]:
        allowed = CUTOVER_PAUSE.total_seconds()
        silence = longest_silence(ledger)
        rate = rate_of(ledger)
        both = zip(("there", "back"), moves, strict=True)
        pauses = "; ".join(f"{way} {move['pause_seconds']} s" for way, move in both)
        return (
            *(
                check_record(
                    f"acknowledged commits, {end}", each.sentence, passed=each.passed, measurements=each.measurements
                )
                for end, each in zip(("end that serves", "end that follows"), found, strict=True)
            ),
            check_record(
                "verification",
                f"{moves[0]['verified']['compared']['rows']} rows the same at one point on the way there,"
                f" {moves[1]['verified']['compared']['rows']} on the way back",
                passed=all(move["verified"]["same"] for move in moves),
            ),
            check_record(
                "write pause",
                f"{pauses}; {allowed:g} s allowed; the writers themselves were without a commit for {silence:.2f} s at"
                " most, a killed server included",
                passed=pause is not None and pause <= allowed,
                measurements={"pause_seconds": pause, "longest_silence_seconds": round(silence, 3)},
            ),
            check_record(
                "load",
                f"{rate:.0f} acknowledged commits in the median second, the goal is {GOAL_RATE}",
                passed=rate >= GOAL_RATE,
                measurements={"commits_a_second": round(rate, 1)},
            ),
            check_record("kills", f"killed: {', '.join(self.killed)}", passed=len(self.killed) == 3 * self.kills > 0),
        )


def longest_silence(ledger: Ledger) -> float:
    """The longest time between two acknowledged commits of any writer, in seconds."""
    times = [each.at for each in ledger.acknowledgements]
    return max(((after - before).total_seconds() for before, after in pairwise(times)), default=0.0)


def rate_of(ledger: Ledger) -> float:
    """Acknowledged commits of the median second."""
    counts: dict[int, int] = {}
    for each in ledger.acknowledgements:
        counts[int(each.at.timestamp())] = counts.get(int(each.at.timestamp()), 0) + 1
    ordered = sorted(counts.values())
    return float(ordered[len(ordered) // 2]) if ordered else 0.0


def _command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "operations.cli", "migrate", *arguments, "--json"]


def _repeat(command: str, *arguments: str, again: tuple[str, ...] | None = None) -> Answer:
    """Call until it is done, as whoever is on call would. Raises :class:`LabError` after ATTEMPTS."""
    done = None
    for _ in range(ATTEMPTS):
        done = subprocess.run(
            _command(command, *arguments),
            capture_output=True,
            text=True,
            check=False,
            cwd=Path(__file__).parents[2],
            env=os.environ | {"NO_COLOR": "1"},
            timeout=300,
        )
        if done.returncode == 0:
            return json.loads(done.stdout)
        time.sleep(0.5)
        if again is not None:
            _repeat(*again)
    raise LabError(f"dr migrate {command} did not come to its end: {done.stdout if done else ''}")
