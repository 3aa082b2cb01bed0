"""Making a backup of a live database, and of one that is not worth it."""

import os
import resource
import sqlite3
import tempfile
from contextlib import closing
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pyrage
import pytest

from device import container, record
from device.backups import verify_backup
from device.context import Context
from device.errors import (
    BackupError,
    CorruptDatabaseError,
    DamagedError,
    DatabaseInUseError,
    DatabaseKeyError,
    EmptyDatabaseError,
    ForeignKeysError,
    StorageError,
    WrongKeyError,
)
from device.folder import backups
from tests.device.phones import TRANSACTIONS, Phone, a_phone, die_at, in_child, rows, steps_of

NOBODY = 65534


@pytest.fixture
def phone(tmp_path: Path) -> Phone:
    return a_phone(tmp_path)


def unpacked(phone: Phone, backup: Path) -> Path:
    """The database of a backup, as a file."""
    into = phone.folder / f"unpacked-{backup.name}"
    with into.open("wb") as file:
        container.read(backup, [phone.identity], on_content=file.write)
    return into


@pytest.mark.parametrize("journal_mode", ["wal", "delete", "truncate", "persist", "memory"])
def test_backup_holds_every_committed_row_whatever_the_journal(tmp_path: Path, journal_mode: str):
    phone = a_phone(tmp_path, journal_mode=journal_mode)
    made = phone.manager().create_local_backup()
    assert rows(unpacked(phone, made.path)) == phone.rows()


def test_rows_that_are_only_in_the_log_are_in_the_backup(phone: Phone):
    with closing(sqlite3.connect(phone.database)) as app, app:
        app.execute("PRAGMA wal_autocheckpoint = 0")
        app.execute("UPDATE transactions SET amount_paisa = amount_paisa + 1")
        app.commit()
        made = phone.manager().create_local_backup()
        assert rows(unpacked(phone, made.path)) == phone.rows()


def test_a_transaction_that_is_not_committed_is_not_in_the_backup(phone: Phone):
    before = phone.rows()
    with closing(sqlite3.connect(phone.database)) as app:
        app.execute("DELETE FROM transactions")
        made = phone.manager().create_local_backup()
    assert rows(unpacked(phone, made.path)) == before


def test_manifest_tells_what_is_inside(phone: Phone):
    made = phone.manager(at=datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)).create_local_backup()
    manifest = made.manifest
    content = unpacked(phone, made.path).read_bytes()
    assert (manifest.size, manifest.sha256) == (len(content), sha256(content).hexdigest())
    assert (manifest.schema_version, manifest.row_counts["transactions"]) == (3, TRANSACTIONS)
    assert made.path.name == "backup_20260304T050607.000000Z.enc"


def test_nothing_of_the_database_can_be_read_without_a_key(phone: Phone):
    made = phone.manager().create_local_backup()
    content = made.path.read_bytes()
    assert b"SQLite" not in content
    assert b"transactions" not in content
    with pytest.raises(WrongKeyError):
        verify_backup(made.path, [pyrage.x25519.Identity.generate()], Context())


def test_only_the_backup_and_the_record_are_left(phone: Phone):
    made = phone.manager().create_local_backup()
    assert {each.name for each in phone.backups.iterdir()} == {made.path.name, "verified.jsonl"}
    assert phone.leftovers() == []


def test_two_backups_of_one_moment_are_both_kept(phone: Phone):
    moment = datetime(2026, 3, 4, tzinfo=UTC)
    made = {phone.manager(at=moment).create_local_backup().path for _ in range(2)}
    assert len(made) == 2
    assert all(path.is_file() for path in made)


def test_a_database_behind_a_link_in_a_folder_with_spaces_is_backed_up(tmp_path: Path):
    folder = tmp_path / "my phone's données % ?#"
    folder.mkdir()
    real = a_phone(folder)
    link = Phone(tmp_path, real.identity)
    link.database.symlink_to(real.database)
    made = link.manager().create_local_backup()
    assert rows(unpacked(link, made.path)) == real.rows()


def test_any_other_applications_database_is_backed_up(tmp_path: Path):
    phone = Phone(tmp_path)
    with closing(sqlite3.connect(phone.database)) as connection, connection:
        connection.execute('CREATE TABLE "odd ""name""" (a PRIMARY KEY, b BLOB) WITHOUT ROWID')
        connection.execute("CREATE VIRTUAL TABLE notes USING fts5(body)")
        connection.execute("CREATE VIEW v AS SELECT 1")
        connection.execute('INSERT INTO "odd ""name""" VALUES (1, x\'00ff\')')
        connection.execute("PRAGMA user_version = 77")
    made = phone.manager().create_local_backup()
    assert made.manifest.schema_version == 77
    assert made.manifest.row_counts['odd "name"'] == 1
    assert "notes" not in made.manifest.row_counts


