"""Files that are there whole or not at all, and folders that a crash leaves behind."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


def sync_folder(folder: Path) -> None:
    """Make what was renamed or removed in a folder survive a loss of power. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_file(path: Path) -> None:
    """Make what was written to a file survive a loss of power. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def rename(source: Path, target: Path) -> None:
    """Replace ``target`` in one instant, for good. Raises OSError."""
    source.replace(target)
    sync_folder(target.parent)


@contextmanager
def locked(folder: Path) -> Generator[None]:
    """Hold a folder's lock, waiting for whoever has it: the lock goes with its process, however that ends."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def work_folder(parent: Path, prefix: str) -> Generator[Path]:
    """A folder for work in progress, only its owner's, removed at the end. Raises OSError.

    It is locked while its process lives; :func:`leftovers` finds those whose process was killed.
    """
    with locked(parent):
        path = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
        os.close(descriptor)


def leftovers(parent: Path, prefix: str) -> Iterator[Path]:
    """The work folders of processes that ended without removing them, each locked while it is looked at."""
    with locked(parent), os.scandir(parent) as entries:
        found = sorted(Path(entry) for entry in entries if entry.name.startswith(prefix))
    for path in found:
        # Another's is not ours to look at, and may go away meanwhile.
        with suppress(OSError), _locked_at_once(path):
            yield path


@contextmanager
def _locked_at_once(folder: Path) -> Generator[None]:
    """Hold a folder's lock. Raises BlockingIOError when somebody has it."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)
