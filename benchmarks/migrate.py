"""``dr migrate`` against its rivals, between two servers of different major versions.

    python -m benchmarks.migrate --out docs/benchmarks/migrate.md

The bulk copy is a whole ``start`` of a source that nobody writes to, from the empty target to one that follows, with
every index and constraint; its rivals are ``pg_dump -Fd -j2`` and ``pg_restore -j2`` one after the other, and pgcopydb
where it is installed. The pauses are those of cutovers, there and back in turns, under writers.
"""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks.measure import Timing, machine, race
from lab import workload
from lab.drills.instance import spread
from lab.drills.migrate import WRITERS, rate_of
from lab.moving import DATABASE, MovingPair, tools_on_path
from lab.postgres import Cluster
from lab.server import make_run_folder
from lab.writers.group import Writers
from recovery.migration.aborting import abort
from recovery.migration.cutting_over import cut_over
from recovery.migration.ends import open_ends
from recovery.migration.starting import start
from recovery.migration.tools import run_tool
from recovery.migration.verifying import verify
from recovery.objectives import CUTOVER_PAUSE

ROWS = 1_000_000
ROWS_A_USER = 150
RUNS = 3
PAUSES = 20
LIMIT_SECONDS = 30.0
OURS, DUMP, COPYDB = "dr migrate start", "pg_dump -Fd -j2, then pg_restore -j2", "pgcopydb clone"
GOAL_RATIO = 1.0

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(
    out: Annotated[Path | None, typer.Option(help="The page to write; else the figures are printed.")] = None,
    rows: Annotated[int, typer.Option(help="Transactions of the source.")] = ROWS,
    runs: Annotated[int, typer.Option(help="Runs of each contender.")] = RUNS,
    pauses: Annotated[int, typer.Option(help="Cutovers.")] = PAUSES,
) -> None:
    """Race the copy, measure the pauses."""
    with tempfile.TemporaryDirectory(prefix="continuity-bench-") as name:
        folder = make_run_folder(Path(name))
        pair = MovingPair(folder / "pair")
        try:
            pair.start()
            with tools_on_path(folder / "pair"):
                facts = _measure(pair, folder, rows, runs, pauses)
        finally:
            pair.destroy()
    if out is None:
        typer.echo(json.dumps(facts, indent=2))
    else:
        out.write_text(render(facts), encoding="utf-8")


