"""``dr migrate``: move a live database, prove that it arrived, switch, and be able to go back."""

from typing import Annotated

import typer
from rich.text import Text

from operations.arguments import Json
from operations.proof import difference_lines
from operations.terminal import EXIT_FAILED, aligned, answer, one_error, progress
from recovery.database import UnreachableError
from recovery.migration.aborting import Aborted, abort_without_target
from recovery.migration.aborting import abort as end_migration
from recovery.migration.cutting_over import Cutover, cut_over
from recovery.migration.ends import open_ends, open_source
from recovery.migration.findings import size
from recovery.migration.plan import Plan, make_plan
from recovery.migration.standing import Standing, standing
from recovery.migration.starting import start as start_migration
from recovery.migration.verifying import Verification
from recovery.migration.verifying import verify as verify_migration
from recovery.objectives import CUTOVER_PAUSE

app = typer.Typer(
    no_args_is_help=True,
    help="Move a live database to another server, prove that it arrived, and switch.",
)

Source = Annotated[str, typer.Option(help="The database that serves, by its owner.", show_default=False)]
Target = Annotated[
    str,
    typer.Option(
        help="The database it goes to, by its owner. Each server has to reach the other by the host and port given.",
        show_default=False,
    ),
]

WEIGHT_STYLES = {"stops": "bold red", "harms": "yellow", "note": ""}


@app.command()
def plan(source: Source, target: Target, as_json: Json = False) -> None:
    """List what would stop or harm the move, each with its fix; estimate size and time. Changes nothing.

    Exit status: 0 nothing stops it, 1 something does, 2 it could not be looked at.
    """
    with one_error(dsn=source, as_json=as_json), progress("looking at both ends"), open_ends(source, target) as ends:
        found = make_plan(ends)
    answer(found.model_dump(mode="json") | {"ready": not found.stops}, as_json=as_json, lines=_plan_lines(found))
    raise typer.Exit(EXIT_FAILED if found.stops else 0)


def _plan_lines(found: Plan) -> list[str | Text]:
    lines: list[str | Text] = [f"from {found.source}", f"to   {found.target}"]
    lines += [
        Text.assemble((f"{each.weight:<5}", WEIGHT_STYLES[each.weight]), f" {each.kind}: {each.found}: {each.fix}")
        for each in found.findings
    ]
    time = "unmeasured"
    if found.estimated_seconds is not None and found.read_bytes_per_second is not None:
        time = (
            f"{found.estimated_seconds:.0f} s at least: reading them at {size(int(found.read_bytes_per_second))}/s,"
            " as a sample was read just now; writing them and building their indexes comes on top"
        )
    lines.append(f"{found.tables} tables of {size(found.table_bytes)}, {size(found.bytes)} with indexes; time: {time}")
    lines.append("nothing stops it" if not found.stops else f"{len(found.stops)} findings stop it")
    return lines


@app.command()
def start(source: Source, target: Target, as_json: Json = False) -> None:
    """Copy the schema and every row, and have the target follow. Goes on where an earlier start was interrupted.

    Exit status: 0 the target follows, 1 refused, nothing changed, 2 it could not go on; start again goes on.
    """
    with (
        one_error(dsn=source, as_json=as_json),
        progress("starting the migration") as step,
        open_ends(source, target) as ends,
    ):
        found = start_migration(ends, step)
    answer(found.model_dump(mode="json"), as_json=as_json, lines=_standing_lines(found))


@app.command()
def status(source: Source, target: Target, as_json: Json = False) -> None:
    """Show how far each table is, how far the target is behind, and what needs somebody.

    Exit status: 0 all is well, 1 something needs somebody or there is no migration, 2 it could not be looked at.
    """
    with one_error(dsn=source, as_json=as_json), open_ends(source, target) as ends:
        found = standing(ends)
    answer(found.model_dump(mode="json") | {"copied": found.copied}, as_json=as_json, lines=_standing_lines(found))
    raise typer.Exit(EXIT_FAILED if found.alarms else 0)


@app.command()
def verify(source: Source, target: Target, as_json: Json = False) -> None:
    """Compare schema and every row at one point, and say which rows differ. Holds writers off for a moment.

    Exit status: 0 both hold the same, 1 they differ or it was refused, 2 it could not be compared.
    """
    with one_error(dsn=source, as_json=as_json), progress("verifying") as step, open_ends(source, target) as ends:
        found = verify_migration(ends, step)
    answer(found.model_dump(mode="json") | {"same": found.same}, as_json=as_json, lines=_verified_lines(found))
    raise typer.Exit(0 if found.same else EXIT_FAILED)


