"""``dr recovery-points``: what is wrong with the recovery points of a vault."""

from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.text import Text

from operations.arguments import Json
from operations.aws import aws_in, client
from operations.terminal import EXIT_FAILED, EXIT_PASSED, answer, one_error
from recovery.json_form import json_form
from recovery.recovery_points import review
from recovery.vault_inventory import read_inventory


def recovery_points(
    vault: Annotated[str, typer.Option(help="The backup vault's name.", show_default=False)],
    region: Annotated[str | None, typer.Option(help="The vault's region.", show_default="the AWS profile's")] = None,
    as_json: Json = False,
) -> None:
    """List what expired, is stuck, came with warnings, is late or was left over in a vault and beside it.

    Exit status: 0 all is well, 1 something was found, 2 the vault could not be looked at.
    """
    with one_error(dsn="", as_json=as_json), aws_in(region, f"to read the vault {vault}"):
        found = review(read_inventory(client("backup", region), client("rds", region), vault), now=datetime.now(UTC))
    lines: list[str | Text] = [
        Text.assemble((f"{finding.kind:<10}", "bold red"), " ", finding.sentence) for finding in found.findings
    ]
    facts = json_form(found) | {"counts": found.counts}
    answer(facts, as_json=as_json, lines=lines or [found.summary])
    raise typer.Exit(EXIT_FAILED if found.findings else EXIT_PASSED)
