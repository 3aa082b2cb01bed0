"""Assemblies by what they are made of: synthesis takes longer than most of what a lab does with its result."""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from filelock import FileLock

CHECKOUT = Path(__file__).parents[1]
KEPT = CHECKOUT / "build"
PREFIX = "lab-assembly-"
# All that the app reads, or that says which libraries read it.
INGREDIENTS = (
    "app.py",
    "cdk.json",
    "constraints.txt",
    "constructs",
    "environments.py",
    "lambdas",
    "recovery",
    "settings.py",
    "stacks",
)


def assembly_for(settings: str, target: Path, synthesize: Callable[[Path], None]) -> Path:
    """Copy to ``target`` the assembly of the present ingredients and ``settings``, synthesized when there is none yet.

    Whoever asks meanwhile waits. Only the newest is kept, in ``build``. Raises what ``synthesize`` raises.
    """
    kept = KEPT / f"{PREFIX}{_digest(settings)}"
    KEPT.mkdir(exist_ok=True)
    with FileLock(KEPT / f"{PREFIX}lock"):
        if not kept.exists():
            aside = Path(tempfile.mkdtemp(dir=KEPT, prefix="synthesis-"))
            try:
                synthesize(aside)
                for stale in KEPT.glob(f"{PREFIX}*/"):
                    shutil.rmtree(stale)
                aside.chmod(0o755)
                aside.rename(kept)
            finally:
                shutil.rmtree(aside, ignore_errors=True)
        shutil.copytree(kept, target, symlinks=True)
    return target


def _digest(settings: str) -> str:
    digest = hashlib.sha256(settings.encode())
    for path in _files():
        digest.update(path.relative_to(CHECKOUT).as_posix().encode() + b"\0")
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]


def _files() -> Iterator[Path]:
    for name in INGREDIENTS:
        root = CHECKOUT / name
        if root.is_file():
            yield root
        for folder, folders, files in os.walk(root):
            folders[:] = sorted(each for each in folders if each != "__pycache__")
            yield from (Path(folder, each) for each in sorted(files))
