"""``dr repair``: rows of a restored copy back into the live database, after a user's error, without a full restore."""

from contextlib import ExitStack
from typing import Annotated

import typer
from rich.text import Text

from operations.arguments import Json, read_past_time
from operations.terminal import InputError, answer, one_error, progress
from recovery.database import connect
from recovery.repair.repairing import Repair
from recovery.repair.repairing import compare as compare_rows
from recovery.repair.repairing import repair as put_back
from recovery.repair.repairing import undo as put_as_it_was
from recovery.repair.selection import select

SHOWN_ROWS = 20


def repair(
    dsn: Annotated[str, typer.Option(help="The live database, by the owner of the table.", show_default=False)],
    table: Annotated[str, typer.Option(help="The table, as schema.table.", show_default=False)],
    copy: Annotated[
        str, typer.Option("--copy", metavar="DSN", help="The restored copy, which is only read.", show_default=False)
    ] = "",
    since: Annotated[str | None, typer.Option(help="Only rows from this time on, in ISO 8601 with a zone.")] = None,
    until: Annotated[str | None, typer.Option(help="Only rows before this time.")] = None,
    time_column: Annotated[str, typer.Option(help="The column that the time range is about.")] = "created_at",
    with_added: Annotated[
        bool, typer.Option("--with-added", help="Also remove rows that the copy does not have; they are kept for undo.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List the rows, and change nothing.")] = False,
    undo: Annotated[
        str | None, typer.Option(metavar="REPAIR", help="Put back what this repair replaced.", show_default=False)
    ] = None,
    as_json: Json = False,
) -> None:
    """Put the rows of a restored copy in place of what a user's error left: lost and changed ones of one table.

    Rows that it replaces are kept in continuity.repaired, for --undo. Exit status: 0 done, 1 refused, nothing changed,
    2 it could not be done, nothing changed.
    """
    with one_error(dsn=dsn, as_json=as_json), ExitStack() as opened:
        if bool(copy) == (undo is not None):
            raise InputError("expected either --copy or --undo, found both or none: give the one that is meant")
        first = None if since is None else read_past_time("--since", since)
        last = None if until is None else read_past_time("--until", until)
        live = opened.enter_context(connect(dsn, application_name="dr repair"))
        other = live if undo else opened.enter_context(connect(copy, application_name="dr repair"))
        opened.enter_context(progress("comparing the rows"))
        chosen = select(live, other, table, column=time_column, since=first, until=last)
        if undo is not None:
            number = put_as_it_was(live, chosen, undo)
            answer({"undone": undo, "rows": number}, as_json=as_json, lines=[f"{number} rows are as they were"])
            return
        work = compare_rows if dry_run else put_back
        done = work(live, other, chosen, with_added=with_added)
    answer(done.model_dump(mode="json"), as_json=as_json, lines=_lines(done))


def _lines(done: Repair) -> list[str | Text]:
    lines: list[str | Text] = [
        f"  {each.kind} ({', '.join(done.key)}) = ({', '.join(each.key)})" for each in done.rows[:SHOWN_ROWS]
    ]
    if len(done.rows) > SHOWN_ROWS:
        lines.append(f"  and {len(done.rows) - SHOWN_ROWS} rows more; --json has them all")
    counts = f"{done.number('missing')} missing, {done.number('changed')} changed, {done.number('added')} added"
    lines.append(f"{done.selection}: {counts}")
    if done.id is None:
        return [*lines, "a dry run: nothing was changed"]
    return [*lines, f"put in place as repair {done.id}; --undo {done.id} puts back what was there"]
