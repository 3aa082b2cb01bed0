"""Old backups go, seven days stay, and the newest verified one whatever the clock says."""

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from device import pruning, record
from device.context import Context
from device.errors import StorageError
from device.limits import KEEP_DAYS
from device.manifest import timestamp
from device.pruning import Pruned
from tests.device.phones import Phone, a_phone, die_at, in_child, steps_of

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
YEAR = timedelta(days=365)


@pytest.fixture
def phone(tmp_path: Path) -> Phone:
    return a_phone(tmp_path, transactions=20)


def back_up(phone: Phone, *ages: float) -> list[Path]:
    """Backups of so many days before now, made in that order."""
    return [phone.manager(at=NOW - timedelta(days=age)).create_local_backup().path for age in ages]


def prune(phone: Phone, at: datetime = NOW) -> Pruned:
    return phone.manager(at=at).prune()


def left(phone: Phone) -> set[Path]:
    return set(phone.backups.glob("backup_*.enc"))


def test_seven_days_stay_and_older_ones_go(phone: Phone):
    made = back_up(phone, 9, 8, 7.1, 6.9, 3, 0)
    pruned = prune(phone)
    assert set(pruned.removed) == set(made[:3])
    assert left(phone) == set(made[3:])


def test_all_stay_for_as_many_days_as_one_can_type(phone: Phone):
    made = back_up(phone, 400, 300, 200)
    assert set(pruning.prune(phone.backups, 10**30, Context()).kept) == set(made) == left(phone)


def test_the_newest_stays_however_old_it_is(phone: Phone):
    made = back_up(phone, 400, 300, 200)
    prune(phone)
    assert left(phone) == {made[-1]}


def test_a_newer_file_that_is_damaged_does_not_take_the_newest_good_ones_place(phone: Phone):
    older, good, damaged = back_up(phone, 40, 30, 20)
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"\0")
    prune(phone)
    assert good in left(phone)
    assert older not in left(phone)


@pytest.mark.parametrize("content", [b"", b"age-encryption.org/v1\n", bytes(100_000)], ids=["empty", "cut", "zeros"])
def test_a_newer_file_that_is_no_backup_does_not_either(phone: Phone, content: bytes):
    (good,) = back_up(phone, 30)
    (phone.backups / f"backup_{timestamp(NOW)}.enc").write_bytes(content)
    prune(phone)
    assert good in left(phone)


@pytest.mark.parametrize("off", [YEAR, -YEAR], ids=["a year ahead", "a year behind"])
def test_the_newest_stays_when_pruning_has_a_wrong_clock(phone: Phone, off: timedelta):
    made = back_up(phone, 2, 1, 0)
    prune(phone, NOW + off)
    assert made[-1] in left(phone)


@pytest.mark.parametrize("off", [YEAR, -YEAR], ids=["a year ahead", "a year behind"])
def test_the_newest_stays_when_it_was_made_with_a_wrong_clock(phone: Phone, off: timedelta):
    made = back_up(phone, 20, 10)
    newest = phone.manager(at=NOW + off).create_local_backup().path
    prune(phone)
    assert newest in left(phone)
    assert made[0] not in left(phone)


def test_renamed_backups_go_by_their_names(phone: Phone):
    """Made in one minute, and named as if one had been made a day, the newest first."""
    for age, path in enumerate(back_up(phone, *([0.0] * 10))):
        path.rename(path.with_name(f"backup_{timestamp(NOW - timedelta(days=age, hours=1))}.enc"))
    prune(phone)
    assert len(left(phone)) == KEEP_DAYS


def test_without_a_record_the_newest_that_is_whole_stays(phone: Phone):
    older, whole, cut = back_up(phone, 40, 30, 20)
    (phone.backups / "verified.jsonl").unlink()
    cut.write_bytes(cut.read_bytes()[:-1])
    prune(phone)
    assert left(phone) == {whole}
    assert older not in left(phone)


def test_where_no_backup_can_be_relied_upon_nothing_goes(phone: Phone):
    made = back_up(phone, 40, 30)
    for path in made:
        path.write_bytes(path.read_bytes()[:-1])
    pruned = prune(phone)
    assert left(phone) == set(made)
    assert pruned.newest_verified == []


def test_other_files_are_left_alone(phone: Phone):
    back_up(phone, 0)
    others = [phone.backups / name for name in ("backup_2020.txt", "photo.enc", "notes")]
    for other in others:
        other.write_text("mine")
    prune(phone)
    assert all(other.exists() for other in others)


def test_a_name_without_a_moment_goes_by_the_files_own(phone: Phone):
    now = datetime.now(UTC)
    newest = phone.manager(at=now + timedelta(days=2)).create_local_backup().path
    other = phone.backups / "backup_before-the-update.enc"
    shutil.copy(newest, other)
    prune(phone, now + timedelta(days=6))
    assert other in left(phone)
    prune(phone, now + timedelta(days=8))
    assert left(phone) == {newest}


def test_the_record_forgets_what_is_gone(phone: Phone):
    made = back_up(phone, 30, 20, 0)
    prune(phone)
    assert [entry.name for entry in record.read(phone.backups)] == [made[-1].name]


def test_a_record_with_a_torn_line_still_counts(phone: Phone):
    made = back_up(phone, 40, 30)
    path = phone.backups / "verified.jsonl"
    path.write_text(path.read_text() + '{"name": "backup_')
    prune(phone)
    assert left(phone) == {made[-1]}


def test_killed_anywhere_it_leaves_the_newest_and_goes_on_at_the_next_start(tmp_path: Path):
    (tmp_path / "first").mkdir()
    phone = a_phone(tmp_path / "first", transactions=20)
    made = back_up(phone, 40, 30, 20, 0)
    copy = tmp_path / "copy"
    shutil.copytree(phone.folder, copy)
    steps = steps_of(lambda step: Phone(copy, phone.identity).manager(at=NOW, step=step).prune())
    assert [step for step in steps if step.startswith("removing")] == [f"removing {path.name}" for path in made[2::-1]]
    for step in steps:
        assert in_child(phone.manager(at=NOW, step=die_at(step)).prune) == -9
        assert made[-1] in left(phone)
    prune(phone)
    assert left(phone) == {made[-1]}


def test_a_folder_that_is_not_there_is_told(phone: Phone):
    with pytest.raises(StorageError, match="a folder of backups"):
        prune(phone)
