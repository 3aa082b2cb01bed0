"""``dr manifest`` and ``dr verify``: record what a database holds, and prove a restored copy against it."""

from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from operations.arguments import (
    Dsn,
    Json,
    check_optional,
    check_writable,
    read_disaster_time,
    read_manifest,
    write_whole,
)
from operations.terminal import (
    EXIT_COULD_NOT,
    EXIT_FAILED,
    EXIT_PASSED,
    STATUS_STYLES,
    answer,
    one_error,
    progress,
)
from recovery.check_results import CheckResult
from recovery.checks import CHECKS
from recovery.checks.invariant_files import find_files
from recovery.checks.outcome import PACKAGED_INVARIANTS, counted
from recovery.database import connect
from recovery.explanation import TableDifference, explain
from recovery.manifest import Manifest
from recovery.manifest_taking import take_manifest
from recovery.objectives import FULL
from recovery.verification import STATEMENT_TIMEOUT_SECONDS, WORKERS, Verification
from recovery.verification import verify as run_checks

LONGEST_SECONDS = int(timedelta.max.total_seconds())
DEFAULT_RPO_SECONDS = int((FULL.rpo or timedelta()).total_seconds())

EXIT_STATUS = {"passed": EXIT_PASSED, "failed": EXIT_FAILED, "not_proven": EXIT_COULD_NOT}
VERDICTS = {"passed": "PASS", "failed": "FAIL", "not_proven": "NOT_PROVEN"}
_NAME_WIDTH = max(map(len, CHECKS))
# Rows of one table that a person is shown; --json has every one that was found.
SHOWN_ROWS = 10


def manifest(
    dsn: Dsn,
    out: Annotated[Path, typer.Option(help="The file to write.", show_default=False)],
    may_lose_rows: Annotated[
        list[str] | None,
        typer.Option(help="A table, as schema.table, whose rows the product deletes. Give it once a table."),
    ] = None,
    portable: Annotated[
        bool,
        typer.Option("--portable", help="Fingerprint for a copy on another major version of PostgreSQL; slower."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Record what a database holds, in one snapshot, for later proof of a restored copy.

    Rows are only read; nobody else is blocked.
    """
    with one_error(dsn=dsn, as_json=as_json):
        check_writable(out)
        with ExitStack() as opened:
            connection, *helpers = (
                opened.enter_context(connect(dsn, application_name="dr manifest")) for _ in range(WORKERS)
            )
            step = opened.enter_context(progress("taking the manifest"))
            taken = take_manifest(
                connection, may_lose_rows=may_lose_rows or (), portable=portable, helpers=helpers, progress=step
            )
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
    invariants: Annotated[
        list[Path] | None,
        typer.Option(help="A folder of further questions, one SQL file each. Give it once a folder."),
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(
            "--explain",
            metavar="SOURCE_DSN",
            help="The database the manifest was taken of, while it can be read: narrows a content finding to rows.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Prove that a restored database is what its manifest says.

    Exit status: 0 proven, 1 a check failed, 2 it could not be verified.
    """
    with one_error(dsn=dsn, as_json=as_json):
        excusable = check_optional(optional or ())
        find_files((PACKAGED_INVARIANTS, *(invariants or ())))  # a slip of the pen is one error, before the work
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
                invariants=invariants or (),
                statement_timeout_seconds=STATEMENT_TIMEOUT_SECONDS,
                progress=step,
            )
        differences = None if source is None else _explain(verification, dsn, source, recorded)
    measured = verification.measured_rpo
    excused = [check.name for check in verification.checks if check.status == "not_proven" and check.name in excusable]
    status = Verification(checks=tuple(each for each in verification.checks if each.name not in excused)).status
    facts: dict[str, Any] = {
        "verdict": VERDICTS[status],
        "disaster_time": disaster.isoformat(),
        "rpo_target_seconds": rpo_seconds,
        "rpo_measured_seconds": None if measured is None else measured.total_seconds(),
        "manifest_taken_at": recorded.taken_at.isoformat(),
        "checks": [check.model_dump(mode="json") for check in verification.checks],
        "excused": excused,
    }
    if differences is not None:
        facts["differences"] = [each.model_dump(mode="json") for each in differences]
    lines = [
        *_verification_lines(verification, rpo_seconds),
        *(line for each in differences or () for line in difference_lines(each)),
        *(f"{name} is optional: not proven, and excused" for name in excused),
        Text(VERDICTS[status], style=STATUS_STYLES[status]),
    ]
    answer(facts, as_json=as_json, lines=lines)
    raise typer.Exit(EXIT_STATUS[status])


def _verification_lines(verification: Verification, rpo_seconds: int) -> list[str | Text]:
    measured = verification.measured_rpo
    rpo = "unmeasured" if measured is None else f"{measured.total_seconds():.1f} s"
    lines: list[str | Text] = [_check_line(check) for check in verification.checks]
    lines.append(f"RPO {rpo}, at most {rpo_seconds} s allowed")
    return lines


def _check_line(check: CheckResult) -> Text:
    return Text.assemble(
        (f"{VERDICTS[check.status]:<10}", STATUS_STYLES[check.status]), f" {check.name:<{_NAME_WIDTH}} ", check.detail
    )


def _explain(verification: Verification, dsn: str, source: str, recorded: Manifest) -> list[TableDifference]:
    if all(check.status == "passed" for check in verification.checks if check.name == "content"):
        return []
    with (
        progress("comparing with the source"),
        connect(source, application_name="dr verify --explain") as original,
        connect(dsn, application_name="dr verify --explain") as copy,
    ):
        return explain(copy, original, recorded)


def difference_lines(found: TableDifference) -> list[str]:
    """What differs in a table, for a person."""
    what = f"{found.table}: {counted(found.buckets, 'faulty bucket')}"
    if found.examined < found.buckets and not found.note:
        what += f", {found.examined} of them looked into"
    lines = [f"{what}; {found.note}" if found.note else what]
    for each in found.rows[:SHOWN_ROWS]:
        columns = f" in {', '.join(each.columns)}" if each.columns else ""
        lines.append(f"  {each.kind} ({', '.join(found.key)}) = ({', '.join(each.key)}){columns}")
    more = len(found.rows) - SHOWN_ROWS
    return [*lines, f"  and {more} rows more"] if more > 0 else lines
