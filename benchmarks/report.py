"""The page of a benchmark: what was raced, medians, and ratios."""

from collections.abc import Mapping, Sequence
from typing import Any

PROOF = "content proof"
DUMP = "pg_dump | sha256sum"


def render(facts: Mapping[str, Any]) -> str:
    """Markdown of what :mod:`benchmarks.verify` measured."""
    race, day = facts["race"], facts["day"]
    own = race[PROOF]["median"]
    lines = [
        "# What the content proof costs",
        "",
        "Written by `make bench`. Figures of one machine and one run, to be read as ratios; not of AWS.",
        "",
        f"{facts['measured_on']}, {facts['machine']}, PostgreSQL {facts['server']}; {facts['rows']:,} rows in"
        f" {facts['bytes'] / 2**20:,.0f} MiB, cached; medians of {facts['runs']} interleaved runs.",
        "",
        "| contender | median | runs | against the proof |",
        "|---|---|---|---|",
    ]
    for name, timing in race.items():
        runs = ", ".join(f"{each:.2f}" for each in timing["seconds"])
        ratio = "" if name == PROOF else f"{timing['median'] / own:.1f} times its time"
        shown = name.replace("|", r"\|")  # a bar would end the table's cell
        lines.append(f"| {shown} | {timing['median']:.2f} s | {runs} | {ratio} |")
    lines += [
        "",
        f"After a simulated day of traffic (its size is in `benchmarks/verify.py`), {day['rows_proven']:,} of the"
        f" manifest's {day['rows_in_manifest']:,} rows were proven to the bit: **{day['share_proven']:.2%}**; later"
        f" changes explain the {day['buckets_explained_by_later_changes']:,} buckets that hold the others. A proof then"
        f" takes {day['seconds']:.2f} s, because what was touched is compared in detail; pg_dump took"
        f" {race[DUMP]['median'] / day['seconds']:.1f} times as long.",
    ]
    return "\n".join([*lines, *_growth(facts["growth"])]) + "\n"


def _growth(grown: Sequence[Mapping[str, Any]]) -> list[str]:
    if not grown:
        return []
    lines = [
        "",
        "| transactions | proof | a million rows | count(*) | memory of `dr`, at most | of a connection, at most |",
        "|---|---|---|---|---|---|",
    ]
    for each in grown:
        million = each["seconds"] / (each["rows"] / 1_000_000)
        lines.append(
            f"| {each['rows']:,} | {each['seconds']:.2f} s | {million:.2f} s | {each['count_seconds']:.2f} s |"
            f" + {each['ours_mib']:.0f} MiB | {each['server_mib']:.0f} MiB |"
        )
    return lines
