"""A live database moves to another major version while writers go on, and tool, source and target are killed meanwhile.

The writers find whichever end takes writes by libpq's list of hosts, as an application does that knows both. Their own
ledgers say what must be there: nothing lost, nothing twice, nothing changed. The database moves there and back until
each of the three was killed in a copy, in a verification and in a cutover, and then once each way in peace: these two
cutovers are those whose pauses are measured.
"""

import tempfile
import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

from lab import workload
from lab.cloud import LabError
from lab.drills.killing import ATTEMPTS, VICTIMS, WORK_SECONDS, Answer, Killer, ends_of, repeat, repeat_cutover
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
USERS, TRANSACTIONS = 500, 20_000
# What the tests and the goal ask of the load, in acknowledged commits a second.
GOAL_RATE = 500
QUIET_SECONDS = 1.0
# What the other end may be behind after kills on a busy machine.
FOLLOW_SECONDS = 90
LANE = "moving pair"


@dataclass
class MigrateDrill:
    """One run. ``kills`` says how often each of tool, source and target is killed in each of the commands."""

    timeline: Timeline
    kills: int = 1
    killer: Killer = field(default_factory=Killer)
    moves: int = 0

    def run(self) -> Evidence:
        """Run to the end. Raises LabError, PostgresError or psycopg.Error when the lab could not go on."""
        started = datetime.now(UTC)
        with tempfile.TemporaryDirectory(prefix="continuity-lab-", dir=folder_in_memory()) as name:
            folder = make_run_folder(Path(name))
            pair = MovingPair(folder / "pair")
            try:
                self._begin(pair)
                versions = f"{pair.source.version} and {pair.target.version}"
                with tools_on_path(folder / "pair"):
                    with Writers(pair.dsn(), folder / "ledgers", count=WRITERS) as writers:
                        ends = self._move_under_kills(pair)
                        quiet = (self._move(*ends), self._move(*reversed(ends)))
                    ledger = writers.ledger()
                    found = self._survivors(ends, ledger)
                    self._abort(*ends)
            finally:
                pair.destroy()
        measured = max(float(each["pause_seconds"]) for each in quiet)
        return evidence_of(
            "migrate",
            started,
            objectives=[
                judge(
                    PLANNED,
                    rto=timedelta(seconds=measured),
                    rpo=timedelta(0) if all(not each.lost for each in found) else None,
                )
            ],
            checks=self._checks(ledger, found, quiet, measured),
            notes=(f"between {versions}, {self.moves} moves",),
        )

    def _begin(self, pair: MovingPair) -> None:
        with self.timeline.step("Start two servers of different major versions, fill the older one", LANE):
            pair.start()
            with pair.source.connect(DATABASE) as connection:
                workload.create(connection, users=USERS, transactions=TRANSACTIONS)
                bootstrap.bootstrap(connection)
            with pair.target.connect() as connection:
                connection.execute(f"CREATE ROLE {HEARTBEAT_ROLE} LOGIN; CREATE ROLE {VERIFIER_ROLE} LOGIN")

    def _move_under_kills(self, pair: MovingPair) -> tuple[Cluster, Cluster]:
        """Copy, then move there and back with somebody killed each time; the end that serves, and the other."""
        source, target = pair.source, pair.target
        with self.timeline.step("Copy every row, and kill tool, source and target meanwhile", LANE) as step:
            for victim in self.kills * VICTIMS:
                self.killer.strike_home(victim, "start", source, target)
            repeat("start", *ends_of(source, target))
            step.detail = self._killed("start")
        for victim in self.kills * VICTIMS:
            source, target = self._strike_a_move(victim, source, target)
        return source, target

    def _strike_a_move(self, victim: str, source: Cluster, target: Cluster) -> tuple[Cluster, Cluster]:
        """Move until the victim was killed in a verification and in a cutover; the end that serves, and the other.

        Raises LabError when every cutover had ended before.
        """
        for _ in range(ATTEMPTS):
            with self.timeline.step(f"Verify and cut over, and kill the {victim} in each", LANE) as step:
                self.killer.strike_home(victim, "verify", source, target)
                repeat("verify", *ends_of(source, target))
                met = self.killer.strike(victim, "cutover", source, target)
                repeat_cutover(source, target)
                step.detail = f"{target.version} serves" + ("" if met else "; the cutover had ended before")
            self.moves += 1
            source, target = target, source
            if met:
                return source, target
            self.killer.killed.remove((victim, "verify"))
        raise LabError(f"dr migrate cutover always ended before its {victim} could be killed")

    def _move(self, source: Cluster, target: Cluster) -> Answer:
        """Move in peace. Raises LabError where that cannot be, for the pause would be unmeasured."""
        time.sleep(QUIET_SECONDS)
        with self.timeline.step(f"Verify, and let {target.version} serve", LANE) as step:
            verified = repeat("verify", *ends_of(source, target))
            cut = repeat_cutover(source, target)
            if cut is None or cut["pause_seconds"] is None:
                raise LabError("expected a cutover that nobody interrupted, found one without a measured pause")
            step.detail = (
                f"{verified['compared']['rows']} rows; writers held off {verified['pause_seconds']} s; nobody could"
                f" write for {cut['pause_seconds']} s: {cut['steps']}"
            )
        self.moves += 1
        return cut | {"verified": verified}

    def _survivors(self, ends: tuple[Cluster, Cluster], ledger: Ledger) -> list[Comparison]:
        """What each end holds: the one that serves at once, the other when it has followed."""
        with self.timeline.step("Compare the ledgers with both ends", LANE) as step:
            repeat("status", *ends_of(*ends))
            found: list[Comparison] = []
            for cluster in ends:
                with cluster.connect(DATABASE) as connection:

                    def look() -> Comparison | None:
                        seen = compare(ledger, surviving_purchases(connection))
                        return seen if not seen.lost else None

                    found.append(wait_for("the other end to follow", look, seconds=FOLLOW_SECONDS))
            step.detail = found[0].sentence
        return found

    def _abort(self, source: Cluster, target: Cluster) -> None:
        with self.timeline.step("End the migration", LANE):
            repeat("abort", *ends_of(source, target))

    def _killed(self, command: str) -> str:
        names = [victim for victim, during in self.killer.killed if during == command]
        return f"{command}: {', '.join(names) or 'nobody'}"

    def _checks(
        self, ledger: Ledger, found: list[Comparison], moves: tuple[Answer, Answer], pause: float
    ) -> tuple[CheckRecord, ...]:
        allowed = CUTOVER_PAUSE.total_seconds()
        silence = longest_silence(ledger)
        pauses = " and ".join(f"{move['pause_seconds']} s" for move in moves)
        return (
            *(
                check_record(
                    f"acknowledged commits, {end}", each.sentence, passed=each.passed, measurements=each.measurements
                )
                for end, each in zip(("end that serves", "end that follows"), found, strict=True)
            ),
            check_record(
                "verification",
                f"{moves[0]['verified']['compared']['rows']} and {moves[1]['verified']['compared']['rows']} rows the"
                f" same at one point, after {self.moves} moves",
                passed=all(move["verified"]["same"] for move in moves),
            ),
            check_record(
                "write pause",
                f"{pauses} in the two cutovers in peace; {allowed:g} s allowed; over all {self.moves} moves the writers"
                f" themselves were without a commit for {silence:.2f} s at most, killed tools and servers included",
                passed=pause <= allowed,
                measurements={"pause_seconds": pause, "longest_silence_seconds": round(silence, 3)},
            ),
            load(rate_of(ledger)),
            check_record(
                "kills",
                "; ".join(self._killed(command) for command in WORK_SECONDS),
                passed=all(
                    self.killer.killed.count((victim, command)) == self.kills
                    for victim in VICTIMS
                    for command in WORK_SECONDS
                ),
            ),
        )


def load(rate: float) -> CheckRecord:
    """Whether the move was proven under the load that it is promised for; a slower machine proves nothing of that."""
    reached = rate >= GOAL_RATE
    return check_record(
        "load",
        f"{rate:.0f} acknowledged commits in the median second, {GOAL_RATE} are promised"
        + ("" if reached else ": this machine is too slow or too busy to prove the move under them"),
        passed=reached,
        proven=reached,
        measurements={"commits_a_second": round(rate, 1)},
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
