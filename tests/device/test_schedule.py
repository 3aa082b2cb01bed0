"""What starts the day's backup: a systemd user timer or a line in the crontab, and what they would run."""

import configparser
import os
import re
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from device import schedule
from device.errors import UsageError
from device.schedule import ScheduleError, Scheduler, cron_line, installed, service_unit, timer_unit, units_folder

# Everything that shells, systemd and cron take for something else.
ODD = ["/opt/a b/run", "daily", "--database", '/home/as\'ha/100 % $HOME\\db "x".db', "--into", "/b;c&d`e`"]
# A program of the name that keeps one file, as the real one does.
CRONTAB = """#!/bin/sh
file="$HOME/the-crontab"
if [ "$1" = -l ]; then
    [ -f "$file" ] || { echo "no crontab for $USER" >&2; exit 1; }
    cat "$file"
else
    cat > "$file"
fi
"""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of the test's own, and no crontab program but the test's."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / ".config"))
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    (tmp_path / "bin").mkdir()
    return tmp_path


@pytest.fixture
def crontab(home: Path) -> Path:
    """The file that the test's crontab program keeps."""
    program = home / "bin" / "crontab"
    program.write_text(CRONTAB)
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return home / "the-crontab"


def unit(text: str) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(text)
    return parser


def test_timer_is_persistent_and_spread():
    timer = unit(timer_unit())
    assert dict(timer["Timer"]) == {"OnCalendar": "hourly", "RandomizedDelaySec": "15min", "Persistent": "true"}
    assert timer["Install"]["WantedBy"] == "timers.target"


def test_service_runs_the_command_once_and_gently():
    service = unit(service_unit(["/bin/x", "daily"]))["Service"]
    assert dict(service) == {
        "Type": "oneshot",
        "ExecStart": '"/bin/x" "daily"',
        "Nice": "19",
        "IOSchedulingClass": "idle",
    }


def test_service_gives_every_word_as_it_is():
    """Undo systemd's quoting as systemd.service(5) and systemd.syntax(7) describe it."""
    line = unit(service_unit(ODD))["Service"]["ExecStart"]
    words = re.findall(r'"((?:[^"\\]|\\.)*)"', line)
    undone = [re.sub(r"\\(.)", r"\1", word).replace("%%", "%").replace("$$", "$") for word in words]
    assert undone == ODD
    assert not re.search(r"(?<!%)%(?!%)|(?<!\$)\$(?!\$)", line)


def test_cron_runs_every_word_as_it_is():
    """Undo cron's percent signs as crontab(5) describes them, and have a shell read the rest."""
    minute, *stars, command = cron_line(["printf", "%s\\n", *ODD]).split(" ", 5)
    assert 0 <= int(minute) < 60
    assert stars == ["*"] * 4
    assert not re.search(r"(?<!\\)%", command)
    said = subprocess.run(["sh", "-c", command.replace("\\%", "%")], capture_output=True, text=True, check=True)
    assert said.stdout.splitlines() == ODD


def test_minutes_of_cron_differ():
    assert len({cron_line(ODD).split()[0] for _ in range(50)}) > 10


def test_systemd_timer_is_written_enabled_and_removed(home: Path):
    done = schedule.install(Scheduler.SYSTEMD, ODD)
    folder = home / ".config" / "systemd" / "user"
    assert units_folder() == folder
    link = folder / "timers.target.wants" / "duskspendr-backup.timer"
    assert link.resolve() == folder / "duskspendr-backup.timer"
    assert link.read_text() == timer_unit()
    assert (folder / "duskspendr-backup.service").read_text() == service_unit(ODD)
    assert installed() == [done]
    assert schedule.remove() == [done]
    assert [path for path in folder.rglob("*") if not path.is_dir()] == []
    assert installed() == []


def test_systemd_takes_the_units_where_it_is_installed(home: Path):
    """Elsewhere the tests above hold them to its manual."""
    schedule.install(Scheduler.SYSTEMD, ["/bin/sh", *ODD])
    if shutil.which("systemd-analyze"):
        units = [units_folder() / f"duskspendr-backup.{kind}" for kind in ("timer", "service")]
        command = ["systemd-analyze", "verify", "--user", "--man=no", *units]
        done = subprocess.run(command, env=os.environ | {"XDG_RUNTIME_DIR": str(home)}, capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")


def test_cron_line_stands_beside_the_users_own_and_goes_alone(crontab: Path):
    crontab.write_text("# mine\n5 4 * * * echo hi\n")
    done = schedule.install(Scheduler.CRON, ODD)
    assert crontab.read_text() == f"# mine\n5 4 * * * echo hi\n{done.command}\n"
    assert installed() == [done]
    assert schedule.remove() == [done]
    assert crontab.read_text() == "# mine\n5 4 * * * echo hi\n"


def test_first_line_of_an_empty_crontab(crontab: Path):
    done = schedule.install(Scheduler.CRON, ODD)
    assert crontab.read_text() == f"{done.command}\n"


@pytest.mark.usefixtures("crontab")
@pytest.mark.parametrize("first", list(Scheduler))
@pytest.mark.parametrize("second", list(Scheduler))
def test_second_schedule_is_refused(first: Scheduler, second: Scheduler):
    done = schedule.install(first, ODD)
    with pytest.raises(UsageError, match="schedule remove"):
        schedule.install(second, ["/bin/other"])
    assert installed() == [done]


def test_line_breaks_cannot_add_lines(home: Path):
    with pytest.raises(UsageError, match="line breaks"):
        schedule.install(Scheduler.SYSTEMD, ["/bin/x", "a\nExecStartPost=/bin/evil"])
    assert not (home / ".config").exists()


def test_device_without_cron_is_told(monkeypatch: pytest.MonkeyPatch, home: Path):
    monkeypatch.setenv("PATH", str(home / "bin"))
    with pytest.raises(ScheduleError, match="install cron, or use systemd"):
        schedule.install(Scheduler.CRON, ODD)


def test_cron_that_refuses_is_told_in_its_words(crontab: Path, home: Path):
    del crontab
    (home / "bin" / "crontab").write_text("#!/bin/sh\necho 'you are not allowed' >&2; exit 1\n")
    with pytest.raises(ScheduleError, match="you are not allowed"):
        schedule.install(Scheduler.CRON, ODD)


def test_cron_that_fails_is_no_reason_against_systemd(home: Path):
    (home / "bin" / "crontab").write_text("#!/bin/sh\necho 'you are not allowed' >&2; exit 1\n")
    (home / "bin" / "crontab").chmod(0o755)
    assert schedule.install(Scheduler.SYSTEMD, ODD).scheduler is Scheduler.SYSTEMD


def test_crontab_that_cannot_be_read_is_not_written_over(home: Path, crontab: Path):
    crontab.write_text("# mine\n")
    program = home / "bin" / "crontab"
    program.write_text(program.read_text().replace('    cat "$file"\n', "    echo 'disk error' >&2; exit 1\n"))
    with pytest.raises(ScheduleError, match="disk error"):
        schedule.install(Scheduler.CRON, ODD)
    assert crontab.read_text() == "# mine\n"


def test_removing_nothing_is_no_error(home: Path):
    assert schedule.remove() == []
    assert [path.name for path in home.iterdir()] == ["bin"]
