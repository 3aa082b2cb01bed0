"""``python -m lab drill`` runs the restore drill, ``python -m lab start`` keeps a lab to explore."""

import signal
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Annotated

import psycopg
import typer
from rich.console import Console
from rich.table import Table

from lab import workload
from lab.cloud import Cloud, LabError, running_cloud
from lab.damage import commands
from lab.deployment import Deployment, bootstrap, deploy, synthesize
from lab.drill import BACKUP_STEP, RestoreDrill, master_dsn
from lab.executions import execute
from lab.report import write_report
from lab.timeline import Timeline
from recovery.evidence import CheckRecord, Evidence, judge, this_operator
from recovery.evidence.page import duration
from recovery.objectives import FULL

INTERRUPTED = 130  # as shells report a command that Ctrl-C ended
OUTPUT = Path(__file__).parents[1] / "build" / "drill"

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, help=__doc__)
app.command()(commands.damage)
app.command()(commands.clean)


@app.command()
def drill(
    output: Annotated[Path, typer.Option(help="Folder for evidence.json and report.html.")] = OUTPUT,
    pause_before_proof: Annotated[
        bool, typer.Option("--pause-before-proof", help="Stop after the restore, print its DSN, go on at Enter.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the evidence instead of the table.")] = False,
) -> None:
    """Deploy, fill, back up, destroy, restore and prove. Exit 0: PASS, 1: FAIL, 2: the lab could not go on."""
    timeline = Timeline()
    started = datetime.now(UTC)
    code = 0
    with _cleaned_up(timeline), running_cloud() as cloud:
        try:
            evidence = RestoreDrill(cloud, timeline, _pause if pause_before_proof else None).run()
            code = 0 if evidence.verdict == "PASS" else 1
        except (LabError, psycopg.Error) as error:
            timeline.note(f"[red]the lab could not go on:[/red] {error}")
            evidence = _unfinished(started, str(error))
            code = 2
        recorded = cloud.listing("recorded") if code != 2 else []
    _write(output, evidence, timeline, recorded)
    if as_json:
        typer.echo(evidence.model_dump_json(indent=2))
    else:
        _print_table(evidence, output)
    raise typer.Exit(code)


@app.command()
def start() -> None:
    """Deploy, fill, and keep the lab running until Ctrl-C."""
    timeline = Timeline()
    try:
        with _cleaned_up(timeline), running_cloud() as cloud:
            deployment = _deploy(cloud, timeline)
            with timeline.step("Fill the database"):
                with psycopg.connect(master_dsn(cloud, deployment), autocommit=True) as connection:
                    workload.create(connection)
                execute(cloud, deployment.primary_region, deployment.output("Database", "ManifestStateMachineArn"))
            _print_addresses(cloud)
            threading.Event().wait()
    except LabError as error:
        timeline.note(f"[red]the lab could not go on:[/red] {error}")
        raise typer.Exit(2) from None


@contextmanager
def _cleaned_up(timeline: Timeline) -> Generator[None]:
    """Say, once everything is removed, that an interruption was heard."""
    try:
        yield
    except KeyboardInterrupt:
        timeline.note("stopped, and everything removed")
        raise typer.Exit(INTERRUPTED) from None


def _deploy(cloud: Cloud, timeline: Timeline) -> Deployment:
    with timeline.step("Synthesize environment local"):
        assembly = synthesize(cloud)
    with timeline.step("Bootstrap both regions"):
        bootstrap(cloud, assembly)
    with timeline.step("Deploy every stack with the cdk CLI") as step:
        return deploy(cloud, assembly, lambda text: timeline.update(step, text))


def _pause(dsn: str) -> None:
    typer.echo(f"restored, not yet proven; DSN: {dsn}\npress Enter to go on with the proof")
    sys.stdin.readline()


def _unfinished(started: datetime, reason: str) -> Evidence:
    """What there is to say when the lab itself broke: nothing was measured, so nothing passes."""
    check = CheckRecord(name="drill", status="NOT_PROVEN", detail=reason, duration_seconds=None)
    return Evidence(
        drill="restore",
        environment="local",
        lab=True,
        started_at=started,
        finished_at=datetime.now(UTC),
        ran_by=this_operator(),
        objectives=(judge(FULL, rto=None, rpo=None),),
        checks=(check,),
    )


def _write(folder: Path, evidence: Evidence, timeline: Timeline, recorded: list[dict[str, object]]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "evidence.json").write_text(evidence.model_dump_json(indent=2) + "\n")
    regions = [step.lane for step in timeline.steps if step.lane != "lab"]
    write_report(
        folder / "report.html",
        evidence.model_dump(mode="json"),
        timeline,
        story=evidence.summary,
        regions=(regions[0], regions[-1]) if regions else ("not reached", "not reached"),
        recorded=recorded,
        recovery_from=BACKUP_STEP,
    )


def _print_table(evidence: Evidence, folder: Path) -> None:
    console = Console(highlight=False)
    table = Table(title=f"Drill {evidence.drill}: figures of the lab, not of AWS")
    for heading in ("Tier", "RTO target", "RTO measured (lab)", "RPO target", "RPO measured (lab)", "Verdict"):
        table.add_column(heading)
    for each in evidence.objectives:
        table.add_row(
            f"{each.tier} ({each.name})",
            duration(each.rto_target_seconds),
            duration(each.rto_measured_seconds),
            duration(each.rpo_target_seconds) if each.rpo_target_seconds is not None else "N/A",
            duration(each.rpo_measured_seconds),
            f"[{'green' if each.verdict == 'PASS' else 'red'}]{each.verdict}",
        )
    console.print(table)
    for check in evidence.checks:
        if check.status != "PASS":
            console.print(f"[red]{check.status}[/red] {check.name}: {check.detail}", soft_wrap=True)
    console.print(f"{evidence.verdict}: {len(evidence.checks)} checks; evidence and report in {folder}", soft_wrap=True)


def _print_addresses(cloud: Cloud) -> None:
    typer.echo(
        f"\nThe lab is running, with an account of its own.\n\n  export AWS_ENDPOINT_URL={cloud.endpoint}"
        f" AWS_ACCESS_KEY_ID={cloud.account} AWS_SECRET_ACCESS_KEY=lab\n"
    )
    for instance in cloud.listing("instances"):
        typer.echo(f"  {instance['identifier']} in {instance['region']}\n    {instance['dsn']}")
    typer.echo("\n  .venv/bin/dr manifest --dsn 'host=127.0.0.1 ...' --out manifest.json")
    typer.echo(f"\n  logs: {cloud.log}\n\nStop it with Ctrl-C; nothing stays behind.")


def _terminated(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def main() -> None:
    """Run the command line; a termination cleans up as Ctrl-C does."""
    # Both, and explicitly: a script's background job starts with SIGINT ignored.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _terminated)
    app()


if __name__ == "__main__":
    main()
