"""``duskspendr-backup``: back up a SQLite database on this device, prove the backup, bring it back."""

from typing import Annotated

import typer

from device.commands import backups, cloud, daily, exports, keys, restores
from device.context import client_version
from device.terminal import say

app = typer.Typer(
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


app.command()(keys.keygen)
app.command("recovery-kit")(keys.make_kit)
app.command()(backups.create)
app.command()(backups.verify)
app.command("list")(backups.list_backups)
app.command()(restores.restore)
app.command()(restores.undo)
app.command()(restores.recover)
app.command("prune")(backups.prune_backups)
app.command("export")(exports.export_database)
app.command()(cloud.login)
app.command()(cloud.upload)
app.command()(cloud.download)
app.add_typer(cloud.app, name="cloud")
app.command()(daily.daily)
app.add_typer(daily.app, name="schedule")
