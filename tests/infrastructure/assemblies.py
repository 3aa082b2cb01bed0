"""Cloud assemblies of every environment, each synthesized once a test session by the program that users run."""

import fcntl
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENTS = ("dev", "staging", "prod", "local")
PRIMARY, RECOVERY = "ap-south-1", "ap-southeast-1"
PRIMARY_STACKS = ("Network", "Database", "Backup", "Application", "DeviceBackups", "Observability")
RECOVERY_STACKS = ("RecoveryFoundation", "RecoveryStandby")
STACKS = PRIMARY_STACKS + RECOVERY_STACKS
# The lab's account; every other environment's comes from cdk.json.
LOCAL_ACCOUNT = "000000000000"

Json = dict[str, Any]


def context(environment: str) -> Json:
    """What the cdk CLI would pass: cdk.json's context and the choice of an environment."""
    return json.loads((ROOT / "cdk.json").read_text())["context"] | {"environment": environment}


def program_environment(variables: Mapping[str, str]) -> dict[str, str]:
    """The process environment of the app, with the venv's Node first and no AWS credentials."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "CDK_"))}
    binaries = Path(sys.executable).parent
    path = f"{binaries}{os.pathsep}{ROOT / 'node_modules' / '.bin'}{os.pathsep}{os.environ['PATH']}"
    return kept | {"PATH": path, "JSII_NODE": str(binaries / "node")} | dict(variables)


@dataclass(frozen=True)
class Assembly:
    """One environment's cloud assembly."""

    environment: str
    folder: Path

    @cached_property
    def manifest(self) -> Json:
        return json.loads((self.folder / f"assembly-{self.environment}" / "manifest.json").read_text())

    @cached_property
    def stacks(self) -> dict[str, Json]:
        """The manifest's stacks by their name within the environment, such as Network."""
        return {
            artifact["displayName"].partition("/")[2]: artifact
            for artifact in self.manifest["artifacts"].values()
            if artifact["type"] == "aws:cloudformation:stack"
        }

    @cached_property
    def templates(self) -> dict[str, Json]:
        """The templates by the same names."""
        return {name: json.loads(self.template_file(name).read_text()) for name in self.stacks}

    @cached_property
    def report(self) -> Json:
        """The validation report; its absence means that nothing was validated."""
        return json.loads((self.folder / "validation-report.json").read_text())

    def template_file(self, stack: str) -> Path:
        return self.folder / f"assembly-{self.environment}" / self.stacks[stack]["properties"]["templateFile"]

    def resources(self, stack: str, kind: str) -> dict[str, Json]:
        """The resources of one type in one stack, by logical id."""
        found = self.templates[stack]["Resources"]
        return {name: resource for name, resource in found.items() if resource["Type"] == kind}

    def properties(self, stack: str, kind: str) -> list[Json]:
        """The properties of the resources of one type in one stack."""
        return [resource.get("Properties", {}) for resource in self.resources(stack, kind).values()]

    def only(self, stack: str, kind: str) -> Json:
        """The properties of the stack's one resource of a type."""
        (properties,) = self.properties(stack, kind)
        return properties

    def all_resources(self) -> Iterator[tuple[str, str, Json]]:
        """Every (stack, logical id, resource)."""
        for stack, template in self.templates.items():
            for name, resource in template["Resources"].items():
                yield stack, name, resource

    def outputs(self, stack: str) -> set[str]:
        """The names of the stack's outputs, exports to other stacks excepted."""
        outputs = self.templates[stack].get("Outputs", {})
        return {name for name, output in outputs.items() if "Export" not in output}


def synthesize(environment: str, folder: Path) -> Assembly:
    """Synthesize into ``folder`` unless another worker of this session has done so."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder.parent / f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "manifest.json").exists():
            variables = {"CDK_OUTDIR": str(folder), "CDK_CONTEXT_JSON": json.dumps(context(environment))}
            if environment == "local":
                variables["CDK_DEFAULT_ACCOUNT"] = LOCAL_ACCOUNT
            done = subprocess.run(
                [sys.executable, "app.py"],
                cwd=ROOT,
                env=program_environment(variables),
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, done.stdout + done.stderr
    return Assembly(environment, folder)


def text_of(value: Any) -> str:
    """A template value as text to search: joins and substitutions become the JSON they are written in."""
    return json.dumps(value, sort_keys=True)
