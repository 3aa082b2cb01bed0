"""``python -m lab damage`` runs the damage matrix, ``python -m lab clean`` looks for false alarms."""

import difflib
import json
import signal
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import psycopg
import typer
from rich.console import Console
from rich.progress import track

from lab.cloud import LabError
from lab.damage.clean import CleanRestores, running_product
from lab.damage.kinds import Damage
from lab.damage.matrix import DAMAGES, InflictionError, run_matrix
from lab.damage.report import page, record, table
from lab.damage.stage import temporary_stage
from lab.server import PostgresError

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


def damage(
    only: Annotated[list[str] | None, typer.Option(help="Name of a damage; can be repeated.")] = None,
    docs: Annotated[Path | None, typer.Option(help="Write the page of the docs here, and damage nothing.")] = None,
    as_json: AsJson = False,
) -> None:
    """Damage a restored database in every known way and verify. Exit 0: all found, 1: one escaped, 2: cannot go on."""
    chosen = _chosen(only)
    if docs is not None:
        docs.write_text(page())
        return
    progress = Console(stderr=True)
    with _ended_in_order(), temporary_stage() as stage:
        found = list(track(run_matrix(stage, chosen), "Damaging", len(chosen), console=progress, transient=True))
    if as_json:
        typer.echo(json.dumps([record(each) for each in found], indent=2))
    else:
        Console(highlight=False).print(table(found))
    raise typer.Exit(0 if all(each.found for each in found) else 1)


def clean(
    restores: Annotated[int, typer.Option(min=1, help="How many restores.")] = 100,
    as_json: AsJson = False,
) -> None:
    """Restore a primary that is written to meanwhile, and verify. Exit 0: no false alarm, 1: one, 2: cannot go on."""
    progress = Console(stderr=True)
    with _ended_in_order(), running_product() as product:
        steps = track(product.restores(restores), "Restoring", restores, console=progress, transient=True)
        report = CleanRestores(tuple(steps), product.traffic.writes)
    if as_json:
        typer.echo(json.dumps(report.record(), indent=2))
    else:
        Console(highlight=False).print(report.summary, soft_wrap=True)
    raise typer.Exit(1 if report.false_alarms else 0)


@contextmanager
def _ended_in_order() -> Generator[None]:
    """Say what ended the command early, once everything is removed."""
    try:
        yield
    except KeyboardInterrupt:
        typer.echo("stopped, and everything removed", err=True)
        raise typer.Exit(128 + signal.SIGINT) from None  # as shells report it
    except (InflictionError, LabError, PostgresError, psycopg.Error) as error:
        typer.echo(f"the lab could not go on: {error}", err=True)
        raise typer.Exit(2) from None


def _chosen(names: list[str] | None) -> list[Damage]:
    """The damages of these names, all when there are none. A name that is none ends the command with exit 2."""
    for name in names or []:
        if name not in DAMAGES:
            near = difflib.get_close_matches(name, DAMAGES, 1)
            advice = f"did you mean {near[0]}?" if near else "docs/damage.md lists them"
            typer.echo(f"expected the name of a damage, found {name}: {advice}", err=True)
            raise typer.Exit(2)
    return [DAMAGES[name] for name in names or DAMAGES]
