"""REQ-16: a damaged database is found, and the newest good backup takes its place."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pyrage.x25519 import Identity

from device.context import Context
from device.errors import NoBackupError
from device.recovery import Recovery, fault, recover
from tests.device.phones import Phone, a_phone

NOW = datetime(2026, 6, 15, tzinfo=UTC)


@pytest.fixture
def phone(tmp_path: Path) -> Phone:
    """A phone with three backups: of no amount, of 1 paisa, of 2 paisa."""
    phone = a_phone(tmp_path, journal_mode="delete")
    for amount in range(3):
        phone.write(f"UPDATE transactions SET amount_paisa = {amount}")
        phone.manager(at=NOW + timedelta(days=amount)).create_local_backup()
    return phone


def destroy(database: Path) -> None:
    with database.open("r+b") as file:
        file.seek(4096 * 12)
        file.write(os.urandom(4096))


def newest_first(phone: Phone) -> list[Path]:
    return sorted(phone.backups.glob("backup_*.enc"), reverse=True)


def run(phone: Phone) -> Recovery:
    return recover(phone.database, phone.backups, [phone.identity], Context())


def amounts(phone: Phone) -> set[object]:
    return {row[3] for row in phone.rows()}


def test_a_sound_database_has_no_fault(phone: Phone):
    assert fault(phone.database, Context()) is None


def test_a_destroyed_page_is_a_fault(phone: Phone):
    destroy(phone.database)
    assert fault(phone.database, Context()) is not None


def test_a_missing_database_is_a_fault(phone: Phone):
    phone.database.unlink()
    assert "no DuskSpendr.db" in str(fault(phone.database, Context()))


def test_rows_that_refer_to_nothing_are_a_fault(phone: Phone):
    phone.write("UPDATE transactions SET account_id = 'nobody' WHERE rowid = 5")
    assert "missing row of accounts" in str(fault(phone.database, Context()))


@pytest.mark.parametrize("harm", ["page", "header", "missing"])
def test_the_newest_backup_takes_its_place(phone: Phone, harm: str):
    if harm == "page":
        destroy(phone.database)
    elif harm == "header":
        phone.database.write_bytes(b"gone" * 1000)
    else:
        phone.database.unlink()
    assert run(phone).backup == newest_first(phone)[0]
    assert amounts(phone) == {2}


def test_backups_that_are_no_good_are_passed_over(phone: Phone):
    destroy(phone.database)
    newest, second, _ = newest_first(phone)
    newest.write_bytes(newest.read_bytes()[:-1])
    second.write_bytes(b"")
    done = run(phone)
    assert amounts(phone) == {0}
    assert [each.partition(":")[0] for each in done.passed_over] == [newest.name, second.name]


def test_where_no_backup_is_good_the_damaged_database_stays(phone: Phone):
    destroy(phone.database)
    before = phone.database.read_bytes()
    phone.identity = Identity.generate()
    with pytest.raises(NoBackupError, match="encrypted to others"):
        run(phone)
    assert phone.database.read_bytes() == before
