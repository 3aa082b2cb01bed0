"""The content proof against its rivals, on one PostgreSQL cluster with the product's tables.

    python -m benchmarks.verify --out docs/benchmarks/verify.md

Rivals: ``pg_dump | sha256sum`` (which proves the same, but only against a dump of the very same moment), ``pg_amcheck
--heapallindexed`` (which reads everything and proves no content) and a bare ``count(*)`` of every table. A proof is a
whole verification of the check `content`, from connecting to its verdict. Nothing else should run on the machine.
"""

import json
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import psycopg
import typer
from psycopg.conninfo import conninfo_to_dict
from psycopg.sql import SQL, Identifier
from rich.console import Console

from benchmarks.measure import PeakMemory, Timing, machine, race
from benchmarks.report import DUMP, PROOF, render
from lab import workload
from lab.postgres import Cluster
from lab.server import as_user, make_run_folder, usable_server
from recovery.database import connect
from recovery.manifest import Manifest
from recovery.manifest_taking import take_manifest
from recovery.verification import WORKERS, Verification, verify

RACE_ROWS = 3_000_000
GROWTH_ROWS = (300_000, 1_000_000, 3_000_000, 10_000_000)
ROWS_A_USER = 150
# A day of the product: one two-hundredth of its purchases (the workload spans 200 days), each of which changes the
# balance of its account; and for every hundred purchases five older ones edited, four of them from the last week.
DAYS = 200
EDITS_PERCENT = 5

DAY = """
WITH bought AS (
    INSERT INTO transactions (user_id, account_id, kind, amount_paisa, category, occurred_at)
    SELECT people[pick], accounts[pick], 'debit', 1 + (random() * 90000)::bigint, 'food', now()
    FROM (SELECT array_agg(user_id) AS people, array_agg(id) AS accounts FROM linked_accounts) AS owners,
    generate_series(1, %(purchases)s) AS n,
    -- naming n keeps the subquery from being evaluated once for all rows
    LATERAL (SELECT 1 + floor(random() * cardinality(accounts) + n * 0)::int AS pick) AS picked
    RETURNING account_id, amount_paisa)
UPDATE linked_accounts SET balance_paisa = balance_paisa - spent
FROM (SELECT account_id, sum(amount_paisa) AS spent FROM bought GROUP BY 1) AS bills WHERE bills.account_id = id;
UPDATE transactions SET category = 'books' WHERE id IN (
    SELECT id FROM transactions WHERE created_at BETWEEN now() - interval '7 days' AND now() - interval '1 minute'
    ORDER BY random() LIMIT %(recent)s);
UPDATE transactions SET category = 'books' WHERE id IN (SELECT id FROM transactions ORDER BY random() LIMIT %(any)s);
"""


@dataclass(frozen=True)
class Growth:
    """One size: seconds of the proof (median), and the most memory of this process and of one connection, in MiB."""

    rows: int
    seconds: float
    count_seconds: float
    ours_mib: float
    server_mib: float


