"""``dr``: the recovery commands for engineers and whoever is on call."""

from datetime import timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from operations import evidence
from operations.arguments import check_optional, check_writable, read_disaster_time, read_manifest, write_whole
from operations.recovery_points import recovery_points
from operations.terminal import (
    EXIT_COULD_NOT,
    EXIT_FAILED,
    EXIT_PASSED,
    STATUS_STYLES,
    answer,
    one_error,
    progress,
    say,
)
from recovery import bootstrap as bootstrapping
from recovery import heartbeat as pulse
from recovery.database import connect
from recovery.manifest import take_manifest
from recovery.objectives import FULL
from recovery.verification import STATEMENT_TIMEOUT_SECONDS, CheckResult, Verification
from recovery.verification import verify as run_checks

app = typer.Typer(
    help="Disaster recovery of DuskSpendr: keep the pulse of a database, record what it holds, prove a restored copy.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Dsn = Annotated[
    str,
    typer.Option(
        help="The database: postgresql://user@host/name or 'host=... dbname=...'. libpq's PGPASSWORD, ~/.pgpass and"
        " other settings work as usual.",
        show_default=False,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Answer with one JSON object.")]

LONGEST_SECONDS = int(timedelta.max.total_seconds())
DEFAULT_RPO_SECONDS = int((FULL.rpo or timedelta()).total_seconds())

EXIT_STATUS = {"passed": EXIT_PASSED, "failed": EXIT_FAILED, "not_proven": EXIT_COULD_NOT}
VERDICTS = {"passed": "PASS", "failed": "FAIL", "not_proven": "NOT_PROVEN"}


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
    answer(report.model_dump(mode="json"), as_json=as_json, lines=lines)


@app.command()
def heartbeat(dsn: Dsn, as_json: Json = False) -> None:
    """Append one row to the pulse of a database."""
    with one_error(dsn=dsn, as_json=as_json), connect(dsn, application_name="dr heartbeat") as connection:
        written = pulse.write_heartbeat(connection)
    line = f"heartbeat {written.sequence} written at {written.written_at.isoformat()}"
    answer(written.model_dump(mode="json"), as_json=as_json, lines=[line])


@app.command()
def manifest(
    dsn: Dsn,
    out: Annotated[Path, typer.Option(help="The file to write.", show_default=False)],
    may_lose_rows: Annotated[
        list[str] | None,
        typer.Option(help="A table, as schema.table, whose rows the product deletes. Give it once a table."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Record what a database holds, in one snapshot, for later proof of a restored copy.

    Rows are only read; nobody else is blocked.
    """
    with one_error(dsn=dsn, as_json=as_json):
        check_writable(out)
        with (
            connect(dsn, application_name="dr manifest") as connection,
            progress("taking the manifest") as step,
        ):
            taken = take_manifest(connection, may_lose_rows=may_lose_rows or (), progress=step)
        write_whole(out, taken.model_dump_json())
    facts = {
        "manifest": str(out),
        "database": taken.database.name,
        "taken_at": taken.taken_at.isoformat(),
        "settled_at": taken.settled_at.isoformat(),
        "objects": len(taken.objects),
        "tables": len(taken.tables),
        "rows": taken.rows,
        "settled_rows": taken.settled_rows,
    }
    line = (
        f"{out}: database {taken.database.name} with {taken.rows} rows in {len(taken.tables)} tables,"
        f" {taken.settled_rows} of them settled at {taken.settled_at.isoformat()} and fingerprinted"
    )
    answer(facts, as_json=as_json, lines=[line])


@app.command()
def verify(
    dsn: Dsn,
    manifest: Annotated[Path, typer.Option(help="What `dr manifest` recorded.", show_default=False)],
    disaster_time: Annotated[
        str | None,
        typer.Option(help="When the data was lost, in ISO 8601 with a zone.", show_default="now"),
    ] = None,
    rpo_seconds: Annotated[
        int,
        typer.Option(
            min=0, max=LONGEST_SECONDS, metavar="N", help="How much older than the disaster time the data may be."
        ),
    ] = DEFAULT_RPO_SECONDS,
    optional: Annotated[
        list[str] | None,
        typer.Option(help="A check that may be left not proven; one that fails, fails. Give it once a check."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Prove that a restored database is what its manifest says.

    Exit status: 0 proven, 1 a check failed, 2 it could not be verified.
    """
    with one_error(dsn=dsn, as_json=as_json):
        excusable = check_optional(optional or ())
        disaster = read_disaster_time(disaster_time)
        recorded = read_manifest(manifest)
        # A database that cannot be reached is one error, not one of every check.
        connect(dsn, application_name="dr verify").close()
        with progress("verifying") as step:
            verification = run_checks(
                dsn,
                recorded,
                disaster_time=disaster,
                rpo=timedelta(seconds=rpo_seconds),
                statement_timeout_seconds=STATEMENT_TIMEOUT_SECONDS,
                progress=step,
            )
    measured = verification.measured_rpo
    excused = [check.name for check in verification.checks if check.status == "not_proven" and check.name in excusable]
    status = Verification(checks=tuple(each for each in verification.checks if each.name not in excused)).status
    facts = {
        "verdict": VERDICTS[status],
        "disaster_time": disaster.isoformat(),
        "rpo_target_seconds": rpo_seconds,
        "rpo_measured_seconds": None if measured is None else measured.total_seconds(),
        "manifest_taken_at": recorded.taken_at.isoformat(),
        "checks": [check.model_dump(mode="json") for check in verification.checks],
        "excused": excused,
    }
    lines = [
        *_verification_lines(verification, rpo_seconds),
        *(f"{name} is optional: not proven, and excused" for name in excused),
        Text(VERDICTS[status], style=STATUS_STYLES[status]),
    ]
    answer(facts, as_json=as_json, lines=lines)
    raise typer.Exit(EXIT_STATUS[status])


app.command()(recovery_points)
app.add_typer(evidence.app, name="evidence")


def _verification_lines(verification: Verification, rpo_seconds: int) -> list[str | Text]:
    measured = verification.measured_rpo
    rpo = "unmeasured" if measured is None else f"{measured.total_seconds():.1f} s"
    lines: list[str | Text] = [_check_line(check) for check in verification.checks]
    lines.append(f"RPO {rpo}, at most {rpo_seconds} s allowed")
    return lines


def _check_line(check: CheckResult) -> Text:
    return Text.assemble(
        (f"{VERDICTS[check.status]:<10}", STATUS_STYLES[check.status]), f" {check.name:<9} ", check.detail
    )
