"""The real cdk CLI against the lab: synthesize, bootstrap both regions, deploy, and read the outputs."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from lab.assemblies import CHECKOUT, assembly_for
from lab.cloud import Cloud, LabError

STAGE = "local"
# The CLI waits for stacks itself; past this it hangs, and a hung drill proves nothing.
CLI_TIMEOUT_SECONDS = 180

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Deployment:
    """What was deployed: the outputs by stack (``Database``, ``RecoveryStandby``, ...) and where each stack lives."""

    primary_region: str
    recovery_region: str
    outputs: dict[str, dict[str, str]]
    assembly: Path

    def output(self, stack: str, name: str) -> str:
        """One output. Raises :class:`LabError` when the stack has none of that name."""
        try:
            return self.outputs[stack][name]
        except KeyError:
            found = ", ".join(sorted(self.outputs.get(stack, {}))) or "none"
            raise LabError(f"expected the stack {stack} to have the output {name}, found {found}") from None


def tool_environment(cloud: Cloud) -> dict[str, str]:
    """The environment for the cdk CLI and the app: this checkout's tools, this cloud, no other."""
    python = Path(sys.executable).parent
    return cloud.environment | {
        "PATH": os.pathsep.join([str(python), str(CHECKOUT / "node_modules" / ".bin"), os.environ.get("PATH", "")]),
        "JSII_NODE": str(python / "node"),
        # What a tool leaves behind when it is killed goes with the lab.
        "TMPDIR": str(cloud.folder),
        "CDK_DISABLE_LEGACY_EXPORT_WARNING": "1",
        "NO_COLOR": "1",
        "CI": "true",  # the CLI then writes its progress to standard output, line by line
    }


def synthesize(cloud: Cloud) -> Path:
    """Synthesize environment ``local`` for the lab's account; returns the assembly's folder. Raises LabError."""
    # The lab checks recovery, not the templates: `make test` runs the template rules over every environment.
    quick = {"CDK_VALIDATION": "false"}

    def run(folder: Path) -> None:
        _cdk(cloud, "synth", "--quiet", "--context", f"environment={STAGE}", "--output", str(folder), env=quick)

    return assembly_for(f"{STAGE} {cloud.account}", cloud.folder / "cdk.out", run)


def bootstrap(cloud: Cloud, assembly: Path) -> list[str]:
    """Bootstrap every region the assembly deploys to; returns them."""
    regions = sorted({stack.region for stack in _stacks(assembly).values()})
    # From a folder without cdk.json, so that the CLI does not run the app a second time.
    _cdk(cloud, "bootstrap", *(f"aws://{cloud.account}/{region}" for region in regions), folder=cloud.folder)
    return regions


def deploy(cloud: Cloud, assembly: Path, progress: Progress, *, only: Sequence[str] = ("*",)) -> Deployment:
    """Deploy the stage's stacks of these names, and what they stand on; ``progress`` is told which stacks are done.

    Raises :class:`LabError`.
    """
    stacks = _stacks(assembly)
    outputs = cloud.folder / "outputs.json"
    done: set[str] = set()

    def watch(line: str) -> None:
        finished = re.match(r"\s*✅\s+(\S+)", line)
        if finished:
            done.add(finished[1].removeprefix(f"{STAGE}/"))
            progress(f"{len(done)} of {len(stacks)} stacks: {finished[1]}")

    _cdk(
        cloud,
        *("deploy", *(f"{STAGE}/{name}" for name in only), "--app", str(assembly), "--require-approval", "never"),
        *("--concurrency", "4", "--progress", "events", "--outputs-file", str(outputs)),
        watch=watch,
    )
    by_name = json.loads(outputs.read_text())
    return Deployment(
        primary_region=stacks["Database"].region,
        recovery_region=stacks["RecoveryStandby"].region,
        outputs={name: by_name.get(stack.name, {}) for name, stack in stacks.items()},
        assembly=assembly,
    )


@dataclass(frozen=True)
class _Stack:
    name: str
    region: str


def _stacks(assembly: Path) -> dict[str, _Stack]:
    """The stage's stacks by their construct id."""
    [stage] = assembly.glob(f"assembly-{STAGE}")
    manifest = json.loads((stage / "manifest.json").read_text())
    return {
        artifact["displayName"].rsplit("/", 1)[-1].split(" ")[0]: _Stack(
            artifact["properties"].get("stackName", name), artifact["environment"].rsplit("/", 1)[-1]
        )
        for name, artifact in manifest["artifacts"].items()
        if artifact["type"] == "aws:cloudformation:stack"
    }


def _cdk(
    cloud: Cloud,
    *arguments: str,
    watch: Progress | None = None,
    env: dict[str, str] | None = None,
    folder: Path = CHECKOUT,
) -> None:
    log = cloud.folder / f"cdk-{arguments[0]}.log"
    process = subprocess.Popen(
        ["cdk", *arguments],
        cwd=folder,
        env=tool_environment(cloud) | (env or {}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    # The whole session of processes: `cdk` is a script that starts node, which starts the app.
    end = partial(os.killpg, process.pid, signal.SIGKILL)
    limit = threading.Timer(CLI_TIMEOUT_SECONDS, end)
    limit.start()
    try:
        with log.open("w") as file:
            for line in process.stdout or ():
                file.write(line)
                if watch is not None:
                    watch(line)
        code = process.wait()
    finally:
        limit.cancel()
        if process.poll() is None:
            end()
            process.wait()
    if code:
        tail = "\n".join(log.read_text().splitlines()[-30:])
        raise LabError(f"cdk {arguments[0]} ended with {code}:\n{tail}\n{cloud.log_tail()}")
