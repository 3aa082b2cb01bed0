"""The day's backup: when it is due, what happens when a step fails, two starts at once, clocks that jump."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from device.cloud.errors import OfflineError
from device.daily import STATE_NAME, Daily
from device.errors import CorruptDatabaseError
from device.limits import DAILY_WINDOW_HOURS, DAILY_WINDOW_START_HOUR

INDIA = timezone(timedelta(hours=5, minutes=30))
NOON = datetime(2026, 11, 24, 12, tzinfo=INDIA)
OFFLINE = OfflineError(expected="a network", found="none", do="wait")


@dataclass
class Device:
    """What the steps did, the error that the next one meets, and the time."""

    folder: Path
    now: datetime = NOON
    signed_in: bool = True
    made: list[str] = field(default_factory=list[str])
    uploads: list[str] = field(default_factory=list[str])
    prunings: int = 0
    create_fails: Exception | None = None
    upload_fails: Exception | None = None

    def daily(self) -> Daily:
        upload = self.upload if self.signed_in else None
        return Daily(self.folder, self.create, self.prune, upload, lambda: self.now)

    def create(self) -> Path:
        if self.create_fails:
            raise self.create_fails
        path = self.folder / f"backup_{len(self.made)}.enc"
        path.write_bytes(b"x")
        self.made.append(path.name)
        return path

    def upload(self, path: Path) -> None:
        if self.upload_fails:
            raise self.upload_fails
        self.uploads.append(path.name)

    def prune(self) -> Sequence[Path]:
        self.prunings += 1
        return ()


@pytest.fixture
def device(tmp_path: Path) -> Device:
    return Device(tmp_path)


def test_first_start_makes_uploads_and_prunes(device: Device):
    report = device.daily().run()
    assert (report.outcome, report.uploaded) == ("done", True)
    assert report.backup == device.folder / "backup_0.enc"
    assert (device.made, device.uploads, device.prunings) == (["backup_0.enc"], ["backup_0.enc"], 1)


def test_hourly_starts_of_a_month_make_one_backup_a_day(device: Device):
    for _ in range(30 * 24):
        device.daily().run()
        device.now += timedelta(hours=1)
    assert len(device.made) == 31  # the first start made one at once
    assert device.uploads == device.made


def test_backups_fall_due_in_the_night_at_another_minute_every_day(device: Device):
    device.daily().run()
    moments: list[datetime] = []
    for _ in range(10 * 24 * 12):
        device.now += timedelta(minutes=5)
        if device.daily().run().outcome == "done":
            moments.append(device.now)
    opens = timedelta(hours=DAILY_WINDOW_START_HOUR)
    since_midnight = [moment - moment.replace(hour=0, minute=0) for moment in moments]
    assert len(moments) == 10
    assert all(opens <= each <= opens + timedelta(hours=DAILY_WINDOW_HOURS, minutes=5) for each in since_midnight)
    assert len(set(since_midnight)) > 5


def test_devices_do_not_all_begin_at_once(tmp_path: Path):
    firsts: set[datetime] = set()
    for number in range(5):
        folder = tmp_path / str(number)
        folder.mkdir()
        device = Device(folder)
        device.daily().run()
        while device.daily().run().outcome != "done":
            device.now += timedelta(minutes=5)
        firsts.add(device.now)
    assert len(firsts) > 2


def test_device_that_was_off_for_a_week_catches_up_once(device: Device):
    device.daily().run()
    device.now += timedelta(days=7)
    assert device.daily().run().outcome == "done"
    assert device.daily().run().outcome == "not_due"
    assert len(device.made) == 2


def test_second_start_of_the_day_does_nothing(device: Device):
    device.daily().run()
    report = device.daily().run()
    assert (report.outcome, report.backup) == ("not_due", device.folder / "backup_0.enc")
    assert len(device.made) == 1


@pytest.mark.parametrize("jump", [timedelta(days=-365), timedelta(days=365)])
def test_clock_that_jumps_a_year_costs_one_backup_more_and_no_day(device: Device, jump: timedelta):
    device.daily().run()
    device.now += jump
    device.daily().run()
    device.now -= jump
    device.daily().run()
    before = len(device.made)
    for _ in range(48):
        device.now += timedelta(hours=1)
        device.daily().run()
    assert before <= 3
    assert len(device.made) - before == 2


def test_failed_backup_is_told_kept_in_the_state_and_tried_at_the_next_start(device: Device):
    device.create_fails = CorruptDatabaseError(expected="a sound database", found="damage", do="restore")
    report = device.daily().run()
    assert report.outcome == "failed"
    failure = device.daily().state().failure
    assert failure == report.failure
    assert failure is not None
    assert (failure.code, failure.message) == ("corrupt_database", "expected a sound database, found damage: restore")
    device.create_fails = None
    assert device.daily().run().outcome == "done"
    assert device.daily().state().failure is None


def test_failed_backup_prunes_nothing(device: Device):
    device.create_fails = OSError("storage gone")
    device.daily().run()
    assert device.prunings == 0


def test_failed_upload_is_tried_again_with_the_same_backup(device: Device):
    device.upload_fails = OFFLINE
    assert device.daily().run().outcome == "failed"
    assert device.prunings == 1
    device.upload_fails = None
    device.now += timedelta(hours=1)
    assert device.daily().run().outcome == "done"
    assert (device.made, device.uploads) == (["backup_0.enc"], ["backup_0.enc"])


def test_upload_that_waits_is_of_the_newest_backup(device: Device):
    device.upload_fails = OFFLINE
    device.daily().run()
    device.now += timedelta(days=1)
    device.daily().run()
    device.upload_fails = None
    device.daily().run()
    assert device.uploads == ["backup_1.enc"]


def test_who_signs_in_later_gets_the_backup_of_the_day_uploaded(device: Device):
    device.signed_in = False
    assert device.daily().run().outcome == "done"
    device.signed_in = True
    device.daily().run()
    assert device.uploads == ["backup_0.enc"]


def test_backup_that_somebody_removed_is_not_uploaded(device: Device):
    device.upload_fails = OFFLINE
    device.daily().run()
    (device.folder / "backup_0.enc").unlink()
    assert device.daily().run().outcome == "not_due"


@pytest.mark.parametrize("error", [RuntimeError("a defect"), MemoryError(), OSError(28, "No space left on device")])
def test_no_failure_stops_who_calls(device: Device, error: Exception):
    device.create_fails = error
    report = device.daily().run()
    assert report.outcome == "failed"
    assert report.failure is not None
    assert report.failure.message


def test_missing_folder_is_a_report_too(tmp_path: Path):
    report = Device(tmp_path / "gone").daily().run()
    assert report.outcome == "failed"
    assert report.failure is not None
    assert report.failure.code == "storage"


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"seed": "x"}', b"\xff\xfe"])
def test_damaged_state_makes_a_backup_rather_than_none(device: Device, content: bytes):
    device.daily().run()
    (device.folder / STATE_NAME).write_bytes(content)
    assert device.daily().run().outcome == "done"
    assert len(device.made) == 2


def test_of_two_starts_at_once_one_does_the_work(device: Device):
    began, may_end = threading.Event(), threading.Event()

    class Slow(Device):
        def create(self) -> Path:
            began.set()
            may_end.wait(5)
            return super().create()

    slow = Slow(device.folder)
    first = threading.Thread(target=slow.daily().run)
    first.start()
    began.wait(5)
    report = device.daily().run()
    may_end.set()
    first.join()
    assert report.outcome == "running"
    assert (slow.made, device.made) == (["backup_0.enc"], [])


def test_state_tells_when_in_utc_or_with_its_zone(device: Device):
    device.daily().run()
    state = device.daily().state()
    assert state.created_at == state.attempted_at == NOON.astimezone(UTC)
