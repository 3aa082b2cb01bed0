"""What synthesizing costs, and what the functions weigh and take to import.

    python -m benchmarks.synth --out docs/benchmarks/synth.md

Everything is a process of its own, and processor time is what counts: it hardly depends on what else the machine does.
The rival in TypeScript is type-checked, and runs on the very aws-cdk-lib that the Python package carries, unpacked into
build/. What it makes is held against ours, type by type in every stack: another number of resources ends the benchmark.
"""

import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from shutil import which
from statistics import median
from typing import Annotated, Any

import typer
from rich.console import Console

from benchmarks.measure import MIB, machine
from benchmarks.synth_page import BARE, EMPTY, GUARDS, IMPORTS_PYTHON, OURS, OURS_UNCHECKED, RIVAL, render

ROOT = Path(__file__).parents[1]
RIVAL_FILE = Path(__file__).with_name("synth_rival.mts")
RIVAL_ROOM = ROOT / "build" / "synth-rival"
RIVAL_PACKAGES = {
    "aws_cdk": "aws-cdk-lib",
    "aws_cdk.cloud_assembly_schema": "@aws-cdk/cloud-assembly-schema",
    "constructs": "constructs",
}
_EMPTY = "from aws_cdk import App; App().synth()"
_IMPORT = "import time; a = time.process_time(); import {}; print(time.process_time() - a)"

Command = Callable[[Path], Sequence[str | Path]]
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@dataclass
class Runs:
    """Seconds of every run: of the clock, and of all processors together with those of child processes."""

    seconds: list[float] = field(default_factory=list[float])
    cpu_seconds: list[float] = field(default_factory=list[float])

    def add(self, command: Sequence[str | Path], environment: Mapping[str, str]) -> str:
        """Run it once; what it printed. Raises RuntimeError when it fails."""
        started = time.monotonic()
        with tempfile.TemporaryFile("w+") as errors:
            process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=errors, text=True, cwd=ROOT, env=environment
            )
            told = process.stdout.read() if process.stdout else ""
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            if process.returncode:
                errors.seek(0)
                raise RuntimeError(f"{command[0]} ended with {process.returncode}: {errors.read()[-500:]}")
        self.seconds.append(time.monotonic() - started)
        self.cpu_seconds.append(usage.ru_utime + usage.ru_stime)
        return told