def good_backup_beside(phone: Phone) -> set[str]:
    phone.manager().create_local_backup()
    return {each.name for each in phone.backups.iterdir()}


def assert_refused(phone: Phone, error: type[BackupError], before: set[str]) -> None:
    with pytest.raises(error):
        phone.manager().create_local_backup()
    assert {each.name for each in phone.backups.iterdir()} == before
    assert phone.leftovers() == []


def test_an_empty_database_gets_no_backup(phone: Phone):
    before = good_backup_beside(phone)
    phone.database.write_bytes(b"")
    assert_refused(phone, EmptyDatabaseError, before)


def test_a_database_of_empty_tables_gets_no_backup(tmp_path: Path):
    phone = Phone(tmp_path)
    phone.backups.mkdir()
    phone.write("CREATE TABLE t (a)")
    assert_refused(phone, EmptyDatabaseError, set())


def test_a_database_of_an_app_that_was_just_installed_gets_no_backup(phone: Phone):
    """It has the categories that come with the app, and nothing else."""
    before = good_backup_beside(phone)
    for table in ("transactions", "budgets", "accounts"):
        phone.write(f"DELETE FROM {table}")
    assert_refused(phone, EmptyDatabaseError, before)


def test_a_file_that_is_no_database_gets_no_backup(phone: Phone):
    before = good_backup_beside(phone)
    phone.database.write_bytes(b"no database, and long enough to be looked at" * 400)
    assert_refused(phone, CorruptDatabaseError, before)


def test_a_database_with_a_destroyed_page_gets_no_backup(tmp_path: Path):
    phone = a_phone(tmp_path, journal_mode="delete")
    before = good_backup_beside(phone)
    with phone.database.open("r+b") as file:
        file.seek(4096 * 12)
        file.write(os.urandom(4096))
    assert_refused(phone, CorruptDatabaseError, before)


def test_rows_that_refer_to_nothing_are_refused(phone: Phone):
    before = good_backup_beside(phone)
    phone.write("UPDATE transactions SET account_id = 'nobody' WHERE rowid = 5")
    assert_refused(phone, ForeignKeysError, before)


def test_a_missing_database_is_told(tmp_path: Path):
    with pytest.raises(StorageError, match="none at"):
        Phone(tmp_path).manager().create_local_backup()
    assert not (tmp_path / "DuskSpendr.db").exists()


