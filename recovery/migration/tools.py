"""``pg_dump`` and ``pg_restore``: found on PATH, held against the servers' versions, run without secrets in view."""

import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from recovery.database import without_secrets

TOOLS = ("pg_dump", "pg_restore")
# Schema only; what takes longer waits for a lock that somebody holds.
TIMEOUT_SECONDS = 6 * 3600


class ToolError(RuntimeError):
    """A tool is missing or failed; the message has no password."""


def tool_majors() -> dict[str, int | None]:
    """The major version of each tool on PATH; None of one that is not there."""
    return {name: _major(name) for name in TOOLS}


def run_tool(name: str, *arguments: str, dsn: str | None = None) -> str:
    """Run a tool, on the database ``dsn`` if there is one, and return what it printed. Raises :class:`ToolError`."""
    path = shutil.which(name)
    if path is None:
        raise ToolError(
            f"expected {name} on PATH, found none: install the PostgreSQL client of the target's major version"
        )
    command, environment = [path, *arguments], dict(os.environ)
    if dsn is not None:
        bare, environment["PGPASSWORD"] = _without_password(dsn)
        command += ["--dbname", bare]
        # A fenced end is read-only by default; whoever migrates it is who fenced it.
        environment["PGOPTIONS"] = "-c default_transaction_read_only=off"
        if not environment["PGPASSWORD"]:
            environment = dict(_without(environment, "PGPASSWORD", os.environ))
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        env=environment,
        timeout=TIMEOUT_SECONDS,
    )
    if done.returncode:
        raise ToolError(f"{name} failed: {without_secrets(_last_lines(done.stderr), dsn or '')}")
    return done.stdout


def _major(name: str) -> int | None:
    path = shutil.which(name)
    if path is None:
        return None
    done = subprocess.run([path, "--version"], capture_output=True, text=True, check=False, timeout=10)
    found = re.search(r"\s(\d+)", done.stdout)
    return int(found.group(1)) if found else None


def _without_password(dsn: str) -> tuple[str, str]:
    parameters = dict(conninfo_to_dict(dsn))
    password = str(parameters.pop("password", None) or "")
    return make_conninfo("", **parameters), password


def _without(environment: Mapping[str, str], name: str, original: Mapping[str, str]) -> Mapping[str, str]:
    kept = {key: value for key, value in environment.items() if key != name}
    return kept | ({name: original[name]} if name in original else {})


def _last_lines(text: str) -> str:
    return " ".join(text.strip().splitlines()[-3:])


def write_list(folder: Path, lines: Sequence[str]) -> Path:
    """A list of entries for ``pg_restore --use-list``."""
    path = folder / "entries"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path
