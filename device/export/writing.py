"""A database as a file that belongs to its user: readable without this program, and without a key."""

import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TextIO

from device.database import copy, opened, side_files
from device.errors import NewerSchemaError, UsageError
from device.export.csv_file import write_csv
from device.export.errors import ExportError
from device.export.json_file import write_json
from device.placing import check_free, placed
from device.schema import current_version, version_of


class ExportFormat(StrEnum):
    """``csv`` holds the transactions of DuskSpendr, the others the whole of any database."""

    CSV = "csv"
    JSON = "json"
    SQLITE = "sqlite"


@dataclass(frozen=True)
class Exported:
    """What was written; ``rows`` is None for a copy, whose rows nobody counted."""

    path: Path
    format: ExportFormat
    size: int
    rows: int | None


def export(
    database: Path,
    form: ExportFormat,
    path: Path,
    *,
    key: str | None = None,
    overwrite: bool = False,
    progress: Callable[[int], None] | None = None,
) -> Exported:
    """Write a database as it is at one instant, while others go on writing to it.

    The file is readable by its owner alone, and is there whole or not at all. ``progress`` gets the rows that are
    written. Raises :class:`ExportError` for what the format cannot hold, :class:`UsageError` when there is a file
    already, the errors of opening a database, and OSError.
    """
    check_free(path, overwrite=overwrite)
    if path.resolve() in {each.resolve() for each in (database, *side_files(database))}:
        raise UsageError(
            expected="a file beside the database", found=f"the database {path} itself", do="choose another"
        )
    with opened(database, key) as connection, placed(path, overwrite=overwrite) as partial:
        if form is ExportFormat.SQLITE:
            _copy(connection, partial, key)
            rows = None
        else:
            rows = _write(connection, form, partial, progress)
        size = partial.stat().st_size
    return Exported(path=path, format=form, size=size, rows=rows)


def _write(
    connection: sqlite3.Connection, form: ExportFormat, path: Path, progress: Callable[[int], None] | None
) -> int:
    connection.execute("BEGIN")  # one instant for all tables
    # CSV writes its own line ends.
    with path.open("w", encoding="utf-8", newline="" if form is ExportFormat.CSV else "\n") as file:
        rows = 0
        for rows in _writer(connection, form)(file):
            if progress and rows % 10_000 == 0:
                progress(rows)
    return rows


def _writer(connection: sqlite3.Connection, form: ExportFormat) -> Callable[[TextIO], Iterator[int]]:
    if form is ExportFormat.JSON:
        return lambda file: write_json(connection, file)
    version = version_of(connection)
    if version is None:
        raise ExportError(
            expected="a database of DuskSpendr, whose transactions CSV has columns for",
            found="another application's",
            do="export it as json or sqlite",
        )
    if version > current_version:
        raise NewerSchemaError(
            expected=f"a database of schema version {current_version} or older",
            found=f"version {version}",
            do="update this program, or export as json or sqlite",
        )
    return lambda file: write_csv(connection, version, file)


def _copy(connection: sqlite3.Connection, path: Path, key: str | None) -> None:
    """Without what was deleted: neither of the two copies free pages."""
    if key is None:
        connection.execute("VACUUM INTO ?", (str(path),))
    else:
        copy(connection, path, key)
