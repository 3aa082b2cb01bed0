"""``migrate``."""

import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from device.commands.arguments import working
from device.errors import UsageError
from device.rehearsal import Attempt, rehearse
from device.terminal import Json, answer, one_error

EXIT_FAILED = 1


def migrate(
    check: Annotated[bool, typer.Option("--check", help="Try every published format and schema.")] = False,
    as_json: Json = False,
) -> None:
    """Try backups of every published format and schema against this client: made, restored, compared.

    A restore brings an older database to today's schema by itself; this says whether that works for all of them.
    Touches nothing of yours. Exit status: 0 all came through, 1 one did not.
    """
    with one_error(as_json=as_json):
        if not check:
            raise UsageError(
                expected="--check", found="none: a restore migrates by itself", do="give --check to try every version"
            )
        with working("trying every version") as context, tempfile.TemporaryDirectory() as folder:
            attempts = list(rehearse(Path(folder), context))
    good = not any(each.problem for each in attempts)
    facts = {"passed": good, "attempts": [asdict(each) for each in attempts]}
    answer(
        facts, as_json=as_json, lines=[*map(_line, attempts), "all came through" if good else "not all came through"]
    )
    raise typer.Exit(0 if good else EXIT_FAILED)


def _line(attempt: Attempt) -> str:
    what = attempt.problem or f"{attempt.rows:,} rows, {len(attempt.steps)} steps"
    mark = "FAIL" if attempt.problem else "ok"
    return f"{mark}  format {attempt.format_version}, schema {attempt.schema_version}: {what}"