@app.command()
def main(
    runs: Annotated[int, typer.Option(min=1, help="Runs of each contender; their median counts.")] = 3,
    python: Annotated[
        str, typer.Option(help="An interpreter of the version that the layer's wheels are for.")
    ] = IMPORTS_PYTHON,
    out: Annotated[Path | None, typer.Option(help="The page to write.", show_default=False)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Answer with one JSON object.")] = False,
) -> None:
    """Race the syntheses, weigh the assets, time the imports."""
    facts: dict[str, Any] = {"measured_on": f"{datetime.now(UTC):%Y-%m-%d}", "machine": machine(), "runs": runs}
    facts["load_before"] = round(os.getloadavg()[0], 1)
    with tempfile.TemporaryDirectory(prefix="synth-benchmark-") as name:
        folder = Path(name)
        facts["contenders"], assembly = race(folder, runs)
        facts["resources"], facts["stacks"] = _count(assembly)
        facts["calls"] = _calls(folder / "calls")
        facts["assets"] = _assets(assembly)
        facts["imports"] = imports(assembly, runs, python)
    facts["load_after"] = round(os.getloadavg()[0], 1)
    page = render(facts)
    if out is not None:
        out.write_text(page)
    typer.echo(json.dumps(facts, indent=2) if as_json else page)


def race(folder: Path, runs: int) -> tuple[dict[str, Any], Path]:
    """Every contender ``runs`` times, taking turns; and an assembly of ours."""
    status = Console(stderr=True)
    shared = _shared()
    rival = _rival()
    assembly = folder / "ours"
    Runs().add(
        [sys.executable, "app.py"], shared | {"CDK_OUTDIR": str(assembly)}
    )  # builds the assets, warms the caches
    contenders: dict[str, tuple[Command, dict[str, str]]] = {
        OURS: (lambda _: [sys.executable, "app.py"], {}),
        OURS_UNCHECKED: (lambda _: [sys.executable, "app.py"], {"CDK_VALIDATION": "false"}),
        EMPTY: (lambda _: [sys.executable, "-c", _EMPTY], {}),
        GUARDS: (lambda _: [Path(sys.executable).with_name("dr"), "guard", assembly], {}),
        RIVAL: (lambda to: [_node(), rival, assembly, to], {"CDK_VALIDATION": "false"}),
    }
    taken = {name: Runs() for name in contenders}
    for run in range(runs):
        for number, (name, (command, variables)) in enumerate(contenders.items()):
            status.print(f"run {run + 1} of {runs}: {name}")
            to = folder / f"{run}-{number}"
            taken[name].add(command(to), shared | {"CDK_OUTDIR": str(to)} | variables)
            if name == RIVAL and _types(to) != _types(assembly):
                raise RuntimeError("expected of the rival the resources of ours, found others: see synth_rival.mts")
    results = {
        name: {
            "seconds": each.seconds,
            "cpu_seconds": each.cpu_seconds,
            "median": median(each.seconds),
            "cpu": median(each.cpu_seconds),
        }
        for name, each in taken.items()
    }
    return results, assembly


def _calls(to: Path) -> dict[str, Any]:
    variables = _shared() | {"CDK_OUTDIR": str(to)}
    told = Runs().add([sys.executable, "-m", "benchmarks.jsii_calls"], variables)
    return json.loads(told.splitlines()[-1])


def _shared() -> dict[str, str]:
    context = json.loads((ROOT / "cdk.json").read_text())["context"]
    return {**os.environ, "CDK_CONTEXT_JSON": json.dumps(context)}


def _node() -> Path:
    return Path(sys.executable).with_name("node")


def _rival() -> Path:
    """The rival beside its packages, its types checked."""
    modules = RIVAL_ROOM / "node_modules"
    for python, name in RIVAL_PACKAGES.items():
        spec = find_spec(python)
        if spec is None or spec.origin is None:
            raise RuntimeError(f"expected the package {python}, found none: run `make install`")
        (archive,) = (Path(spec.origin).parent / "_jsii").glob("*.tgz")
        if not (modules / name).is_dir():
            (modules / name).parent.mkdir(parents=True, exist_ok=True)
            unpacked = modules.parent / python
            with tarfile.open(archive) as packed:
                packed.extractall(unpacked, filter="data")
            (unpacked / "package").rename(modules / name)
    told = subprocess.run(
        [_node(), ROOT / "node_modules" / "typescript" / "bin" / "tsc", "-p", RIVAL_FILE.parent],
        capture_output=True,
        text=True,
        check=False,
    )
    if told.returncode:
        raise RuntimeError(f"expected a rival without errors of type, found {told.stdout}")
    return Path(shutil.copy(RIVAL_FILE, RIVAL_ROOM))


def _types(assembly: Path) -> dict[str, Counter[str]]:
    """How many resources of each type each stack's template holds."""
    return {
        file.relative_to(assembly).as_posix(): Counter(
            resource["Type"] for resource in json.loads(file.read_text())["Resources"].values()
        )
        for file in assembly.glob("assembly-*/*.template.json")
    }


def _count(assembly: Path) -> tuple[int, int]:
    types = _types(assembly)
    return sum(each.total() for each in types.values()), len(types)


def _assets(assembly: Path) -> dict[str, Any]:
    """Bytes and files of every asset, by what it is."""
    found: dict[str, Any] = {}
    for folder in assembly.glob("asset.*"):
        files = [path for path in folder.rglob("*") if path.is_file()]
        kind = "layer" if (folder / "python").is_dir() else "code"
        found[kind] = {
            "files": len(files),
            "mib": sum(path.stat().st_size for path in files) / MIB,
            "folder": str(folder),
        }
    return found


def imports(assembly: Path, runs: int, python: str) -> dict[str, Any]:
    """Processor seconds of importing each handler, and boto3 alone, with the wheels of the layer and without bytecode.

    Needs Python of the layer's version; without it nothing is measured.
    """
    if which(python) is None or subprocess.run([python, "--version"], capture_output=True, check=False).returncode:
        return {}
    assets = _assets(assembly)
    layer, code = Path(assets["layer"]["folder"]) / "python", Path(assets["code"]["folder"])
    environment = {"PYTHONPATH": f"{layer}{os.pathsep}{code}", "PATH": os.environ["PATH"]}
    handlers = sorted(file.parent.name for file in code.glob("lambdas/*/handler.py"))
    modules = {BARE: BARE} | {name: f"lambdas.{name}.handler" for name in handlers}
    taken: dict[str, list[float]] = {name: [] for name in modules}
    for _ in range(runs):
        for name, module in modules.items():
            told = Runs().add([python, "-B", "-s", "-c", _IMPORT.format(module)], environment)
            taken[name].append(float(told))
    return {name: median(each) for name, each in taken.items()}


if __name__ == "__main__":
    app()
