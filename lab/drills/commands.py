"""``python -m lab drill``: the first drill, and under names of their own the others."""

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Protocol

import typer

from lab.cloud import Cloud, running_cloud
from lab.documented import (
    BLUE_GREEN_SWITCHOVER,
    MULTI_AZ_FAILOVER,
    PROMOTION,
    REPLICATED_BACKUPS,
    ROLLING_DEPLOYMENT,
    Documented,
    beside,
)
from lab.drill import BACKUP_STEP, RestoreDrill
from lab.drills.instance import KILLS, InstanceDrill
from lab.drills.migrate import PLANNED, MigrateDrill
from lab.drills.region import CLOCK, FailbackDrill, RegionDrill
from lab.drills.restore import MomentDrill
from lab.drills.rollback import RollbackDrill
from lab.drills.running import EXIT_COULD_NOT, cleaned_up, exit_code, print_result, run_drill, write
from lab.timeline import Timeline
from recovery.evidence import Evidence
from recovery.objectives import APPLICATION, DATABASE, FULL, Tier

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
    run: Callable[[Timeline], Evidence]


class Drill(Protocol):
    """A drill that is ready to run."""

    def run(self) -> Evidence: ...


def _in_a_cloud(drill: Callable[[Cloud, Timeline], Drill], *, waits: float = 1) -> Callable[[Timeline], Evidence]:
    def run(timeline: Timeline) -> Evidence:
        with running_cloud(waits=waits) as cloud:
            return drill(cloud, timeline).run()

    return run


INSTANCE = Kind("instance", DATABASE, (MULTI_AZ_FAILOVER,), lambda timeline: InstanceDrill(timeline).run())
RESTORE = Kind("restore", FULL, (REPLICATED_BACKUPS,), _in_a_cloud(MomentDrill))
ROLLBACK = Kind("rollback", APPLICATION, (ROLLING_DEPLOYMENT,), _in_a_cloud(RollbackDrill))
REGION = Kind("region", FULL, (PROMOTION,), _in_a_cloud(RegionDrill, waits=CLOCK))
FAILBACK = Kind("failback", FULL, (PROMOTION,), _in_a_cloud(FailbackDrill, waits=CLOCK))
MIGRATE = Kind("migrate", PLANNED, (BLUE_GREEN_SWITCHOVER,), lambda timeline: MigrateDrill(timeline).run())
DRILLS = (INSTANCE, ROLLBACK, RESTORE, REGION, FAILBACK, MIGRATE)


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
        recorded = cloud.listing("recorded") if exit_code(evidence) != EXIT_COULD_NOT else []
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

    def run(timeline: Timeline) -> Evidence:
        return InstanceDrill(timeline, kills).run()

    _finish([_run(replace(INSTANCE, run=run), output)], as_json=as_json)


@app.command()
def restore(output: Output = OUTPUT / RESTORE.name, as_json: AsJson = False) -> None:
    """Restore to a moment under write load, in both regions: all of what was before it, nothing of what came after."""
    _finish([_run(RESTORE, output)], as_json=as_json)


@app.command()
def rollback(output: Output = OUTPUT / ROLLBACK.name, as_json: AsJson = False) -> None:
    """Tier 2: roll deployments that do not work back with `dr rollback`, both ways, while writers go on."""
    _finish([_run(ROLLBACK, output)], as_json=as_json)


@app.command()
def region(output: Output = OUTPUT / REGION.name, as_json: AsJson = False) -> None:
    """Tier 3: destroy the primary region under write load, and fail over by the deployed machine."""
    _finish([_run(REGION, output)], as_json=as_json)


@app.command()
def failback(output: Output = OUTPUT / FAILBACK.name, as_json: AsJson = False) -> None:
    """Leave the primary region while it answers, and return to it: nothing may be lost either way."""
    _finish([_run(FAILBACK, output)], as_json=as_json)


@app.command()
def migrate(kills: Kills = 1, output: Output = OUTPUT / MIGRATE.name, as_json: AsJson = False) -> None:
    """Move a live database to another major version and back; kill tool, source and target meanwhile."""

    def run(timeline: Timeline) -> Evidence:
        return MigrateDrill(timeline, kills).run()

    _finish([_run(replace(MIGRATE, run=run), output)], as_json=as_json)


@app.command("all")
def every(
    output: Annotated[Path, typer.Option(help="Folder of a folder for each drill.")] = OUTPUT,
    as_json: Annotated[bool, typer.Option("--json", help="Print every drill's evidence instead of the table.")] = False,
) -> None:
    """Run every drill, one after the other. Exit 0: all PASS, 1: one FAIL, 2: the lab could not go on with one."""
    _finish([_run(kind, output / kind.name) for kind in DRILLS], as_json=as_json, several=True)


def _run(kind: Kind, output: Path) -> tuple[Evidence, Path]:
    timeline = Timeline()
    timeline.note(f"drill {kind.name}")
    with cleaned_up(timeline):
        evidence = beside(run_drill(kind.name, kind.tier, timeline, lambda: kind.run(timeline)), kind.documented)
    write(output, evidence, timeline, documented=kind.documented)
    return evidence, output


def _finish(drills: list[tuple[Evidence, Path]], *, as_json: bool, several: bool = False) -> None:
    records = [evidence.model_dump(mode="json") for evidence, _ in drills]
    if as_json:
        typer.echo(json.dumps({"drills": records} if several else records[0], indent=2))
    else:
        print_result(drills)
    raise typer.Exit(max(exit_code(evidence) for evidence, _ in drills))


def _pause(dsn: str) -> None:
    typer.echo(f"restored, not yet proven; DSN: {dsn}\npress Enter to go on with the proof")
    sys.stdin.readline()
