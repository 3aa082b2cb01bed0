"""Having ``daily`` started every hour: by a systemd user timer, or by a line in the user's crontab. Neither needs root.

Both only ask whether a backup is due, so that a device which was off catches up within the hour, and a failed backup is
tried again in the next.
"""

import random
import shlex
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import ClassVar

from platformdirs import user_config_path

from device.errors import BackupError, UsageError
from device.limits import SCHEDULE_SPREAD_MINUTES
from device.placing import placed

NAME = "duskspendr-backup"
# What the crontab programs of Debian and Red Hat, and of BusyBox, say to a user who has none.
_NO_CRONTAB_YET = ("no crontab", "can't open")
# Ends the line in a crontab that is ours.
CRON_MARK = f"# {NAME}"


class Scheduler(StrEnum):
    """Who starts ``daily``."""

    SYSTEMD = "systemd"
    CRON = "cron"


class ScheduleError(BackupError):
    """The schedule cannot be read or written."""

    code: ClassVar[str] = "schedule"


@dataclass(frozen=True)
class Schedule:
    """What is installed, as it stands in the timer's service or the crontab."""

    scheduler: Scheduler
    command: str
    place: str


def install(scheduler: Scheduler, command: Sequence[str]) -> Schedule:
    """Have a command started every hour from now on.

    Raises :class:`UsageError` when another schedule is installed, and :class:`ScheduleError`.
    """
    if existing := installed():
        raise UsageError(
            expected="no schedule",
            found=f"one of {existing[0].scheduler} in {existing[0].place}",
            do="look at it with `schedule show`, take it away with `schedule remove`",
        )
    if any("\n" in word or "\r" in word for word in command):
        raise UsageError(expected="names without line breaks", found=repr(shlex.join(command)), do="rename them")
    if scheduler is Scheduler.SYSTEMD:
        _install_units(command)
    else:
        _write_crontab([*_crontab(), cron_line(command)])
    return installed()[0]


def installed() -> list[Schedule]:
    """Every schedule there is. Raises OSError."""
    found: list[Schedule] = []
    service = units_folder() / f"{NAME}.service"
    if service.exists():
        lines = service.read_text(encoding="utf-8").splitlines()
        command = next((line.removeprefix("ExecStart=") for line in lines if line.startswith("ExecStart=")), "")
        found.append(Schedule(Scheduler.SYSTEMD, command, str(service)))
    # A crontab that cannot be read is none that we wrote to.
    with suppress(ScheduleError):
        found += [Schedule(Scheduler.CRON, line, "crontab") for line in _crontab() if line.endswith(CRON_MARK)]
    return found


def remove() -> list[Schedule]:
    """Take every schedule away, and return what there was. Raises :class:`ScheduleError` and OSError."""
    found = installed()
    for path in (_enabled(), units_folder() / f"{NAME}.timer", units_folder() / f"{NAME}.service"):
        path.unlink(missing_ok=True)
    if any(schedule.scheduler is Scheduler.CRON for schedule in found):
        _write_crontab([line for line in _crontab() if not line.endswith(CRON_MARK)])
    return found


def service_unit(command: Sequence[str]) -> str:
    """The text of the service: see systemd.service(5) for its quoting."""
    return f"""\
[Unit]
Description=Daily backup of DuskSpendr

[Service]
Type=oneshot
ExecStart={" ".join(map(_quoted_for_systemd, command))}
Nice=19
IOSchedulingClass=idle
"""


def timer_unit() -> str:
    """The text of the timer: see systemd.timer(5)."""
    return f"""\
[Unit]
Description=Ask every hour whether a backup of DuskSpendr is due

[Timer]
OnCalendar=hourly
RandomizedDelaySec={SCHEDULE_SPREAD_MINUTES}min
Persistent=true

[Install]
WantedBy=timers.target
"""


def cron_line(command: Sequence[str]) -> str:
    """A line for a crontab, at a minute by chance: see crontab(5), where a percent sign has to be escaped."""
    minute = random.randrange(60)  # noqa: S311 - it spreads load, and hides nothing
    return f"{minute} * * * * {shlex.join(command)} {CRON_MARK}".replace("%", "\\%")


def units_folder() -> Path:
    """Where systemd looks for a user's own units."""
    return user_config_path("systemd") / "user"


def _enabled() -> Path:
    """The link that `systemctl --user enable` makes."""
    return units_folder() / "timers.target.wants" / f"{NAME}.timer"


def _install_units(command: Sequence[str]) -> None:
    _enabled().parent.mkdir(parents=True, exist_ok=True)
    for name, text in ((f"{NAME}.timer", timer_unit()), (f"{NAME}.service", service_unit(command))):
        with placed(units_folder() / name, overwrite=True) as partial:
            partial.write_text(text, encoding="utf-8")
    _enabled().unlink(missing_ok=True)
    _enabled().symlink_to(units_folder() / f"{NAME}.timer")


def _quoted_for_systemd(word: str) -> str:
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{escaped}"'


def _crontab() -> list[str]:
    """The lines of the user's crontab. Raises :class:`ScheduleError`: what cannot be read must not be written over."""
    try:
        done = subprocess.run(["crontab", "-l"], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise _cron_error("no program crontab") from None
    if done.returncode == 0:
        return done.stdout.splitlines()
    if any(words in done.stderr for words in _NO_CRONTAB_YET):
        return []
    raise _cron_error(done.stderr)


def _write_crontab(lines: Sequence[str]) -> None:
    text = "".join(f"{line}\n" for line in lines)
    try:
        subprocess.run(["crontab", "-"], input=text, capture_output=True, text=True, check=True)
    except subprocess.CalledProcessError as error:
        raise _cron_error(error.stderr) from None


def _cron_error(found: str) -> ScheduleError:
    return ScheduleError(
        expected="a crontab that can be read and written",
        found=found.strip() or "an error without words",
        do="install cron, or use systemd",
    )
