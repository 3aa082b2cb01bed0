"""The estimate as text: tables for a terminal, and the page docs/cost.md."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from operations.cost.estimate import Line, Sum, grouped, missing
from operations.cost.prices import PriceTable
from operations.cost.protection import PROTECTIONS, WHAT_EACH_BUYS

Environments = Mapping[str, Sequence[Line]]
Row = tuple[str, ...]


def dollars(value: Decimal) -> str:
    """Whole dollars; less than one is said to be so."""
    return "< 1" if 0 < value < 1 else f"{value:,.0f}"


def _range(found: Sum) -> tuple[str, str, str]:
    return dollars(found.low), dollars(found.high), str(found.unpriced or "")


def stack_rows(lines: Sequence[Line]) -> list[Row]:
    """Stack, region, low, high, charges without a price; then the sum of each region and of all."""
    rows = [
        (stack, region, *_range(Sum.of(here)))
        for stack, of_stack in grouped(lines, lambda line: line.resource.stack).items()
        for region, here in grouped(of_stack, lambda line: line.region).items()
    ]
    by_region = grouped(lines, lambda line: line.region).items()
    return [*rows, *(("all", region, *_range(Sum.of(here))) for region, here in by_region), total_row(lines)]


def total_row(lines: Sequence[Line]) -> Row:
    """The sum of all."""
    return ("all", "both", *_range(Sum.of(lines)))


def protection_rows(lines: Sequence[Line]) -> list[Row]:
    """Protection, low, high, charges without a price."""
    found = grouped(lines, lambda line: line.protection)
    return [(name, *_range(Sum.of(found[name]))) for name in PROTECTIONS if name in found]


def missing_rows(lines: Sequence[Line]) -> list[Row]:
    """Resource types without a price, and why."""
    return [(", ".join(sorted(types)), reason) for reason, types in sorted(missing(lines).items())]


def _table(header: Row, rows: Sequence[Row]) -> list[str]:
    return [f"| {' | '.join(row)} |" for row in (header, tuple("---" for _ in header), *rows)]


def render(environments: Environments, table: PriceTable) -> str:
    """docs/cost.md."""
    lines = [
        "# What it costs",
        "",
        "Written by `make cost` from the templates and [the table of prices](../operations/cost/prices.toml); a test"
        f" compares. US dollars a month, on demand, prices gathered up to {table.as_of}, before tax, discounts and"
        " most free allowances. The lower number is little usage, the higher one much: the assumptions below say how"
        " much. An estimate, and no bill: ask AWS's own calculator before you decide.",
        "",
        "`dr cost` prints the same of your own `cdk.out`; `--json` gives every single charge with its source.",
    ]
    for name, found in environments.items():
        total = Sum.of(found)
        lines += ["", f"## {name}: {dollars(total.low)} to {dollars(total.high)}", ""]
        lines += _table(("stack", "region", "from", "to", "charges without a price"), stack_rows(found))
    lines += ["", "## What each protection costs", ""]
    lines += ["What you would save by leaving it out, and what you would lose.", ""]
    header = ("protection", *(f"{name}" for name in environments), "what it buys")
    lines += _table(header, [_protection(name, environments) for name in PROTECTIONS])
    lines += ["", "## Not in these sums", "", "No price was found in a source for these charges:", ""]
    everything = [line for found in environments.values() for line in found]
    lines += _table(("type", "what is missing"), [(f"`{types}`", why) for types, why in missing_rows(everything)])
    lines += [
        "",
        "Nor are traffic to the internet, CPU credits of the t4g classes, rotated key material, what AWS Config records"
        " for the audit framework, and the CDK's bootstrap.",
        "",
        "## Assumptions",
        "",
    ]
    assumed = [(name, f"{each.low:,}", f"{each.high:,}", each.why) for name, each in sorted(table.assumptions.items())]
    lines += _table(("assumption", "from", "to", "of what"), assumed)
    lines += ["", "## Sources", ""]
    sources = [(name, str(each.date), each.what, each.where) for name, each in sorted(table.sources.items())]
    lines += _table(("source", "date", "what", "where"), sources)
    return "\n".join([*lines, ""])


def _protection(name: str, environments: Environments) -> Row:
    sums = [Sum.of(line for line in found if line.protection == name) for found in environments.values()]
    return (name, *(f"{dollars(each.low)} to {dollars(each.high)}" for each in sums), WHAT_EACH_BUYS[name])
