"""``dr migrate``: move a live database, prove that it arrived, switch, and be able to go back."""

from typing import Annotated

import typer
from rich.text import Text

from operations.arguments import Json
from operations.terminal import EXIT_FAILED, answer, one_error, progress
from recovery.migration.ends import open_ends
from recovery.migration.plan import Plan, make_plan, size

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
