"""``duskspendr-backup``: back up a SQLite database on this device, prove the backup, bring it back."""

import sys
from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer._click.exceptions import ClickException
from typer.core import TyperGroup
from typer.main import get_command

from device.context import client_version
from device.errors import UsageError
from device.terminal import answer_error, say

if TYPE_CHECKING:
    from typer._click import Command, Context

# Where each command, or group of commands, stands. It is imported when it is called, or `create` would wait for all
# that only `login` needs, and hold it in memory.
_COMMANDS = {
    "keygen": "keys:keygen",
    "recovery-kit": "keys:make_kit",
    "create": "backups:create",
    "verify": "backups:verify",
    "list": "backups:list_backups",
    "restore": "restores:restore",
    "undo": "restores:undo",
    "recover": "restores:recover",
    "prune": "backups:prune_backups",
    "export": "exports:export_database",
    "migrate": "migrations:migrate",
    "login": "cloud:login",
    "upload": "cloud:upload",
    "download": "cloud:download",
    "cloud": "cloud:app",
    "daily": "daily:daily",
    "schedule": "daily:app",
}


class _Commands(TyperGroup):
    """The commands, each imported when it is looked at; a mistyped one answers a script in JSON, too."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,  # noqa: ANN401 - Typer's own signature
    ) -> Any:  # noqa: ANN401
        words = list(sys.argv[1:] if args is None else args)
        if not standalone_mode or "--json" not in words:
            return super().main(args, prog_name, complete_var, standalone_mode, windows_expand_args, **extra)
        try:
            sys.exit(super().main(words, prog_name, complete_var, standalone_mode=False, **extra))
        except ClickException as error:
            found = " ".join(error.format_message().split())
            answer_error(UsageError(expected="a command that can be understood", found=found, do="see --help"))
            sys.exit(UsageError.exit_status)
        except typer.Abort:
            sys.exit(1)

    def list_commands(self, ctx: "Context") -> list[str]:
        del ctx
        return list(_COMMANDS)

    def get_command(self, ctx: "Context", cmd_name: str) -> "Command | None":
        del ctx
        if cmd_name not in _COMMANDS:
            return None
        module, _, attribute = _COMMANDS[cmd_name].partition(":")
        found = getattr(import_module(f"device.commands.{module}"), attribute)
        if not isinstance(found, typer.Typer):
            alone = typer.Typer(add_completion=False)
            alone.command(cmd_name)(found)
            found = alone
        command = get_command(found)
        command.name = cmd_name
        return command


app = typer.Typer(
    cls=_Commands,
    help="Encrypted backups of a SQLite database: create, verify and restore them, here and in the cloud.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        say(client_version())
        raise typer.Exit


@app.callback()
def main(
    show_version: Annotated[
        bool, typer.Option("--version", help="Show the version.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    """Hold the options that stand before a command."""
