"""What synthesizing costs, and what the functions weigh and take to import.

    python -m benchmarks.synth --out docs/benchmarks/synth.md

Everything is a process of its own, and processor time is what counts: it hardly depends on what else the machine does.
The rival in TypeScript is type-checked, and runs on the very aws-cdk-lib that the Python package carries, unpacked into
build/. What it makes is held against ours, type by type in every stack: another number of resources ends the benchmark.
"""

import json
import os
import platform
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
from statistics import median
from sysconfig import get_path
from typing import Annotated, Any
from zipfile import ZipFile

import typer
from rich.console import Console

from benchmarks.measure import machine
from benchmarks.synth_page import BARE, EMPTY, GUARDS, IMPORT_RUNS, OURS, OURS_UNCHECKED, RIVAL, render

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
        facts["assets"] = assets(assembly)
        facts["imports"] = imports(facts["assets"]["functions"], folder)
        facts["python"] = platform.python_version()
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


def _templates(assembly: Path) -> dict[str, dict[str, Any]]:
    """The template of every stack, by its file."""
    files = assembly.glob("assembly-*/*.template.json")
    return {file.relative_to(assembly).as_posix(): json.loads(file.read_text()) for file in files}


def _types(assembly: Path) -> dict[str, Counter[str]]:
    """How many resources of each type each stack's template holds."""
    return {
        file: Counter(resource["Type"] for resource in template["Resources"].values())
        for file, template in _templates(assembly).items()
    }


def _count(assembly: Path) -> tuple[int, int]:
    types = _types(assembly)
    return sum(each.total() for each in types.values()), len(types)


def assets(assembly: Path) -> dict[str, Any]:
    """Files and bytes, unpacked, of every function's code and every layer, and which function has which layers."""
    functions: dict[str, Any] = {}
    layers: dict[str, Any] = {}
    for template in _templates(assembly).values():
        resources = template["Resources"]
        names = {
            name: Path(each["Properties"]["Description"]).stem
            for name, each in resources.items()
            if each["Type"] == "AWS::Lambda::LayerVersion"
        }
        for name, layer in names.items():
            layers[layer] = _weight(assembly, resources[name]["Properties"]["Content"])
        for each in resources.values():
            if each["Type"] == "AWS::Lambda::Function":
                properties = each["Properties"]
                functions[properties["Handler"].split(".")[1]] = _weight(assembly, properties["Code"]) | {
                    "layers": [names[layer["Ref"]] for layer in properties["Layers"]]
                }
    return {"functions": dict(sorted(functions.items())), "layers": dict(sorted(layers.items()))}


def _weight(assembly: Path, place: Mapping[str, Any]) -> dict[str, Any]:
    archive = assembly / f"asset.{place['S3Key']}"
    with ZipFile(archive) as content:
        files = content.infolist()
    return {"archive": str(archive), "files": len(files), "bytes": sum(file.file_size for file in files)}


def imports(functions: Mapping[str, Any], folder: Path) -> dict[str, float]:
    """Median processor seconds of importing boto3 alone, and each handler out of its own archive.

    By the interpreter and with the packages that run this, which are the layers' versions built for it; with bytecode,
    for each is imported once uncounted.
    """
    commands: dict[str, tuple[Sequence[str | Path], dict[str, str]]] = {}
    for name in (BARE, *functions):
        code = folder / name
        code.mkdir()
        if name != BARE:
            with ZipFile(functions[name]["archive"]) as archive:
                archive.extractall(code)  # noqa: S202 - our own, of a moment ago
        module = BARE if name == BARE else f"lambdas.{name}.handler"
        # Without `site` nothing but these is found: the project itself is installed here, too.
        path = os.pathsep.join((str(code), get_path("purelib"), get_path("platlib")))
        commands[name] = [sys.executable, "-S", "-c", _IMPORT.format(module)], {"PYTHONPATH": path}
    taken: dict[str, list[float]] = {name: [] for name in commands}
    for run in range(IMPORT_RUNS + 1):
        for name, (command, environment) in commands.items():
            told = float(Runs().add(command, environment))
            if run:
                taken[name].append(told)
    return {name: median(each) for name, each in taken.items()}


if __name__ == "__main__":
    app()
