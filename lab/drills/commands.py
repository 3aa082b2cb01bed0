"""``python -m lab drill``: the first drill, and under names of their own the others."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from lab.cloud import running_cloud
from lab.documented import MULTI_AZ_FAILOVER, REPLICATED_BACKUPS, Documented
from lab.drill import BACKUP_STEP, RestoreDrill
from lab.drills.instance import KILLS, InstanceDrill
from lab.drills.running import cleaned_up, exit_code, print_result, run_drill, write
from lab.timeline import Timeline
from recovery.evidence import Evidence
from recovery.objectives import DATABASE, FULL, Tier

OUTPUT = Path(__file__).parents[2] / "build" / "drill"

app = typer.Typer(add_completion=False, invoke_without_command=True, pretty_exceptions_enable=False)

Output = Annotated[Path, typer.Option(help="Folder for evidence.json and report.html.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the evidence instead of the table.")]
Kills = Annotated[int, typer.Option(min=1, help="How often the primary is killed.")]


@dataclass(frozen=True)
class Kind:
    """A drill by name: the tier it exercises, and what AWS documents beside its figures."""

    name: str
    tier: Tier
    documented: tuple[Documented, ...]


INSTANCE = Kind("instance", DATABASE, (MULTI_AZ_FAILOVER,))


@app.callback()
def drill(
    context: typer.Context,
    output: Output = OUTPUT,
    pause_before_proof: Annotated[
        bool, typer.Option("--pause-before-proof", help="Stop after the restore, print its DSN, go on at Enter.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Deploy, fill, back up, destroy, restore and prove; or the drill that is named.

    Exit 0: PASS, 1: FAIL, 2: the lab could not go on.
    """
    if context.invoked_subcommand is not None:
        return
    timeline = Timeline()
    with cleaned_up(timeline), running_cloud() as cloud:
        runner = RestoreDrill(cloud, timeline, _pause if pause_before_proof else None)
        evidence = run_drill("restore", FULL, timeline, runner.run)
        recorded = cloud.listing("recorded") if exit_code(evidence) != 2 else []
    write(
        output,
        evidence,
        timeline,
        documented=(REPLICATED_BACKUPS,),
        recorded=recorded,
        recovery_from=BACKUP_STEP,
    )
    _finish([(evidence, output)], as_json=as_json)


@app.command()
def instance(kills: Kills = KILLS, output: Output = OUTPUT / INSTANCE.name, as_json: AsJson = False) -> None:
    """Tier 1: kill the primary of a synchronous pair at random moments; no acknowledged commit may be lost."""
    evidence = _run(INSTANCE, output, lambda timeline: InstanceDrill(timeline, kills).run())
    _finish([(evidence, output)], as_json=as_json)


def _run(kind: Kind, output: Path, run: Callable[[Timeline], Evidence]) -> Evidence:
    timeline = Timeline()
    with cleaned_up(timeline):
        evidence = run_drill(kind.name, kind.tier, timeline, lambda: run(timeline))
    write(output, evidence, timeline, documented=kind.documented)
    return evidence


def _finish(drills: list[tuple[Evidence, Path]], *, as_json: bool) -> None:
    if as_json:
        typer.echo(drills[0][0].model_dump_json(indent=2))
    else:
        print_result(drills)
    raise typer.Exit(max(exit_code(evidence) for evidence, _ in drills))


def _pause(dsn: str) -> None:
    typer.echo(f"restored, not yet proven; DSN: {dsn}\npress Enter to go on with the proof")
    sys.stdin.readline()
