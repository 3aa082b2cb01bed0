"""Arguments of ``dr``: those that several commands have, and those that need reading."""

import os
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from operations.terminal import InputError
from recovery.manifest import Manifest
from recovery.optional_checks import CHECK_NAMES, unknown_checks

Dsn = Annotated[
    str,
    typer.Option(
        help="The database: postgresql://user@host/name or 'host=... dbname=...'. libpq's PGPASSWORD, ~/.pgpass and"
        " other settings work as usual.",
        show_default=False,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Answer with one JSON object.")]

# A clock may run a little ahead of ours; anything later is a slip of the pen.
FUTURE_ALLOWANCE = timedelta(minutes=5)


def read_disaster_time(value: str | None) -> datetime:
    """The time that :func:`read_past_time` reads; now when there is none. Raises :class:`InputError`."""
    return datetime.now(UTC) if value is None else read_past_time("--disaster-time", value)


def read_past_time(option: str, value: str) -> datetime:
    """An ISO 8601 time with a zone, not in the future. Raises :class:`InputError`."""
    now = datetime.now(UTC)
    example = "write it like 2026-03-01T04:05:06Z"
    try:
        time = datetime.fromisoformat(value)
    except ValueError:
        raise InputError(f"{option}: expected an ISO 8601 time, found {value!r}: {example}") from None
    if time.tzinfo is None:
        raise InputError(f"{option}: expected a time with its zone, found {value!r}: {example}")
    if time > now + FUTURE_ALLOWANCE:
        raise InputError(
            f"{option}: expected a time in the past, found {value} while it is {now:%Y-%m-%dT%H:%M:%SZ}: check"
            " the date and the zone"
        )
    return time.astimezone(UTC)


def read_manifest(path: Path) -> Manifest:
    """A manifest from a file. Raises :class:`InputError`."""
    hint = "take one with `dr manifest`"
    try:
        text = path.read_bytes()
    except OSError as error:
        raise InputError(f"--manifest: expected a manifest in {path}, found: {error.strerror}: {hint}") from None
    try:
        return Manifest.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise InputError(f"--manifest: expected a manifest in {path}, found {where}: {first['msg']}: {hint}") from None


def check_optional(names: Sequence[str]) -> tuple[str, ...]:
    """The names of checks, as given. Raises :class:`InputError` for one that is no check."""
    if unknown := unknown_checks(names):
        raise InputError(f"--optional: expected names of checks ({', '.join(CHECK_NAMES)}), found {', '.join(unknown)}")
    return tuple(names)


def check_writable(path: Path, *, option: str = "--out") -> None:
    """Find out before the long work whether its result can be kept. Raises :class:`InputError`."""
    if path.exists() and not path.is_file():
        raise InputError(f"{option}: expected the name of a file, found {path}, which is something else")
    if not path.parent.is_dir():
        raise InputError(f"{option}: expected an existing folder, found none at {path.parent}: create it first")
    if not os.access(path.parent, os.W_OK):
        raise InputError(f"{option}: expected a folder to write to, found {path.parent}, which is not writable")


def write_whole(path: Path, text: str) -> None:
    """Write the file under another name and rename it: it is there whole or not at all. Raises OSError."""
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")
    try:
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
