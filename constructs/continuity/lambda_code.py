"""The functions' code as one folder that is the same, byte for byte, on every machine."""

import hashlib
import os
import shutil
import tempfile
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"
_SUFFIXES = {".py", ".pem", ".sql", ".j2"}
# The rules over templates: no function knows them, and a new rule is no reason to deploy every function.
_NO_FUNCTIONS = "recovery/guards"


def _sources() -> list[Path]:
    found = (path for folder in ("lambdas", "recovery") for path in (ROOT / folder).rglob("*"))
    sources = (path for path in found if path.suffix in _SUFFIXES and "__pycache__" not in path.parts)
    return sorted(path for path in sources if not path.is_relative_to(ROOT / _NO_FUNCTIONS))


def digest_of(files: list[Path]) -> str:
    """A digest of the names and contents of ``files``, blind to times, modes and machines."""
    digest = hashlib.sha256()
    for path in files:
        digest.update(path.relative_to(ROOT).as_posix().encode() + b"\0")
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


@cache
def staged_code() -> tuple[Path, str]:
    """The folder to upload as every function's code, and its digest."""
    files = _sources()
    digest = digest_of(files)
    target = BUILD / f"lambda-code-{digest[:16]}"
    if not target.exists():
        BUILD.mkdir(exist_ok=True)
        # Staged aside and renamed, so that two syntheses at once never see half a folder.
        staging = Path(tempfile.mkdtemp(dir=BUILD))
        for path in files:
            copy = staging / path.relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
        place(staging, target)
    return target, digest


def place(staging: Path, target: Path) -> None:
    """Move ``staging`` to ``target``, or drop it when another process was first.

    Modes are part of the archive that the CDK makes of it: they are set, whatever this machine's umask is. Times are
    not; the CDK writes one of its own.
    """
    staging.chmod(0o755)
    for path in staging.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    try:
        os.rename(staging, target)  # noqa: PTH104 - Path.rename would read the same and hide the atomicity we need
    except OSError:
        if not target.exists():
            raise
        shutil.rmtree(staging)
