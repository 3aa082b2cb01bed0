"""``dr cost``: what a deployment costs a month, and what each protection adds."""

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from operations.arguments import Json, check_writable, write_whole
from operations.cost.assembly import read_resources
from operations.cost.estimate import Line, Sum, estimate, grouped
from operations.cost.page import Environments, missing_rows, protection_rows, render, stack_rows
from operations.cost.prices import PriceTable, price_table
from operations.terminal import InputError, aligned, answer, one_error

DEFAULT_FOLDER = Path("cdk.out")


def cost(
    environment: Annotated[
        str | None, typer.Option(help="Only this environment.", show_default="all that were synthesized")
    ] = None,
    templates: Annotated[
        Path, typer.Option(help="The cloud assembly to read, as `cdk synth` writes it.", show_default=True)
    ] = DEFAULT_FOLDER,
    page: Annotated[
        Path | None, typer.Option(help="Write the page docs/cost.md into this file.", show_default=False)
    ] = None,
    as_json: Json = False,
) -> None:
    """Estimate what a deployment costs a month, by stack and region, and what each protection adds.

    Reads the templates in cdk.out, so run `cdk synth` first; asks nobody, and needs no credentials. Prices come from
    the table that is shipped with the command. What has no price there is named, and is in no sum.
    """
    with one_error(dsn="", as_json=as_json):
        if page is not None:
            check_writable(page)
        table = price_table()
        environments = _estimates(templates, environment, table)
        if page is not None:
            write_whole(page, render(environments, table))
        facts = {name: _facts(found) for name, found in environments.items()}
        value = {"as_of": str(table.as_of), "currency": "USD", "period": "month", "environments": facts}
        answer(value, as_json=as_json, lines=_screen(environments, table) if page is None else [f"wrote {page}"])


def _estimates(templates: Path, environment: str | None, table: PriceTable) -> Environments:
    resources = read_resources(templates)
    names = list(dict.fromkeys(each.environment for each in resources))
    if environment is not None and environment not in names:
        raise InputError(
            f"--environment: expected one of those in {templates} ({', '.join(names)}), found {environment!r}: name one"
            " of them, or synthesize it"
        )
    return {
        name: estimate([each for each in resources if each.environment == name], table)
        for name in ([environment] if environment else names)
    }


def _screen(environments: Environments, table: PriceTable) -> list[str | Text]:
    lines: list[str | Text] = []
    for name, found in environments.items():
        lines += [Text(f"{name}, US dollars a month; prices up to {table.as_of}", style="bold"), ""]
        lines += aligned([("STACK", "REGION", "FROM", "TO", "UNPRICED"), *stack_rows(found)])
        lines += ["", *aligned([("PROTECTION", "FROM", "TO", "UNPRICED"), *protection_rows(found)]), ""]
    everything = [line for found in environments.values() for line in found]
    lines += ["without a price, and in no sum:"]
    return lines + [f"- {types}: {why}" for types, why in missing_rows(everything)]


def _facts(found: Sequence[Line]) -> dict[str, Any]:
    return {
        "total": _sum(Sum.of(found)),
        "stacks": [
            {"stack": stack, "region": region} | _sum(Sum.of(here))
            for stack, of_stack in grouped(found, lambda line: line.resource.stack).items()
            for region, here in grouped(of_stack, lambda line: line.region).items()
        ],
        "protections": {
            name: _sum(Sum.of(here)) for name, here in grouped(found, lambda line: line.protection).items()
        },
        "charges": [_charge(line) for line in found],
    }


def _sum(found: Sum) -> dict[str, Any]:
    return {"low": _money(found.low), "high": _money(found.high), "unpriced": found.unpriced}


def _charge(line: Line) -> dict[str, Any]:
    priced = line.low is not None and line.high is not None
    return {
        "stack": line.resource.stack,
        "region": line.region,
        "resource": line.resource.logical_id,
        "type": line.resource.type,
        "what": line.what,
        "protection": line.protection,
        "low": _money(line.low) if line.low is not None else None,
        "high": _money(line.high) if line.high is not None else None,
        "source" if priced else "unpriced": line.source if priced else line.reason,
    }


def _money(value: Decimal) -> float:
    return float(round(value, 4))