@app.command()
def cutover(
    source: Source,
    target: Target,
    max_pause_seconds: Annotated[
        float,
        typer.Option(min=0.1, max=600, help="How long nobody may write at most; past it everything stays as it was."),
    ] = CUTOVER_PAUSE.total_seconds(),
    as_json: Json = False,
) -> None:
    """Switch: freeze the source, compare what changed, arm the way back, release the target.

    Exit status: 0 the target serves, 1 refused or called off, the source serves, 2 it could not be done; a call that
    was interrupted after the source was fenced is ended by the same command again.
    """
    with one_error(dsn=source, as_json=as_json), progress("cutting over") as step, open_ends(source, target) as ends:
        found = cut_over(ends, max_pause_seconds=max_pause_seconds, progress=step)
    answer(found.model_dump(mode="json"), as_json=as_json, lines=_cutover_lines(found))
    raise typer.Exit(0 if found.done else EXIT_FAILED)


@app.command()
def abort(source: Source, target: Target, as_json: Json = False) -> None:
    """End the migration at any time: the source is as it was; the target keeps its rows, read-only by default.

    A cutover that broke off before it released the target is undone. After a cutover, with the ends swapped, it ends
    the following for good. Exit status: 0 done, 1 refused, 2 it could not be done.
    """
    with one_error(dsn=source, as_json=as_json), progress("aborting") as step:
        try:
            with open_ends(source, target) as ends:
                found = end_migration(ends, step)
        except UnreachableError:
            with open_source(source) as end:
                found = abort_without_target(end, step)
    answer(found.model_dump(mode="json"), as_json=as_json, lines=_aborted_lines(found))


def _standing_lines(found: Standing) -> list[str | Text]:
    migration = found.migration
    lines: list[str | Text] = [
        f"{migration.source_place} -> {migration.target_place}, since {migration.started_at:%Y-%m-%d %H:%M} UTC"
    ]
    lines += aligned(
        [(each.table, each.state, f"{size(each.target_bytes)} of {size(each.source_bytes)}") for each in found.tables]
        or [("no table", "the copy has not begun", "")]
    )
    behind = "unmeasured" if found.behind is None else size(found.behind)
    verified = "not verified" if migration.verified is None else f"verified {migration.verified.at:%Y-%m-%d %H:%M} UTC"
    lines.append(f"behind: {behind}; WAL held: {size(sum(each.held or 0 for each in found.slots))}; {verified}")
    return [*lines, *(Text(each, style="bold red") for each in found.alarms)]


def _verified_lines(found: Verification) -> list[str | Text]:
    lines: list[str | Text] = [Text(each, style="bold red") for each in found.schema_differences]
    for each in found.compared.differences:
        lines += difference_lines(each)
    lines.append(
        f"{found.compared.rows} rows of {found.compared.tables} tables compared at {found.position} in"
        f" {found.seconds:.1f} s; writers held off for {found.pause_seconds:.3f} s"
    )
    return [*lines, "both ends hold the same" if found.same else Text("they differ", style="bold red")]


def _cutover_lines(found: Cutover) -> list[str | Text]:
    pause = "unmeasured (an earlier call began it)" if found.pause_seconds is None else f"{found.pause_seconds:.3f} s"
    if found.done:
        now = found.migration
        return [
            f"{now.source_place} serves; nobody could write for {pause} of {found.limit_seconds:g} s allowed",
            f"{found.changed_rows} rows changed since the verification are the same, {found.sequences} sequences set,"
            f" {found.ended_sessions} sessions of the old database ended",
            f"{now.target_place} follows: swap --source and --target to go back (verify, cutover) or to end it (abort)",
        ]
    lines: list[str | Text] = []
    for each in found.differences:
        lines += difference_lines(each)
    return [*lines, Text(f"called off after {pause}: the source serves on; start over", style="bold red")]


def _aborted_lines(found: Aborted) -> list[str | Text]:
    lines: list[str | Text] = [f"the migration is ended; {found.served_by} serves"]
    if found.fenced:
        lines.append(f"{found.fenced} keeps its rows, and is read-only by default")
    else:
        lines.append(f"{found.left} did not answer: drop that database before you use it for anything")
    return lines