def test_a_database_that_stays_locked_is_told(phone: Phone, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("device.database.DATABASE_TIMEOUT_SECONDS", 0.2)
    phone.write("PRAGMA journal_mode = delete")
    with closing(sqlite3.connect(phone.database)) as app:
        app.execute("BEGIN EXCLUSIVE")
        with pytest.raises(DatabaseInUseError):
            phone.manager().create_local_backup()


def test_a_storage_that_lies_is_told(phone: Phone, monkeypatch: pytest.MonkeyPatch):
    """What is read back from it differs from what was written."""
    read = os.pread

    def lie(descriptor: int, length: int, offset: int) -> bytes:
        return bytes(len(read(descriptor, length, offset)))

    monkeypatch.setattr("device.proven_file.os.pread", lie)
    with pytest.raises(DamagedError, match="other bytes"):
        phone.manager().create_local_backup()
    assert list(phone.backups.iterdir()) == []


def test_a_backup_that_does_not_open_with_the_key_at_hand_is_refused(phone: Phone):
    other = Phone(phone.folder)
    manager = phone.manager()
    manager._identities = [other.identity]  # pyright: ignore[reportPrivateUsage]
    with pytest.raises(WrongKeyError):
        manager.create_local_backup()
    assert list(phone.backups.iterdir()) == []


@pytest.mark.parametrize("journal_mode", ["wal", "delete"])
def test_a_folder_that_takes_no_files_is_backed_up_all_the_same(journal_mode: str):
    with tempfile.TemporaryDirectory() as name:
        folder, temporary = Path(name) / "phone", Path(name) / "tmp"
        folder.mkdir()
        phone = a_phone(folder, journal_mode=journal_mode)
        expected = phone.rows()
        for writable in (phone.backups, temporary):
            writable.mkdir()
            writable.chmod(0o777)
        folder.chmod(0o555)
        Path(name).chmod(0o755)

        def as_nobody() -> None:
            tempfile.tempdir = str(temporary)
            if os.geteuid() == 0:
                os.seteuid(NOBODY)
            phone.manager().create_local_backup()

        status = in_child(as_nobody)
        folder.chmod(0o755)
        assert status == 0
        (made,) = phone.backups.glob("*.enc")
        assert rows(unpacked(phone, made)) == expected


CREATE_STEPS = (
    "copying the database",
    "checking the copy",
    "sealing the copy",
    "syncing the backup",
    "reading the backup back",
    "opening the backup",
    "noting that it is good",
    "putting the backup in its place",
    "done",
)


def test_these_are_the_steps_of_a_backup(phone: Phone):
    assert steps_of(lambda step: phone.manager(step=step).create_local_backup()) == list(CREATE_STEPS)


@pytest.mark.parametrize("step", CREATE_STEPS)
def test_killed_at_any_step_it_leaves_a_whole_backup_or_none(phone: Phone, step: str):
    before, kept = phone.rows(), phone.manager().create_local_backup().path
    assert in_child(phone.manager(step=die_at(step)).create_local_backup) == -9
    assert phone.rows() == before
    for backup in phone.backups.glob("backup_*.enc"):
        assert rows(unpacked(phone, backup)) == before
    assert all(each.recorded for each in backups(phone.backups))
    assert kept.is_file()


@pytest.mark.parametrize("step", CREATE_STEPS)
def test_the_next_backup_removes_what_a_killed_one_left(phone: Phone, step: str):
    in_child(phone.manager(step=die_at(step)).create_local_backup)
    phone.manager().create_local_backup()
    assert phone.leftovers() == []


def test_what_a_killed_verification_left_in_plain_goes_with_the_next(
    phone: Phone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    backup = phone.manager().create_local_backup().path
    in_child(lambda: phone.manager(step=die_at("checking the unpacked database")).verify(backup))
    assert list(temporary.iterdir()) != []
    phone.manager().verify(backup)
    assert list(temporary.iterdir()) == []


def test_a_backup_beside_another_leaves_its_files_alone(phone: Phone):
    """The second one starts, and cleans up, while the first is at work."""

    def meanwhile(step: str) -> None:
        if step == "reading the backup back":
            assert in_child(phone.manager().create_local_backup) == 0

    phone.manager(step=meanwhile).create_local_backup()
    assert len(list(phone.backups.glob("backup_*.enc"))) == 2
    assert len(record.read(phone.backups)) == 2


def test_a_storage_that_is_full_at_any_byte_leaves_nothing_behind(tmp_path: Path):
    phone = a_phone(tmp_path, transactions=1200, journal_mode="delete")
    before = good_backup_beside(phone)
    most = phone.database.stat().st_size
    for limit in range(0, most, most // 12):

        def on_a_full_storage(limit: int = limit) -> None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
            with pytest.raises((BackupError, OSError)):
                phone.manager().create_local_backup()

        assert in_child(on_a_full_storage) == 0
        assert {each.name for each in phone.backups.iterdir()} == before
        assert phone.leftovers() == []


def test_backup_that_cannot_be_noted_leaves_nothing_behind(phone: Phone):
    phone.backups.mkdir()
    (phone.backups / ".verified.jsonl.partial").symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left"):
        phone.manager().create_local_backup()
    assert list(phone.backups.iterdir()) == []


def test_limit_on_the_size_of_files_is_told_as_such(phone: Phone):
    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))
        with pytest.raises(StorageError, match="found disk I/O error, in writing"):
            phone.manager().create_local_backup()

    assert in_child(limited) == 0


def sqlcipher(phone: Phone, key: str) -> None:
    """Make the phone's database an encrypted one, as the shipped app has it."""
    from device.database import encrypt

    plain = phone.folder / "plain.db"
    phone.write("PRAGMA journal_mode = delete")
    phone.database.rename(plain)
    encrypt(plain, phone.database, key)
    plain.unlink()


@pytest.mark.parametrize("key", ["it's a passphrase", "x'" + "2d" * 32 + "'"], ids=["passphrase", "raw key"])
def test_an_encrypted_database_is_backed_up_with_its_key(phone: Phone, key: str):
    expected = phone.rows()
    sqlcipher(phone, key)
    assert b"SQLite format 3" not in phone.database.read_bytes()
    made = phone.manager(key=key).create_local_backup()
    assert rows(unpacked(phone, made.path)) == expected
    assert made.manifest.schema_version == 3


@pytest.mark.parametrize(("key", "error"), [("wrong", DatabaseKeyError), (None, CorruptDatabaseError)])
def test_an_encrypted_database_without_its_key_is_told(phone: Phone, key: str | None, error: type[BackupError]):
    sqlcipher(phone, "right")
    with pytest.raises(error, match="key"):
        phone.manager(key=key).create_local_backup()