@dataclass
class Course:
    """The cluster everything runs on."""

    cluster: Cluster

    def fill(self, rows: int) -> None:
        """A product of that many transactions in place of what was there, settled for measuring."""
        with self.cluster.connect() as connection:
            connection.execute(b"DROP SCHEMA public CASCADE; CREATE SCHEMA public")
            # What we make fits together; looking every foreign key up takes most of the time.
            connection.execute("SET session_replication_role = replica")
            workload.create(connection, users=rows // ROWS_A_USER, transactions=rows)
            connection.execute("VACUUM ANALYZE")
            connection.execute("CHECKPOINT")

    def rows(self) -> int:
        """Rows of the largest table."""
        with self.cluster.connect() as connection:
            found = connection.execute("SELECT count(*) FROM transactions").fetchone()
        return found[0] if found else 0

    def manifest(self) -> Manifest:
        """As `dr manifest` takes it."""
        with (
            connect(self.cluster.dsn(), application_name="benchmark") as first,
            connect(self.cluster.dsn(), application_name="benchmark") as second,
        ):
            return take_manifest(first, may_lose_rows=workload.MAY_LOSE_ROWS, helpers=[second])

    def prove(self, manifest: Manifest) -> Verification:
        """The check `content`, which has to pass."""
        proof = verify(self.cluster.dsn(), manifest, disaster_time=None, rpo=None, checks=["content"])
        if proof.status != "passed":
            raise RuntimeError(f"expected an intact database to pass, found {proof.checks}")
        return proof

    def count(self) -> None:
        """A bare count(*) of every table of the product."""
        with self.cluster.connect() as connection:
            for name in connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall():
                connection.execute(SQL("SELECT count(*) FROM {}").format(Identifier(name[0])))

    def dump(self) -> None:
        """pg_dump | sha256sum of the whole database."""
        dump = self._start("pg_dump", "--restrict-key=none", "--dbname", "postgres", stdout=subprocess.PIPE)
        digest = subprocess.run(["sha256sum"], stdin=dump.stdout, check=True, capture_output=True)
        if dump.wait() or not digest.stdout:
            raise RuntimeError("pg_dump failed")

    def amcheck(self) -> None:
        """pg_amcheck of every table and index, on as many connections as the proof uses."""
        arguments = ("--install-missing", "--heapallindexed", "--jobs", str(WORKERS), "--database", "postgres")
        if self._start("pg_amcheck", *arguments, stdout=subprocess.DEVNULL).wait():
            raise RuntimeError("pg_amcheck failed")

    def live_a_day(self) -> None:
        """Write what a day of normal traffic writes."""
        purchases = self.rows() // DAYS
        edits = purchases * EDITS_PERCENT // 100
        with self.cluster.connect() as connection, psycopg.ClientCursor(connection) as cursor:
            values = {"purchases": purchases, "recent": edits * 4 // 5, "any": edits // 5}
            cursor.execute(DAY.encode(), values)

    def _start(self, binary: str, *arguments: str, stdout: int) -> "subprocess.Popen[bytes]":
        parameters = conninfo_to_dict(self.cluster.dsn())
        environment = {
            "PGHOST": str(parameters["host"]),
            "PGPORT": str(parameters["port"]),
            "PGUSER": str(parameters["user"]),
            "PGPASSWORD": self.cluster.password,
        }
        path = usable_server(self.cluster.folder.parent) / "bin" / binary
        return subprocess.Popen([str(path), *arguments], stdout=stdout, env=environment, **as_user())


app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(
    rows: Annotated[int, typer.Option(min=1000, help="Transactions of the race.")] = RACE_ROWS,
    runs: Annotated[int, typer.Option(min=1, help="Runs of each contender; their median counts.")] = 5,
    growth: Annotated[bool, typer.Option(help="Also grow the database, up to 10 million rows.")] = True,
    out: Annotated[Path | None, typer.Option(help="The page to write.", show_default=False)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Answer with one JSON object.")] = False,
) -> None:
    """Race the content proof against pg_dump | sha256sum, pg_amcheck and count(*)."""
    folder = Path(tempfile.mkdtemp(prefix="benchmark-"))
    make_run_folder(folder)
    cluster = Cluster(folder / "cluster", settings={"shared_buffers": "1GB", "max_wal_size": "8GB"})
    status = Console(stderr=True)
    try:
        cluster.create()
        cluster.start()
        facts = measure(Course(cluster), rows, runs, GROWTH_ROWS if growth else (), lambda text: status.print(text))
    finally:
        cluster.destroy()
        shutil.rmtree(folder, ignore_errors=True)
    page = render(facts)
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(page)
    typer.echo(json.dumps(facts, indent=2) if as_json else page)


def measure(course: Course, rows: int, runs: int, sizes: tuple[int, ...], say: Callable[[str], None]) -> dict[str, Any]:
    """Everything that the page shows. Sizes are filled in ascending order."""
    facts: dict[str, Any] = {"measured_on": f"{datetime.now(UTC):%Y-%m-%d}", "machine": machine(), "runs": runs}
    grown: list[Growth] = []
    for size in sorted({*sizes, rows}):
        say(f"filling {size:,} rows")
        course.fill(size)
        manifest = course.manifest()
        facts["server"] = manifest.database.server_version
        if size in sizes:
            say(f"growth at {size:,} rows")
            grown.append(_growth(course, manifest, size, runs))
        if size == rows:
            say("race")
            facts["race"] = _race(course, manifest, runs)
            facts["rows"] = manifest.rows
            facts["bytes"] = _size(course)
            facts["day"] = _day(course, manifest, runs)
    facts["growth"] = [asdict(each) for each in grown]
    return facts


def _race(course: Course, manifest: Manifest, runs: int) -> dict[str, Any]:
    contenders: dict[str, Callable[[], object]] = {
        PROOF: lambda: course.prove(manifest),
        DUMP: course.dump,
        "pg_amcheck --heapallindexed": course.amcheck,
        "count(*)": course.count,
        "taking the manifest": course.manifest,
    }
    for run in contenders.values():
        run()  # so that nobody pays for cold caches
    timings: dict[str, Timing] = race(contenders, runs=runs)
    return {name: {"seconds": timing.seconds, "median": timing.median} for name, timing in timings.items()}


def _growth(course: Course, manifest: Manifest, rows: int, runs: int) -> Growth:
    course.prove(manifest)
    with PeakMemory(course.cluster.pid or 0) as memory:
        timings = race({"proof": lambda: course.prove(manifest), "count": course.count}, runs=runs)
    return Growth(rows, timings["proof"].median, timings["count"].median, memory.ours_mib, memory.servers_mib)


def _day(course: Course, manifest: Manifest, runs: int) -> dict[str, Any]:
    course.live_a_day()
    (check,) = course.prove(manifest).checks
    timing = race({"proof": lambda: course.prove(manifest)}, runs=runs)["proof"]
    return {**check.measurements, "seconds": timing.median}


def _size(course: Course) -> int:
    with course.cluster.connect() as connection:
        found = connection.execute("SELECT pg_database_size(current_database())").fetchone()
    return found[0] if found else 0


if __name__ == "__main__":
    app()
