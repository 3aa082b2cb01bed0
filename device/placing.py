"""New files that are there whole or not at all."""

import shutil
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from device.errors import UsageError
from device.files import leftovers, rename, sync_file, work_folder


@contextmanager
def placed(path: Path, *, overwrite: bool = False) -> Generator[Path]:
    """A new empty file beside ``path``, readable by its owner alone, that takes its place when the block ends well.

    What was written is on the storage before it shows under its name. When the block fails nothing is left, and what
    was at ``path`` is as before; what a killed process left is removed by the next that writes to the same name.
    Raises :class:`UsageError` when something is there and may not be overwritten, and OSError.
    """
    check_free(path, overwrite=overwrite)
    prefix = f".{path.name}.partial-"
    for abandoned in leftovers(path.parent, prefix):
        shutil.rmtree(abandoned, ignore_errors=True)
    with work_folder(path.parent, prefix) as work:
        partial = work / path.name
        partial.touch(0o600)
        yield partial
        sync_file(partial)
        # A hard link would be surer against another process, but memory sticks know none.
        check_free(path, overwrite=overwrite)
        rename(partial, path)


def check_free(path: Path, *, overwrite: bool) -> None:
    """Find out before long work whether its result can be kept. Raises :class:`UsageError`."""
    if path.is_dir() or (path.exists() and not overwrite):
        what = "a folder" if path.is_dir() else "a file"
        raise UsageError(expected=f"nothing at {path}", found=what, do="choose another name, or remove it")
    if not path.parent.is_dir():
        raise UsageError(expected="an existing folder", found=f"none at {path.parent}", do="create it first")
