"""``restore``, ``undo`` and ``recover``."""

from typing import Annotated

import typer
from rich.text import Text

from device import recovery, restoring
from device.commands.arguments import (
    Database,
    DatabaseKeyFile,
    File,
    Folder,
    KeyFile,
    PassphraseFile,
    read_identities,
    working,
)
from device.errors import CorruptDatabaseError
from device.restoring import RestoreResult
from device.terminal import Json, answer, one_error


def restore(
    file: File,
    database: Database,
    identity: KeyFile,
    passphrase_file: PassphraseFile = None,
    database_key: DatabaseKeyFile = None,
    as_json: Json = False,
) -> None:
    """Prove a backup, and put its database in the place of this one, which `undo` brings back."""
    with one_error(as_json=as_json):
        identities = read_identities(identity, passphrase_file)
        with working("restoring", database_key) as context:
            result = restoring.restore(file, database, identities, context)
    answer(_facts(result), as_json=as_json, lines=_lines(result))


def undo(
    database: Database,
    identity: KeyFile,
    passphrase_file: PassphraseFile = None,
    database_key: DatabaseKeyFile = None,
    as_json: Json = False,
) -> None:
    """Take the last restore back; a second undo takes that back."""
    with one_error(as_json=as_json):
        identities = read_identities(identity, passphrase_file)
        with working("undoing", database_key) as context:
            result = restoring.undo(database, identities, context)
    answer(_facts(result), as_json=as_json, lines=_lines(result))


def recover(
    database: Database,
    folder: Folder,
    identity: KeyFile,
    passphrase_file: PassphraseFile = None,
    database_key: DatabaseKeyFile = None,
    yes: Annotated[bool, typer.Option("--yes", help="Recover without asking.")] = False,
    as_json: Json = False,
) -> None:
    """Check a database in full, and if it is damaged or missing, offer the newest good backup in its place."""
    with one_error(as_json=as_json), working("checking", database_key) as context:
        fault = recovery.fault(database, context)
    if fault is None:
        answer({"sound": True}, as_json=as_json, lines=[f"{database} is sound, nothing was done"])
        return
    with one_error(as_json=as_json):
        question = f"{fault}. Restore the newest good backup? `undo` brings the damaged file back"
        if not yes and (as_json or not typer.confirm(question, err=True)):
            raise CorruptDatabaseError(
                expected="a sound database", found=fault, do="pass --yes to recover from a backup"
            )
        identities = read_identities(identity, passphrase_file)
        with working("recovering", database_key) as context:
            done = recovery.recover(database, folder, identities, context)
    facts = {"sound": False, "fault": fault, "backup": str(done.backup), "passed_over": list(done.passed_over)}
    lines: list[str | Text] = [f"was damaged: {fault}", *(f"passed over {each}" for each in done.passed_over)]
    lines += [f"restored {done.backup}", *_lines(done.restored)]
    answer(facts | _facts(done.restored), as_json=as_json, lines=lines)


def _facts(result: RestoreResult) -> dict[str, object]:
    return {
        "database": str(result.database),
        "undo": None if result.undo is None else str(result.undo),
        "migrations": list(result.migrations),
        "manifest": result.manifest.facts(),
    }


def _lines(result: RestoreResult) -> list[str | Text]:
    rows = sum(result.manifest.row_counts.values())
    lines: list[str | Text] = [
        f"{result.database} is of {result.manifest.created_at:%Y-%m-%d %H:%M:%S}Z now, {rows:,} rows"
    ]
    lines += [f"brought up to date: {title}" for title in result.migrations]
    if result.undo is not None:
        lines.append(f"what it replaced is kept encrypted in {result.undo}: `duskspendr-backup undo` brings it back")
    return lines
