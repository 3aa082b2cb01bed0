"""``dr guard``: what in templates would fail at a deploy, or in a disaster."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from importlib.metadata import version
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from operations.arguments import Json, check_writable, write_whole
from operations.terminal import EXIT_FAILED, EXIT_PASSED, answer, one_error

if TYPE_CHECKING:
    from recovery.guards.finding import Finding, Report

_STYLES = {"error": "bold red", "warning": "yellow"}

_Folder = Annotated[
    Path,
    typer.Argument(help="What `cdk synth` wrote, or any folder or file of CloudFormation templates, JSON or YAML."),
]
_Sarif = Annotated[
    Path | None, typer.Option("--sarif", help="Write the report to this file as SARIF 2.1.0.", show_default=False)
]


def guard(folder: _Folder = Path("cdk.out"), as_json: Json = False, sarif: _Sarif = None) -> None:
    """Find what synthesizes fine and fails at deploy, or at disaster.

    Exits 0 when nothing is found, 1 for findings, 2 when there are no templates.
    """
    # Rules and YAML take a moment to load, which no other command should pay.
    from recovery.guards.checking import check
    from recovery.guards.reading import read
    from recovery.guards.sarif import sarif as as_sarif

    with one_error(dsn="", as_json=as_json):
        if sarif is not None:
            check_writable(sarif, option="--sarif")
        report = check(read(folder))
        if sarif is not None:
            document = as_sarif(report, root=folder, version=version("duskspendr-continuity"))
            write_whole(sarif, json.dumps(document, indent=2) + "\n")
        answer(_as_object(report), as_json=as_json, lines=list(_lines(report)))
    raise typer.Exit(EXIT_FAILED if report.findings else EXIT_PASSED)


def _as_object(report: "Report") -> dict[str, Any]:
    return asdict(report)


def _lines(report: "Report") -> Iterator[str | Text]:
    for name, found in groupby(report.findings, key=lambda finding: finding.rule):
        yield from _finding_lines(name, list(found))
    if report.not_resolved:
        yield "could not be resolved:"
        for unknown in report.not_resolved:
            yield f"  {unknown.rule}  {unknown.construct} {unknown.path}: {unknown.reason}"
        yield ""
    if report.not_read:
        yield "was not looked at:"
        for part in report.not_read:
            yield f"  {part.file}  {part.path}: {part.reason}"
        yield ""
    yield (
        f"{report.rules} rules over {report.resources} resources of {report.stacks} stacks:"
        f" {len(report.findings)} findings, {len(report.acknowledged)} acknowledged,"
        f" {len(report.not_resolved)} could not be resolved, {len(report.not_read)} parts not looked at"
    )


def _finding_lines(name: str, findings: "list[Finding]") -> Iterator[str | Text]:
    """The rule once, then each resource that breaks it."""
    first = findings[0]
    yield Text.assemble((first.severity, _STYLES[first.severity]), "  ", (name, "bold"))
    yield f"  why       {first.why}"
    yield f"  fix       {first.fix}"
    yield f"  source    {first.source}"
    for finding in findings:
        yield f"  at        {finding.construct} ({finding.stack}: {finding.logical_id}) {finding.path}".rstrip()
        yield f"    found     {finding.found}"
        yield f"    expected  {finding.expected}"
    yield ""
