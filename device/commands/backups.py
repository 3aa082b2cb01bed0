"""``create``, ``verify``, ``list`` and ``prune``."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from device.backups import BackupManager, verify_backup
from device.commands.arguments import (
    Database,
    DatabaseKeyFile,
    File,
    Folder,
    Into,
    KeyFile,
    OptionalKeyFile,
    PassphraseFile,
    Recipients,
    read_identities,
    working,
)
from device.errors import BackupError
from device.keys import parse_recipients
from device.limits import KEEP_DAYS
from device.manifest import Manifest
from device.terminal import Json, answer, one_error, progress

if TYPE_CHECKING:
    from pyrage.x25519 import Identity

    from device.folder import Backup


def create(
    database: Database,
    folder: Into,
    recipient: Recipients,
    identity: OptionalKeyFile = None,
    passphrase_file: PassphraseFile = None,
    database_key: DatabaseKeyFile = None,
    as_json: Json = False,
) -> None:
    """Back up a database, in use or not, into one encrypted file that is checked and read back.

    With --identity it is decrypted and unpacked too.
    """
    with one_error(as_json=as_json):
        recipients = parse_recipients(recipient)
        identities = [] if identity is None else read_identities(identity, passphrase_file)
        with working("backing up", database_key) as context:
            manager = BackupManager(database, folder, recipients=recipients, identities=identities, context=context)
            made = manager.create_local_backup()
    facts = {"path": str(made.path), "size": made.size, "sha256": made.sha256, "opened": made.opened}
    how = "decrypted and read back" if made.opened else "read back as it was written"
    lines = [f"{made.path}", f"{made.size:,} bytes, {_rows(made.manifest)}, checked, {how}"]
    answer(facts | {"manifest": made.manifest.facts()}, as_json=as_json, lines=lines)


def verify(file: File, identity: KeyFile, passphrase_file: PassphraseFile = None, as_json: Json = False) -> None:
    """Prove that a backup can be restored: do all of it, but for the last step."""
    with one_error(as_json=as_json):
        identities = read_identities(identity, passphrase_file)
        with working("verifying") as context:
            manifest = verify_backup(file, identities, context)
    from rich.text import Text

    lines: list[str | Text] = [Text.assemble(("GOOD", "green"), f" {file}"), *_manifest_lines(manifest)]
    answer(
        {"path": str(file), "verified": True, "manifest": manifest.facts()},
        as_json=as_json,
        lines=lines,
    )


def list_backups(
    folder: Folder, identity: OptionalKeyFile = None, passphrase_file: PassphraseFile = None, as_json: Json = False
) -> None:
    """List the backups of a folder, newest first; with a key, what each holds."""
    from device.folder import backups

    with one_error(as_json=as_json):
        identities = None if identity is None else read_identities(identity, passphrase_file)
        with progress("reading"):
            shown = [_shown(each, identities) for each in backups(folder)]
    lines = [line for _, line in shown] or [f"no backups in {folder}"]
    answer({"backups": [facts for facts, _ in shown]}, as_json=as_json, lines=lines)


def prune_backups(
    folder: Folder,
    keep_days: Annotated[int, typer.Option("--keep-days", min=0, help="Days of backups to keep.")] = KEEP_DAYS,
    as_json: Json = False,
) -> None:
    """Remove the backups that are older; never the newest verified one, whatever the clock says."""
    from device.pruning import prune

    with one_error(as_json=as_json), working("pruning") as context:
        pruned = prune(folder, keep_days, context)
    facts = {
        "removed": [str(path) for path in pruned.removed],
        "kept": [str(path) for path in pruned.kept],
        "newest_verified": [str(path) for path in pruned.newest_verified],
    }
    lines = [f"removed {path.name}" for path in pruned.removed]
    lines.append(f"kept {len(pruned.kept)}, removed {len(pruned.removed)}")
    if pruned.kept and not pruned.newest_verified:
        lines.append("none of them can be relied upon, so nothing was removed: verify them")
    answer(facts, as_json=as_json, lines=lines)


def _shown(backup: "Backup", identities: "list[Identity] | None") -> tuple[dict[str, Any], str]:
    """A backup for programs, and for people; with a key, also what it holds or why it cannot be read."""
    from device.container import read_manifest

    facts: dict[str, Any] = {
        "path": str(backup.path),
        "taken_at": backup.taken_at.isoformat(),
        "size": backup.size,
        "verified_when_made": backup.recorded,
    }
    line = f"{backup.taken_at:%Y-%m-%d %H:%M:%S}Z  {backup.size:>13,} bytes  {backup.path.name}"
    if identities is None:
        return facts, line
    try:
        manifest = read_manifest(backup.path, identities)
    except BackupError as error:
        facts["error"] = {"code": error.code, "message": str(error)}
        return facts, f"{line}  {error.code}: {error.found}"
    facts["manifest"] = manifest.facts()
    return facts, f"{line}  {_rows(manifest)}, {manifest.app_version}"


def _rows(manifest: Manifest) -> str:
    return f"{sum(manifest.row_counts.values()):,} rows in {len(manifest.row_counts)} tables"


def _manifest_lines(manifest: Manifest) -> list[str]:
    return [
        f"taken {manifest.created_at:%Y-%m-%d %H:%M:%S}Z by {manifest.app_version}, schema version"
        f" {manifest.schema_version}, {manifest.size:,} bytes",
        *(f"  {count:>12,} {table}" for table, count in manifest.row_counts.items()),
    ]
