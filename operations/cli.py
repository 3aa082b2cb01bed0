"""``dr``: the recovery commands for engineers and whoever is on call."""

from importlib.metadata import version
from typing import Annotated

import typer
from rich.text import Text

from operations import drill, evidence, migrate
from operations.arguments import Dsn, Json
from operations.cost.command import cost
from operations.diff import diff
from operations.failover import failback, failover
from operations.guard import guard
from operations.proof import manifest, verify
from operations.recovery_points import recovery_points
from operations.repair import repair
from operations.restore import restore
from operations.rollback import rollback
from operations.status import status
from operations.terminal import Commands, answer, one_error, say
from recovery import bootstrap as bootstrapping
from recovery import heartbeat as pulse
from recovery.database import connect
from recovery.json_form import json_form

app = typer.Typer(
    cls=Commands,
    help="Disaster recovery of DuskSpendr: see where it stands, roll back, restore, and prove what was restored.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        say(f"dr {version('duskspendr-continuity')}")
        raise typer.Exit


@app.callback()
def main(
    show_version: Annotated[
        bool, typer.Option("--version", help="Show the version.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    """Hold the options that stand before a command."""


@app.command()
def bootstrap(dsn: Dsn, as_json: Json = False) -> None:
    """Prepare a database: schema continuity, the roles heartbeat and restore_verifier, the first heartbeat.

    Safe to repeat. Needs the owner of the database or the RDS master user.
    """
    with one_error(dsn=dsn, as_json=as_json), connect(dsn, application_name="dr bootstrap") as connection:
        report = bootstrapping.bootstrap(connection)
    lines: list[str | Text] = [f"created {each}" for each in report.created] or ["everything was in place"]
    lines.append(f"database {report.database} is ready, its newest heartbeat is {report.heartbeat.sequence}")
    if not report.iam:
        lines.append("the server has no role rds_iam: the two roles sign in as you set them up, not with IAM")
    answer(json_form(report), as_json=as_json, lines=lines)


@app.command()
def heartbeat(dsn: Dsn, as_json: Json = False) -> None:
    """Append one row to the pulse of a database."""
    with one_error(dsn=dsn, as_json=as_json), connect(dsn, application_name="dr heartbeat") as connection:
        written = pulse.write_heartbeat(connection)
    line = f"heartbeat {written.sequence} written at {written.written_at.isoformat()}"
    answer(json_form(written), as_json=as_json, lines=[line])


app.command()(manifest)
app.command()(verify)
app.command()(recovery_points)
app.command()(cost)
app.command()(rollback)
app.command()(restore)
app.command()(repair)
app.command()(status)
app.command()(guard)
app.command()(diff)
app.add_typer(drill.app, name="drill")
app.add_typer(evidence.app, name="evidence")
app.add_typer(migrate.app, name="migrate")
app.add_typer(failover, name="failover")
app.add_typer(failback, name="failback")


if __name__ == "__main__":
    app()
