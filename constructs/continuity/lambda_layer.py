"""The functions' dependencies, built without Docker: wheels for Lambda's platform, unpacked by pip.

A layer is a file of pinned requirements in ``lambdas/layers/``; a function gets those that hold what it imports.
``python -m continuity.lambda_layer`` builds all of them ahead, so that a later synth needs no network.
"""

import hashlib
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from zipfile import ZipFile

from continuity.archives import ROOT, archive_path, write_archive

PYTHON_VERSION = "3.13"
# Lambda's Python 3.13 runs on Amazon Linux 2023 (glibc 2.34), which takes wheels of both kinds.
PLATFORMS = ("manylinux2014_x86_64", "manylinux_2_28_x86_64")
# botocore describes every service of AWS in most of its bytes: these are what the functions ask, and STS, by which
# botocore itself may sign in. A test compares.
SERVICES = (
    "application-autoscaling",
    "backup",
    "cloudwatch",
    "cognito-idp",
    "dynamodb",
    "ec2",
    "ecr",
    "ecs",
    "events",
    "kms",
    "lambda",
    "rds",
    "route53",
    "s3",
    "secretsmanager",
    "sns",
    "sts",
)
# Written by pip with paths or times of this machine; nothing reads them at run time.
_MACHINE_FILES = ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json")


class LayerError(RuntimeError):
    """A layer could not be built, or none holds a package; the message says why."""


@dataclass(frozen=True)
class Layer:
    """The packages of one file of requirements, transitive ones included. Every version is pinned."""

    requirements: Path
    root: Path = ROOT

    @property
    def name(self) -> str:
        """The name of its file."""
        return self.requirements.stem

    @cached_property
    def digest(self) -> str:
        """Of what the layer is built from; what is built follows from it."""
        recipe = "\n".join([*requirements(self.requirements), PYTHON_VERSION, *PLATFORMS, *SERVICES])
        return hashlib.sha256(recipe.encode()).hexdigest()

    @cached_property
    def archive(self) -> Path:
        """The archive, built when it is not there yet. Raises :class:`LayerError`."""
        target = archive_path(self.root, f"layer_{self.name}", self.digest)
        if not target.exists():
            with tempfile.TemporaryDirectory(prefix="duskspendr-layer-") as folder:
                _install(self.requirements, Path(folder) / "python")
                files = [path.relative_to(folder) for path in Path(folder).rglob("*") if path.is_file()]
                write_archive(target, Path(folder), files)
        return target

    @cached_property
    def packages(self) -> frozenset[str]:
        """The top-level names that can be imported from it."""
        with ZipFile(self.archive) as archive:
            return frozenset(Path(name).parts[1].partition(".")[0] for name in archive.namelist())


@cache
def layers(root: Path = ROOT) -> tuple[Layer, ...]:
    """Every layer, by its name."""
    return tuple(Layer(path, root) for path in sorted((root / "lambdas" / "layers").glob("*.txt")))


def layers_of(packages: frozenset[str], root: Path = ROOT) -> tuple[Layer, ...]:
    """The layers that hold these packages. Raises :class:`LayerError` for one that none of them holds."""
    unknown = packages - frozenset[str]().union(*(layer.packages for layer in layers(root)))
    if unknown:
        raise LayerError(
            f"expected every imported package in a layer, found none with {', '.join(sorted(unknown))}: add it to a"
            " file of lambdas/layers/"
        )
    return tuple(layer for layer in layers(root) if layer.packages & packages)


def requirements(path: Path) -> list[str]:
    """The requirements' lines, without comments."""
    lines = (line.split("#")[0].strip() for line in path.read_text().splitlines())
    return [line for line in lines if line]


def _install(path: Path, folder: Path) -> None:
    platforms = [argument for platform in PLATFORMS for argument in ("--platform", platform)]
    command = [
        *(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"),
        *("--target", str(folder), "--implementation", "cp", "--python-version", PYTHON_VERSION, *platforms),
        *("--only-binary=:all:", "--no-deps", "--requirement", str(path)),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise LayerError(f"pip could not install {path} for Lambda:\n{(done.stdout + done.stderr)[-2000:]}")
    shutil.rmtree(folder / "bin", ignore_errors=True)  # scripts that name this machine's interpreter
    for metadata in folder.glob("*.dist-info"):
        for name in _MACHINE_FILES:
            (metadata / name).unlink(missing_ok=True)
    for service in (folder / "botocore" / "data").glob("*/"):
        if service.name not in SERVICES:
            shutil.rmtree(service)
            continue
        for outdated in sorted(service.glob("*/"))[:-1]:  # by dates; botocore takes the newest
            shutil.rmtree(outdated)
        for examples in service.rglob("examples-*"):  # for botocore's documentation
            examples.unlink()


if __name__ == "__main__":
    print(*(layer.archive for layer in layers()), sep="\n")  # noqa: T201 - a command's answer
