"""Running a drill to its end, whatever that is: its evidence and report are written, and nothing stays behind."""

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import typer
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from rich.table import Table

from lab.cloud import LabError
from lab.documented import Documented
from lab.drills.record import unfinished
from lab.report import write_report
from lab.server import PostgresError
from lab.timeline import Timeline
from recovery.evidence import Evidence
from recovery.evidence.page import duration
from recovery.objectives import Tier

INTERRUPTED = 130  # as shells report a command that Ctrl-C ended
EXIT_COULD_NOT = 2


def exit_code(evidence: Evidence) -> int:
    """0: PASS, 1: FAIL, 2: the lab could not go on, so that nothing is said about what it was to prove."""
    if any(check.status == "NOT_PROVEN" and check.name == "drill" for check in evidence.checks):
        return EXIT_COULD_NOT
    return 0 if evidence.verdict == "PASS" else 1


def run_drill(name: str, tier: Tier, timeline: Timeline, run: Callable[[], Evidence]) -> Evidence:
    """Run it; where the lab breaks, the evidence says so and passes nothing."""
    started = datetime.now(UTC)
    try:
        return run()
    except (LabError, PostgresError, psycopg.Error, BotoCoreError, ClientError) as error:
        timeline.note(f"[red]the lab could not go on:[/red] {error}")
        return unfinished(name, tier, started, str(error))


@contextmanager
def cleaned_up(timeline: Timeline) -> Generator[None]:
    """Say, once everything is removed, that an interruption was heard."""
    try:
        yield
    except KeyboardInterrupt:
        timeline.note("stopped, and everything removed")
        raise typer.Exit(INTERRUPTED) from None


def write(
    folder: Path,
    evidence: Evidence,
    timeline: Timeline,
    *,
    documented: Sequence[Documented] = (),
    recorded: Sequence[dict[str, Any]] = (),
    recovery_from: str | None = None,
) -> None:
    """Write evidence.json and report.html."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "evidence.json").write_text(evidence.model_dump_json(indent=2) + "\n")
    regions = [step.lane for step in timeline.steps if step.lane != "lab"]
    write_report(
        folder / "report.html",
        evidence.model_dump(mode="json"),
        timeline,
        story=evidence.summary,
        regions=(regions[0], regions[-1]) if regions else ("not reached", "not reached"),
        recorded=list(recorded),
        recovery_from=recovery_from,
        documented=documented,
    )


def print_result(drills: Sequence[tuple[Evidence, Path]]) -> None:
    """The objectives in one table, and every check that does not pass."""
    console = Console(highlight=False)
    names = ", ".join(evidence.drill for evidence, _ in drills)
    table = Table(title=f"Drill {names}: figures of the lab, not of AWS")
    for heading in ("Tier", "RTO target", "RTO measured (lab)", "RPO target", "RPO measured (lab)", "Verdict"):
        table.add_column(heading)
    for evidence, _ in drills:
        for each in evidence.objectives:
            table.add_row(
                f"{each.tier} ({each.name})" if len(drills) == 1 else f"{evidence.drill}: {each.tier} ({each.name})",
                duration(each.rto_target_seconds),
                duration(each.rto_measured_seconds),
                *(
                    ("N/A", "N/A")
                    if each.rpo_target_seconds is None
                    else (duration(each.rpo_target_seconds), duration(each.rpo_measured_seconds))
                ),
                f"[{'green' if each.verdict == 'PASS' else 'red'}]{each.verdict}",
            )
    console.print(table)
    for evidence, folder in drills:
        for check in evidence.checks:
            if check.status != "PASS":
                console.print(f"[red]{check.status}[/red] {check.name}: {check.detail}", soft_wrap=True)
        console.print(
            f"{evidence.verdict}: {len(evidence.checks)} checks; evidence and report in {folder}", soft_wrap=True
        )