def _measure(pair: MovingPair, folder: Path, rows: int, runs: int, pauses: int) -> dict[str, Any]:
    load, _, _ = os.getloadavg()  # of what else the machine does
    with pair.source.connect(DATABASE) as connection:
        workload.create(connection, users=rows // ROWS_A_USER, transactions=rows)
        [(size,)] = connection.execute("SELECT pg_database_size(current_database())").fetchall()
        versions = [connection.info.server_version // 10_000]
    with pair.target.connect() as connection:
        versions.append(connection.info.server_version // 10_000)
    contenders: dict[str, Callable[[], object]] = {OURS: lambda: _start(pair), DUMP: lambda: _dump(pair, folder)}
    if shutil.which("pgcopydb"):
        contenders[COPYDB] = lambda: _copydb(pair, folder)
    timings = race(contenders, runs=runs)
    measured, rate = _pauses(pair, folder, pauses)
    return {
        "measured_on": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": machine(),
        "load": load,
        "versions": versions,
        "rows": rows,
        "bytes": size,
        "copydb": _copydb_version() if COPYDB in timings else None,
        "race": {name: {"median": each.median, "seconds": each.seconds} for name, each in timings.items()},
        "ratio": _ratio(timings),
        "pauses": measured,
        "spread": spread(measured),
        "commits_a_second": rate,
    }


def _ratio(timings: dict[str, Timing]) -> float:
    return timings[OURS].median / timings[DUMP].median


def _start(pair: MovingPair) -> None:
    """The whole move; what it leaves is cleared away within the time, as a rival's target is."""
    pair.make_database(pair.target, DATABASE)
    ends = pair.source.dsn(DATABASE), pair.target.dsn(DATABASE)
    with open_ends(*ends) as opened:
        start(opened)
    with open_ends(*ends) as opened:
        abort(opened)


def _dump(pair: MovingPair, folder: Path) -> None:
    pair.make_database(pair.target, DATABASE)
    place = folder / "dump"
    shutil.rmtree(place, ignore_errors=True)
    run_tool("pg_dump", "-Fd", "-j2", "--file", str(place), dsn=pair.source.dsn(DATABASE))
    run_tool("pg_restore", "-j2", str(place), dsn=pair.target.dsn(DATABASE))


def _copydb_version() -> str:
    done = subprocess.run(["pgcopydb", "--version"], check=True, capture_output=True, text=True)
    return done.stdout.splitlines()[0].removeprefix("pgcopydb version ")


def _copydb(pair: MovingPair, folder: Path) -> None:
    pair.make_database(pair.target, DATABASE)
    work = folder / "pgcopydb"
    shutil.rmtree(work, ignore_errors=True)
    ends = ("--source", pair.source.dsn(DATABASE), "--target", pair.target.dsn(DATABASE))
    subprocess.run(
        ["pgcopydb", "clone", *ends, "--dir", str(work), "--table-jobs", "2", "--index-jobs", "2"],
        check=True,
        capture_output=True,
    )


def _pauses(pair: MovingPair, folder: Path, number: int) -> tuple[list[float], float]:
    """The pauses of so many cutovers in seconds, and how much was written meanwhile, in commits a second."""
    pair.make_database(pair.target, DATABASE)
    found: list[float] = []
    with Writers(pair.dsn(), folder / "ledgers", count=WRITERS) as writers:
        ends: list[Cluster] = [pair.source, pair.target]
        with open_ends(*(each.dsn(DATABASE) for each in ends)) as opened:
            start(opened)
        for _ in range(number):
            with open_ends(*(each.dsn(DATABASE) for each in ends)) as opened:
                if not verify(opened).same:
                    raise RuntimeError("expected both ends to hold the same, found differences")
                pause = cut_over(opened, max_pause_seconds=LIMIT_SECONDS).pause_seconds
            if pause is None:
                raise RuntimeError("expected a measured pause, found none")
            found.append(pause)
            ends.reverse()
    return found, rate_of(writers.ledger())


def render(facts: dict[str, Any]) -> str:
    """Markdown of what was measured."""
    p95, allowed = facts["spread"]["p95_seconds"], CUTOVER_PAUSE.total_seconds()
    old, new = facts["versions"]
    lines = [
        "# What a migration takes",
        "",
        "Written by `make bench-migrate`. Figures of one machine and one run, to be read as ratios; not of AWS.",
        "",
        f"{facts['measured_on']}, {facts['machine']}, from PostgreSQL {old} to {new}; {facts['rows']:,} transactions,"
        f" {facts['bytes'] / 2**20:,.0f} MiB with indexes, cached; the machine's load average was {facts['load']:.1f}"
        " at the start.",
        "",
        "| contender | median | runs | against the dump |",
        "|---|---|---|---|",
    ]
    base = facts["race"][DUMP]["median"]
    for name, timing in facts["race"].items():
        seconds = ", ".join(f"{each:.1f}" for each in timing["seconds"])
        lines.append(f"| {name} | {timing['median']:.1f} s | {seconds} | {timing['median'] / base:.2f} |")
    copydb = facts["copydb"]
    lines += ["", "pgcopydb was not installed: unmeasured." if copydb is None else f"pgcopydb is {copydb}."]
    lines += [
        "",
        f"The copy takes **{facts['ratio']:.2f}** of the dump's time; the goal is {GOAL_RATIO:.1f} at most:"
        f" {'met' if facts['ratio'] <= GOAL_RATIO else 'missed'}. Its time has the end of the migration in it, and the"
        " target follows the source while it runs.",
        "",
        f"Over {len(facts['pauses'])} cutovers, there and back in turns, under {facts['commits_a_second']:.0f} commits"
        f" in the median second: nobody could write for {facts['spread']['median_seconds']} s in the median,"
        f" **{p95} s** at the 95th percentile, {facts['spread']['max_seconds']} s at most; the goal is {allowed:g} s at"
        f" the 95th percentile: {'met' if p95 <= allowed else 'missed'}.",
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    app()
