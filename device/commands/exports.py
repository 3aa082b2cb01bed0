"""``export``."""

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from device.commands.arguments import Database, DatabaseKeyFile, working
from device.export import ExportFormat, export
from device.terminal import Json, answer, one_error


def export_database(
    database: Database,
    form: Annotated[
        ExportFormat,
        typer.Option(
            "--format", help="csv: DuskSpendr's transactions; json, sqlite: all of any database.", show_default=False
        ),
    ],
    out: Annotated[Path, typer.Option("--out", help="The file to write.", show_default=False)],
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file if there is one.")] = False,
    database_key: DatabaseKeyFile = None,
    as_json: Json = False,
) -> None:
    """Write your data into a file that other programs read. It is not encrypted: keep it where only you can read it."""
    with one_error(as_json=as_json), working("exporting", database_key) as context:
        exported = export(
            database,
            form,
            out,
            key=context.key,
            overwrite=overwrite,
            progress=lambda rows: context.step(f"{rows:,} rows"),
        )
    facts = {"path": str(out), "format": form.value, "size": exported.size, "rows": exported.rows}
    rows = "" if exported.rows is None else f", {exported.rows:,} rows"
    lines: list[str | Text] = [f"{out}", f"{exported.size:,} bytes{rows}, not encrypted"]
    answer(facts, as_json=as_json, lines=lines)
