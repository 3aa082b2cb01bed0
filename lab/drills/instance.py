# ruff: noqa: S311 - chance chooses moments here, not secrets
"""Tier 1: the primary is killed again and again at random moments, and no acknowledged commit may be lost.

What RDS does for a Multi-AZ instance is done here by the drill: it notices the loss, promotes the synchronous standby,
and brings the lost server back as the next standby. Writers reconnect by themselves.
"""

import math
import random
import statistics
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

from lab import workload
from lab.drills.pair import Pair
from lab.drills.record import check_record, evidence_of
from lab.polling import wait_for
from lab.server import folder_in_memory, make_run_folder
from lab.timeline import Timeline
from lab.writers.group import Writers
from lab.writers.ledger import Comparison, Ledger, compare, surviving_purchases
from recovery.checks.outcome import Measurement
from recovery.evidence import CheckRecord, Evidence, judge
from recovery.objectives import DATABASE

KILLS = 50
USERS, TRANSACTIONS = 200, 2_000
# Under load between two kills, at most, once both servers have everything.
LONGEST_QUIET_SECONDS = 1.5
LANE = "Multi-AZ pair"


@dataclass(frozen=True)
class Failover:
    """One loss of the primary: the ports of the lost and of the promoted server, and when the loss was made."""

    lost: int
    promoted: int
    killed_at: datetime
    was_synchronous: bool
    writable: tuple[int, ...]


@dataclass
class InstanceDrill:
    """One run of the drill, with so many ``kills``."""

    timeline: Timeline
    kills: int = KILLS
    failovers: list[Failover] = field(default_factory=list[Failover])

    def run(self) -> Evidence:
        """Run to the end. Raises LabError, PostgresError or psycopg.Error when the lab could not go on."""
        started = datetime.now(UTC)
        with tempfile.TemporaryDirectory(prefix="continuity-lab-", dir=folder_in_memory()) as name:
            folder = make_run_folder(Path(name))
            pair = Pair(folder / "pair")
            try:
                self._start(pair)
                with Writers(pair.dsn(), folder / "ledgers") as writers:
                    for number in range(1, self.kills + 1):
                        self._fail_over(pair, writers, number)
                ledger = writers.ledger()
                with self.timeline.step("Compare the ledgers", LANE) as step:
                    with pair.primary.connect() as connection:
                        found = compare(ledger, surviving_purchases(connection))
                    step.detail = found.sentence
            finally:
                pair.destroy()
        outages = outages_of(ledger, self.failovers)
        rto = None if None in outages else timedelta(seconds=max(each for each in outages if each is not None))
        return evidence_of(
            "instance",
            started,
            objectives=[judge(DATABASE, rto=rto, rpo=_loss(found, self.failovers))],
            checks=self._checks(ledger, found, outages),
        )

    def _start(self, pair: Pair) -> None:
        with self.timeline.step("Start a primary and its synchronous standby", LANE):
            pair.start()
            with pair.primary.connect() as connection:
                workload.create(connection, users=USERS, transactions=TRANSACTIONS)
            pair.synchronize()

    def _fail_over(self, pair: Pair, writers: Writers, number: int) -> None:
        with self.timeline.step(f"Failover {number} of {self.kills}", LANE) as step:
            threading.Event().wait(random.random() * LONGEST_QUIET_SECONDS)
            synchronous = pair.is_synchronous
            killed_at = datetime.now(UTC)
            pair.primary.kill()
            pair.await_loss()
            pair.promote()
            failover = Failover(pair.standby.port, pair.primary.port, killed_at, synchronous, tuple(pair.writable()))
            self.failovers.append(failover)
            wait_for("every writer at the promoted server", lambda: _all_moved(writers, failover) or None)
            written_again = datetime.now(UTC)
            pair.rejoin()
            pair.synchronize()
            step.detail = f"all writers again after {(written_again - killed_at).total_seconds():.2f} s"

    def _checks(self, ledger: Ledger, found: Comparison, outages: Sequence[float | None]) -> tuple[CheckRecord, ...]:
        turns = turns_of(ledger)
        synchronous = sum(each.was_synchronous for each in self.failovers)
        alone = sum(each.writable == (each.promoted,) for each in self.failovers)
        done = len(self.failovers)
        measured = [each for each in outages if each is not None]
        return (
            check_record("acknowledged commits", found.sentence, passed=found.passed, measurements=found.measurements),
            check_record(
                "failovers",
                f"{len(measured)} of {done} measured{_spread_in_words(measured)}",
                passed=len(measured) == done == self.kills,
                measurements={"kills": self.kills, **spread(measured)},
            ),
            check_record(
                "standby before each loss",
                f"synchronous before {synchronous} of {done}",
                passed=synchronous == done,
            ),
            check_record(
                "one writable server",
                f"only the promoted one after {alone} of {done} losses; the server that acknowledged changed"
                f" {turns} times",
                passed=alone == done == turns,
            ),
        )


def outages_of(ledger: Ledger, failovers: Sequence[Failover]) -> list[float | None]:
    """How long no commit was acknowledged at each failover, in seconds: from the lost server's last to the promoted
    one's first. None where one of the two is missing.
    """
    acknowledged = ledger.acknowledgements
    found: list[float | None] = []
    for failover in failovers:
        first = next(
            (each.at for each in acknowledged if each.server == failover.promoted and each.at > failover.killed_at),
            None,
        )
        last = None
        if first is not None:
            last = max((e.at for e in acknowledged if e.server == failover.lost and e.at < first), default=None)
        found.append(None if first is None or last is None else (first - last).total_seconds())
    return found


def turns_of(ledger: Ledger) -> int:
    """How often the server that acknowledged was another one than before: once a failover, or two took writes."""
    return sum(before.server != after.server for before, after in pairwise(ledger.acknowledgements))


def spread(seconds: Sequence[float]) -> dict[str, Measurement]:
    """Least, median, 95th percentile (nearest rank) and most, in seconds; null where nothing was measured."""
    if not seconds:
        return dict.fromkeys(("min_seconds", "median_seconds", "p95_seconds", "max_seconds"))
    ordered = sorted(seconds)
    return {
        "min_seconds": round(ordered[0], 3),
        "median_seconds": round(statistics.median(ordered), 3),
        "p95_seconds": round(ordered[math.ceil(0.95 * len(ordered)) - 1], 3),
        "max_seconds": round(ordered[-1], 3),
    }


def _spread_in_words(seconds: Sequence[float]) -> str:
    if not seconds:
        return ""
    found = spread(seconds)
    return (
        f"; no commit acknowledged for {found['min_seconds']} s at least, {found['median_seconds']} s in the median,"
        f" {found['p95_seconds']} s at the 95th percentile, {found['max_seconds']} s at most"
    )


def _all_moved(writers: Writers, failover: Failover) -> bool:
    return all(
        each is not None and each.server == failover.promoted and each.at > failover.killed_at
        for each in writers.newest_acknowledgements()
    )


def _loss(found: Comparison, failovers: Sequence[Failover]) -> timedelta:
    """How far back the lost commits reach from the failover that lost them; zero when none was lost."""
    return max(
        (
            next((f.killed_at for f in failovers if f.killed_at > at), at) - at
            for at in (each.acknowledged.at for each in found.lost if each.acknowledged)
        ),
        default=timedelta(0),
    )
