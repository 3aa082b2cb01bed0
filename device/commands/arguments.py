"""Arguments that several commands have, and the reading of those that name a secret's file."""

import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from pyrage.x25519 import Identity

from device import keys
from device.context import Context
from device.errors import UsageError
from device.terminal import progress

File = Annotated[Path, typer.Argument(help="The backup file.", show_default=False)]
Database = Annotated[Path, typer.Option("--database", help="The SQLite database.", show_default=False)]
Folder = Annotated[Path, typer.Option("--in", help="The folder of the backups.", show_default=False)]
Into = Annotated[Path, typer.Option("--into", help="The folder for the backup.", show_default=False)]
Recipients = Annotated[
    list[str],
    typer.Option("--recipient", help="Who can open it (age1...): this device, the recovery kit.", show_default=False),
]
KeyFile = Annotated[
    Path, typer.Option("--identity", help="The key file of `keygen`, or a recovery kit.", show_default=False)
]
OptionalKeyFile = Annotated[
    Path | None, typer.Option("--identity", help="The key file of `keygen`, or a recovery kit.", show_default=False)
]
PassphraseFile = Annotated[
    Path | None,
    typer.Option(
        "--passphrase-file", help="Holds the recovery kit's passphrase; else it is asked for.", show_default=False
    ),
]
DatabaseKeyFile = Annotated[
    Path | None,
    typer.Option("--database-key", help="Holds the key of an encrypted (SQLCipher) database.", show_default=False),
]


def read_identities(path: Path, passphrase_file: Path | None) -> list[Identity]:
    """The identities of a key file, or of a recovery kit and its passphrase.

    Nothing may show progress meanwhile: it would write over the question for the passphrase. Raises
    :class:`~device.errors.BackupError` of the cause.
    """
    from device import recovery_kit

    text = read_secret(path, "--identity")
    if not recovery_kit.is_kit(text):
        return keys.parse_identities(text, str(path))
    passphrase = _ask() if passphrase_file is None else read_secret(passphrase_file, "--passphrase-file")
    with progress("unlocking the recovery kit"):
        return recovery_kit.unlock(text, passphrase)


@contextmanager
def working(title: str, database_key: Path | None = None) -> Generator[Context]:
    """A context that shows its steps, and knows the key of an encrypted database. Raises :class:`UsageError`."""
    key = None if database_key is None else read_secret(database_key, "--database-key")
    with progress(title) as step:
        yield Context(key=key, step=step)


def _ask() -> str:
    try:
        return typer.prompt("Passphrase of the recovery kit", hide_input=True, err=True)
    except typer.Abort:
        if sys.stdin.isatty():
            raise
        raise UsageError(
            expected="--passphrase-file, as nobody is there to be asked", found="none", do="add it"
        ) from None


def read_secret(path: Path, option: str) -> str:
    """A small text file. Raises :class:`UsageError`."""
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        found = error.strerror if isinstance(error, OSError) else "something that is no text"
        raise UsageError(expected=f"a text file for {option}", found=f"{found}: {path}", do="check the path") from None
