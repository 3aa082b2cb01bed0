"""Whole backups of a device's database against the same done by separate tools, and by spec 20's sample.

    python -m benchmarks.device --out docs/benchmarks/device.md

The tools: ``sqlite3 .backup``, then ``zstd -3 | age``, which check nothing and read nothing back. The sample reads the
file, encrypts it in memory and writes it: no snapshot, no compression. All three and the client are processes of their
own, timed from start to end. Needs the Debian packages age, zstd and sqlite3; nothing else should run on the machine.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import typer
from pyrage.x25519 import Identity
from rich.console import Console

from benchmarks.measure import MIB, machine
from device.schema.synthetic import create_of_size

SIZES_MB = (20, 200, 1000)
CLIENT, LIBRARY, TOOLS, SAMPLE = (
    "duskspendr-backup create",
    "BackupManager, in a process that runs already",
    "sqlite3 .backup; zstd -3 | age",
    "spec 20's sample",
)
# What the command does before it does anything: no backup is faster, however small.
START = (sys.executable, "-c", "import device.cli, device.commands.backups")
MAX_TIME_RATIO, MAX_RSS_MIB, MAX_BYTES_RATIO = 1.0, 64, 1 / 3

_PIPE = 'sqlite3 "$1" ".backup $2/copy" && zstd -q -3 -c "$2/copy" | age -r "$3" -o "$2/out" && rm "$2/copy"'
_SAMPLE = """
import sys, pathlib, pyrage
database, folder, recipient = sys.argv[1:]
content = pathlib.Path(database).read_bytes()
encrypted = pyrage.encrypt(content, [pyrage.x25519.Recipient.from_str(recipient)])
pathlib.Path(folder, "out").write_bytes(encrypted)
"""
_LIBRARY = """
import sys, time, pathlib
from device.backups import BackupManager
from device.context import Context
from device.keys import parse_recipients
database, folder = map(pathlib.Path, sys.argv[1:3])
recipients = parse_recipients(sys.argv[3:])
manager = BackupManager(database, folder, recipients=recipients, context=Context(app_version="app"))
started = time.monotonic()
manager.create_local_backup()
print(time.monotonic() - started)
"""


@dataclass
class Runs:
    """What the runs of one contender took; ``peak_mib`` is of its largest process, ``size`` in bytes.

    ``cpu_seconds`` is of all its processes together, start-up included: it hardly depends on what else goes on.
    """

    seconds: list[float] = field(default_factory=list[float])
    cpu_seconds: list[float] = field(default_factory=list[float])
    peak_mib: float = 0.0
    size: int = 0


Command = Callable[[Path, Path, str], Sequence[str | Path]]

CONTENDERS: dict[str, Command] = {
    CLIENT: lambda database, folder, recipient: [
        Path(sys.executable).with_name("duskspendr-backup"),
        *("create", "--database", database, "--into", folder, "--recipient", recipient),
    ],
    LIBRARY: lambda database, folder, recipient: [sys.executable, "-c", _LIBRARY, database, folder, recipient],
    TOOLS: lambda database, folder, recipient: [
        "bash",
        "-euo",
        "pipefail",
        "-c",
        _PIPE,
        "-",
        database,
        folder,
        recipient,
    ],
    SAMPLE: lambda database, folder, recipient: [sys.executable, "-c", _SAMPLE, database, folder, recipient],
}

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(
    size: Annotated[list[int] | None, typer.Option(help="Sizes of databases, in MB.")] = None,
    runs: Annotated[int, typer.Option(min=1, help="Runs of each contender; their median counts.")] = 5,
    out: Annotated[Path | None, typer.Option(help="The page to write.", show_default=False)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Answer with one JSON object.")] = False,
) -> None:
    """Race whole backups."""
    missing = [tool for tool in ("age", "zstd", "sqlite3") if shutil.which(tool) is None]
    if missing:
        typer.echo(f"expected the tools age, zstd and sqlite3, found no {', '.join(missing)}: install them", err=True)
        raise typer.Exit(2)
    facts: dict[str, Any] = {"measured_on": f"{datetime.now(UTC):%Y-%m-%d}", "machine": machine(), "runs": runs}
    facts["load_before"] = round(os.getloadavg()[0], 1)
    start = Runs()
    for _ in range(runs):
        _run(start, START, own_clock=False)
    facts["start_seconds"] = median(start.seconds)
    facts["sizes"] = [measure(each, runs) for each in size or SIZES_MB]
    page = render(facts)
    if out is not None:
        out.write_text(page)
    typer.echo(json.dumps(facts, indent=2) if as_json else page)


def measure(size_mb: int, runs: int) -> dict[str, Any]:
    """Race the contenders, taking turns, on a database of that size."""
    status = Console(stderr=True)
    recipient = str(Identity.generate().to_public())
    with tempfile.TemporaryDirectory(prefix="device-benchmark-", dir=os.environ.get("TMPDIR")) as name:
        database = Path(name) / "DuskSpendr.db"
        status.print(f"filling {size_mb} MB")
        create_of_size(database, size=size_mb * 1_000_000)
        subprocess.run(["sync"], check=True)
        taken = {contender: Runs() for contender in CONTENDERS}
        for run in range(runs):
            for contender, command in CONTENDERS.items():
                status.print(f"{size_mb} MB, run {run + 1} of {runs}: {contender}")
                folder = Path(name) / "out"
                folder.mkdir()
                _run(taken[contender], command(database, folder, recipient), own_clock=contender == LIBRARY)
                taken[contender].size = max(path.stat().st_size for path in folder.iterdir())
                shutil.rmtree(folder)
        return {
            "size_mb": size_mb,
            "bytes": database.stat().st_size,
            "contenders": {
                contender: {"seconds": each.seconds, "median": median(each.seconds)}
                | {"cpu": median(each.cpu_seconds), "peak_mib": each.peak_mib, "bytes": each.size}
                for contender, each in taken.items()
            },
        }


def _run(runs: Runs, command: Sequence[str | Path], *, own_clock: bool) -> None:
    """One process, from its start to its end; ``own_clock`` when it prints what counts of that."""
    started = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    told = process.stdout.read() if process.stdout else ""
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{command[0]} ended with {process.returncode}")
    runs.seconds.append(float(told) if own_clock else seconds)
    runs.cpu_seconds.append(usage.ru_utime + usage.ru_stime)
    runs.peak_mib = max(runs.peak_mib, usage.ru_maxrss * 1024 / MIB)


def render(facts: dict[str, Any]) -> str:
    """Markdown of what was measured."""
    lines = [
        "# Device backups against separate tools",
        "",
        "Written by `make bench-device`. Figures of one machine and one run, to be read as ratios.",
        "",
        f"{facts['measured_on']}, {facts['machine']}, load {facts['load_before']} before it began; medians of"
        f" {facts['runs']} interleaved runs, each a process of its own.",
        "",
        "The client copies, checks (structure and foreign keys), hashes, packs, encrypts, syncs, and reads back what it"
        " wrote. The tools copy, pack and encrypt. The sample reads the file, which tears it"
        " ([how often](device-faults.md)), and encrypts it in memory.",
        "",
        f"Of the command's time {facts['start_seconds']:.2f} s are its start, Python's and Typer's, measured in the"
        " same run without any work; an app that calls the library does not pay them.",
    ]
    for size in facts["sizes"]:
        tools = size["contenders"][TOOLS]["median"]
        lines += [
            "",
            f"## {size['bytes'] / 1e6:,.0f} MB",
            "",
            "| contender | median | against the tools | processor | peak memory | bytes | of the database |",
            "|---|---|---|---|---|---|---|",
        ]
        for name, each in size["contenders"].items():
            shown = name.replace("|", r"\|")  # a bar would end the table's cell
            lines.append(
                f"| {shown} | {each['median']:.2f} s | {each['median'] / tools:.2f} | {each['cpu']:.2f} s |"
                f" {each['peak_mib']:,.0f} MiB | {each['bytes']:,} | {each['bytes'] / size['bytes']:.1%} |"
            )
        lines += ["", *_verdicts(size, tools)]
    return "\n".join(lines) + "\n"


def _verdicts(size: dict[str, Any], tools: float) -> list[str]:
    command, library = size["contenders"][CLIENT], size["contenders"][LIBRARY]
    goals = (
        (f"time at most {MAX_TIME_RATIO:.1f} of the tools', as a command", command["median"] <= MAX_TIME_RATIO * tools),
        (f"time at most {MAX_TIME_RATIO:.1f} of the tools', as a library", library["median"] <= MAX_TIME_RATIO * tools),
        (f"memory at most {MAX_RSS_MIB} MiB", command["peak_mib"] <= MAX_RSS_MIB),
        ("at most a third of the bytes", command["bytes"] <= MAX_BYTES_RATIO * size["bytes"]),
    )
    return [f"- {goal}: {'met' if met else '**not met**'}" for goal, met in goals]


if __name__ == "__main__":
    app()
