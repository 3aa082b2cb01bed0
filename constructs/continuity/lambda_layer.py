"""The functions' dependencies, built without Docker: wheels for Lambda's platform, unpacked by pip.

``python -m continuity.lambda_layer`` builds them ahead, so that a later synth needs no network.
"""

import hashlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from continuity.lambda_code import BUILD, ROOT, place

REQUIREMENTS = ROOT / "lambdas" / "requirements.txt"
CONSTRAINTS = ROOT / "constraints.txt"
PYTHON_VERSION = "3.13"
# Lambda's Python 3.13 runs on Amazon Linux 2023 (glibc 2.34), which takes wheels of both kinds.
PLATFORMS = ("manylinux2014_x86_64", "manylinux_2_28_x86_64")
# botocore describes every service of AWS in half of the layer's bytes: these are what the functions ask, and STS, by
# which botocore itself may sign in. A test compares.
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
    """The layer could not be built; the message holds the end of what pip printed."""


def requirements() -> list[str]:
    """The requirements' lines, without comments. Empty when the functions need nothing beyond Lambda's own runtime."""
    lines = (line.split("#")[0].strip() for line in REQUIREMENTS.read_text().splitlines())
    return [line for line in lines if line]


def layer_folder() -> Path | None:
    """The folder of the layer, built when it is not there yet; None when there is nothing to build.

    Raises :class:`LayerError`.
    """
    wanted = requirements()
    if not wanted:
        return None
    target = BUILD / f"lambda-layer-{layer_digest()[:16]}"
    if not target.exists():
        BUILD.mkdir(exist_ok=True)
        staging = Path(tempfile.mkdtemp(dir=BUILD))
        try:
            _install(staging / "python")
        except LayerError:
            shutil.rmtree(staging)
            raise
        place(staging, target)
    return target


def layer_digest() -> str:
    """Of what the layer is built from: every version is pinned, so what is built follows from it."""
    recipe = "\n".join([*requirements(), CONSTRAINTS.read_text(), PYTHON_VERSION, *PLATFORMS, *SERVICES])
    return hashlib.sha256(recipe.encode()).hexdigest()


def _install(folder: Path) -> None:
    platforms = [argument for platform in PLATFORMS for argument in ("--platform", platform)]
    command = [
        *(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"),
        *("--target", str(folder), "--implementation", "cp", "--python-version", PYTHON_VERSION, *platforms),
        *("--only-binary=:all:", "--constraint", str(CONSTRAINTS), "--requirement", str(REQUIREMENTS)),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise LayerError(f"pip could not install {REQUIREMENTS} for Lambda:\n{(done.stdout + done.stderr)[-2000:]}")
    shutil.rmtree(folder / "bin", ignore_errors=True)  # scripts that name this machine's interpreter
    for metadata in folder.glob("*.dist-info"):
        for name in _MACHINE_FILES:
            (metadata / name).unlink(missing_ok=True)
    for service in (folder / "botocore" / "data").glob("*/"):
        if service.name not in SERVICES:
            shutil.rmtree(service)


if __name__ == "__main__":
    print(layer_folder() or "no requirements, no layer")  # noqa: T201 - a command's answer
