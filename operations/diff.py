"""``dr diff``: what a deploy would change, and which data it would replace or let go."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from operations.arguments import Json, check_writable, write_whole
from operations.terminal import EXIT_FAILED, EXIT_PASSED, aligned, answer, one_error

if TYPE_CHECKING:
    from recovery.guards.changes import Change

# A comment on GitHub holds 65,536 characters: https://github.com/orgs/community/discussions/27190
COMMENT_CHARACTERS = 65_536
_ROWS = 40

_Before = Annotated[
    Path, typer.Argument(help="The templates that are deployed: a folder `cdk synth` wrote, or a file.")
]
_After = Annotated[Path, typer.Argument(help="The templates that are to be deployed.")]
_Page = Annotated[
    Path | None, typer.Option(help="Write the answer to this file as Markdown, for a pull request.", show_default=False)
]


def diff(before: _Before, after: _After = Path("cdk.out"), page: _Page = None, as_json: Json = False) -> None:
    """Compare templates, and warn of data that a deploy would replace or let go.

    Exits 0 when all data stays where it is, 1 when some would not, 2 when there are no templates.
    """
    from recovery.guards.changes import changes
    from recovery.guards.reading import read

    with one_error(dsn="", as_json=as_json):
        if page is not None:
            check_writable(page, option="--page")
        found = changes(read(before), read(after))
        if page is not None:
            write_whole(page, markdown(found))
        harmed = [each for each in found if each.harm]
        value = {"data_at_risk": len(harmed), "changes": [asdict(each) for each in found]}
        answer(value, as_json=as_json, lines=list(_lines(found, harmed)))
    raise typer.Exit(EXIT_FAILED if harmed else EXIT_PASSED)


def _lines(found: "list[Change]", harmed: "list[Change]") -> Iterator[str | Text]:
    rows = [(each.kind, each.construct, each.type, ", ".join(each.properties)) for each in found]
    styles = {"added": "green", "changed": "yellow", "removed": "red"}
    yield from aligned(rows, styles=styles) if rows else ()
    for each in harmed:
        yield Text.assemble(("DATA  ", "bold red"), each.sentence)
    counts = Counter(each.kind for each in found)
    yield (
        f"{counts['added']} added, {counts['changed']} changed, {counts['removed']} removed;"
        f" {len(harmed)} of them put data at risk"
    )


def markdown(found: "list[Change]") -> str:
    """The changes by environment, what puts data at risk first; no longer than a comment may be."""
    lines = ["## What a deploy would change", ""]
    if harmed := [each for each in found if each.harm]:
        lines += ["> [!CAUTION]", f"> **{len(harmed)} resources that hold data would not stay as they are.**"]
        lines += [f"> - {each.sentence}" for each in harmed[:_ROWS]]
        lines += [f"> - and {len(harmed) - _ROWS} more"] if len(harmed) > _ROWS else []
        lines += [">", "> Move the data first, or leave the property as it is.", ""]
    if not found:
        return "\n".join([*lines, "Nothing, in any environment.", ""])
    environments = [(name, list(group)) for name, group in groupby(found, key=lambda each: each.environment)]
    lines += ["| environment | added | changed | removed | data at risk |", "|---|---|---|---|---|"]
    for name, group in environments:
        counts = Counter(each.kind for each in group)
        harm = sum(each.harm is not None for each in group)
        lines.append(f"| {name} | {counts['added']} | {counts['changed']} | {counts['removed']} | {harm} |")
    for name, group in environments:
        lines += ["", f"<details><summary>{name}: {len(group)} resources</summary>", "", "| | resource | what |"]
        lines += ["|---|---|---|", *(_row(each) for each in group[:_ROWS])]
        lines += [f"| | and {len(group) - _ROWS} more: `dr diff` lists them | |"] if len(group) > _ROWS else []
        lines += ["", "</details>"]
    text = "\n".join([*lines, ""])
    cut = "\n\nCut here: `dr diff` lists the rest.\n"
    return text if len(text) <= COMMENT_CHARACTERS else text[: COMMENT_CHARACTERS - len(cut)] + cut


def _row(change: "Change") -> str:
    return f"| {change.kind} | `{change.construct}` {change.type} | {', '.join(change.properties)} |"
