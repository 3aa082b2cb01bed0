"""``daily`` and ``schedule``."""

import shutil
import sysconfig
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from device import schedule
from device.backups import BackupManager
from device.cloud import AccountFile, cloud_backups
from device.commands.arguments import Database, DatabaseKeyFile, Into, Recipients, working
from device.daily import Daily, DailyReport
from device.errors import NotThereError, UsageError
from device.keys import parse_recipients
from device.schedule import Schedule, Scheduler
from device.terminal import Json, answer, one_error

app = typer.Typer(help="Have the day's backup made without being asked.", no_args_is_help=True, add_completion=False)


def daily(
    database: Database, folder: Into, recipient: Recipients, database_key: DatabaseKeyFile = None, as_json: Json = False
) -> None:
    """Make the day's backup if it is due, bring it to the cloud if you are signed in, and remove old ones.

    It may be started at any time and as often as one likes. Exit status: 0 done, not due or already running, 1 it
    failed; the next start goes on.
    """
    with one_error(as_json=as_json), working("the day's backup", database_key) as context:
        manager = BackupManager(database, folder, recipients=parse_recipients(recipient), context=context)
        report = Daily(
            folder,
            create=lambda: manager.create_local_backup().path,
            prune=lambda: manager.prune().removed,
            upload=_upload if AccountFile().exists() else None,
        ).run()
    answer(_facts(report), as_json=as_json, lines=_lines(report))
    raise typer.Exit(1 if report.outcome == "failed" else 0)


@app.command("install")
def install(
    database: Database,
    folder: Into,
    recipient: Recipients,
    database_key: DatabaseKeyFile = None,
    scheduler: Annotated[
        Scheduler | None,
        typer.Option("--with", help="What starts it.", show_default="systemd where it is, else cron"),
    ] = None,
    as_json: Json = False,
) -> None:
    """Have `daily` started every hour for this user, also after the device was off. Needs no root."""
    with one_error(as_json=as_json):
        if not database.is_file():
            raise NotThereError("a database", database)
        command = [_program(), "daily", "--database", str(database.absolute()), "--into", str(folder.absolute())]
        for each in parse_recipients(recipient):
            command += ["--recipient", str(each)]
        if database_key is not None:
            command += ["--database-key", str(database_key.absolute())]
        folder.mkdir(parents=True, exist_ok=True)
        installed = schedule.install(scheduler or _scheduler(), command)
    lines = _schedule_lines([installed])
    if installed.scheduler is Scheduler.SYSTEMD:
        lines.append(f"begin now: systemctl --user daemon-reload && systemctl --user start {schedule.NAME}.timer")
        lines.append("also while you are logged out: loginctl enable-linger")
    answer(_schedule_facts([installed]), as_json=as_json, lines=lines)


@app.command()
def show(as_json: Json = False) -> None:
    """Show what is installed."""
    with one_error(as_json=as_json):
        found = schedule.installed()
    answer(_schedule_facts(found), as_json=as_json, lines=_schedule_lines(found) or ["no schedule"])


@app.command()
def remove(as_json: Json = False) -> None:
    """Take it away again. The backups stay."""
    with one_error(as_json=as_json):
        removed = schedule.remove()
    lines: list[str | Text] = [f"removed from {each.place}" for each in removed] or ["no schedule"]
    if any(each.scheduler is Scheduler.SYSTEMD for each in removed):
        lines.append(f"end the running timer: systemctl --user stop {schedule.NAME}.timer")
    answer({"removed": _schedule_facts(removed)["schedules"]}, as_json=as_json, lines=lines)


def _upload(path: Path) -> None:
    cloud_backups().upload(path, kind="auto")


def _program() -> str:
    path = Path(sysconfig.get_path("scripts")) / schedule.NAME
    if not path.is_file():
        raise UsageError(expected=f"the program {schedule.NAME}", found=f"none at {path}", do="install this package")
    return str(path)


def _scheduler() -> Scheduler:
    return Scheduler.SYSTEMD if shutil.which("systemctl") else Scheduler.CRON


def _facts(report: DailyReport) -> dict[str, Any]:
    return {
        "outcome": report.outcome,
        "backup": None if report.backup is None else str(report.backup),
        "uploaded": report.uploaded,
        "pruned": [str(path) for path in report.pruned],
        "failure": None if report.failure is None else report.failure.model_dump(),
    }


def _lines(report: DailyReport) -> list[str | Text]:
    if report.outcome == "running":
        return ["another start is at it"]
    if report.failure is not None:
        return [Text.assemble(("FAILED", "bold red"), f" {report.failure.message}; the next start goes on")]
    what = "no backup is due" if report.outcome == "not_due" else "done"
    where = "on this device and in the cloud" if report.uploaded else "on this device"
    return [f"{what}; the newest is {report.backup}, {where}", *(f"removed {path.name}" for path in report.pruned)]


def _schedule_facts(schedules: list[Schedule]) -> dict[str, Any]:
    return {
        "schedules": [
            {"scheduler": each.scheduler.value, "place": each.place, "command": each.command} for each in schedules
        ]
    }


def _schedule_lines(schedules: list[Schedule]) -> list[str | Text]:
    return [f"{each.scheduler.value}, in {each.place}: {each.command}" for each in schedules]
