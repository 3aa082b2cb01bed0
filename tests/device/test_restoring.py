"""Bringing a backup back over whatever is there, and taking that back."""

import os
import resource
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pyrage.x25519 import Identity

from device import container, schema
from device.context import Context
from device.creation import describe
from device.errors import (
    BackupError,
    CorruptDatabaseError,
    CutError,
    DamagedError,
    DatabaseInUseError,
    ForeignKeysError,
    NewerSchemaError,
    NoSpaceError,
    NotABackupError,
    NothingToUndoError,
    StorageError,
    WrongKeyError,
)
from device.schema.steps import STEPS, Step
from device.schema.synthetic import create
from tests.device.phones import Phone, a_phone, die_at, in_child, rows, steps_of
from tests.device.test_creation import sqlcipher

RESTORE_STEPS = (
    "unpacking the backup",
    "checking the unpacked database",
    "bringing the schema up to date",
    "staging the database",
    "keeping what is replaced",
    "syncing the backup",
    "reading the backup back",
    "putting the database in its place",
    "keeping the undo backup",
    "done",
)
UNDO_STEPS = tuple(step for step in RESTORE_STEPS if step != "bringing the schema up to date")


@pytest.fixture
def phone(tmp_path: Path) -> Phone:
    """A phone with a backup, and rows that are newer than it."""
    phone = a_phone(tmp_path)
    phone.manager().create_local_backup()
    phone.write("UPDATE transactions SET amount_paisa = 1")
    return phone


def backup_of(phone: Phone) -> Path:
    (path,) = phone.backups.glob("backup_*.enc")
    return path


def old_rows(phone: Phone) -> list[tuple[object, ...]]:
    """Those of the backup."""
    path = phone.folder / "old"
    with path.open("wb") as file:
        container.read(backup_of(phone), [phone.identity], on_content=file.write)
    found = rows(path)
    path.unlink()
    return found


def pack(phone: Phone, database: Path, **changes: Any) -> Path:
    """A backup of a database that `create` would refuse, or with a manifest that it would not write."""
    path = phone.folder / "crafted.enc"
    manifest = replace(describe(database, Context(), sound=False), **changes)
    with path.open("wb") as out:
        container.write(out, manifest, database, [phone.identity.to_public()])
    return path


def test_restore_gives_the_rows_of_the_backup(phone: Phone):
    expected = old_rows(phone)
    phone.manager().restore(backup_of(phone))
    assert phone.rows() == expected
    assert phone.leftovers() == []


def test_undo_gives_what_the_restore_replaced(phone: Phone):
    newer = phone.rows()
    phone.manager().restore(backup_of(phone))
    phone.manager().undo()
    assert phone.rows() == newer


def test_a_second_undo_takes_the_first_back(phone: Phone):
    phone.manager().restore(backup_of(phone))
    older = phone.rows()
    phone.manager().undo()
    phone.manager().undo()
    assert phone.rows() == older


def test_the_undo_backup_is_encrypted(phone: Phone):
    phone.manager().restore(backup_of(phone))
    assert phone.undo.read_bytes().startswith(b"age-encryption.org/v1")
    assert b"SQLite" not in phone.undo.read_bytes()


def test_without_a_restore_there_is_nothing_to_undo(phone: Phone):
    with pytest.raises(NothingToUndoError):
        phone.manager().undo()


def test_a_log_that_the_app_left_is_never_played_into_the_restored_database(phone: Phone):
    """The app was killed: its last rows are in the log alone, and the log is there when the database is replaced."""
    expected = old_rows(phone)

    def killed_app() -> None:
        app = sqlite3.connect(phone.database)
        app.execute("PRAGMA wal_autocheckpoint = 0")
        app.execute("UPDATE transactions SET amount_paisa = 2")
        app.commit()
        os.kill(os.getpid(), signal.SIGKILL)

    in_child(killed_app)
    assert phone.database.with_name("DuskSpendr.db-wal").stat().st_size > 0
    phone.manager().restore(backup_of(phone))
    assert phone.rows() == expected
    phone.manager().undo()
    assert {row[3] for row in phone.rows()} == {2}


def test_a_log_without_its_database_is_set_aside(phone: Phone):
    expected = old_rows(phone)
    with closing(sqlite3.connect(phone.database)) as app:
        app.execute("PRAGMA wal_autocheckpoint = 0")
        app.execute("UPDATE transactions SET amount_paisa = 2")
        app.commit()
        log = phone.database.with_name("DuskSpendr.db-wal").read_bytes()
    phone.database.unlink()
    phone.database.with_name("DuskSpendr.db-wal").write_bytes(log)
    phone.manager().restore(backup_of(phone))
    assert phone.rows() == expected
    (aside,) = phone.folder.glob("DuskSpendr.db-wal.aside-*")
    assert aside.read_bytes() == log


def test_a_new_phone_gets_the_database_in_a_place_where_none_is(phone: Phone, tmp_path_factory: pytest.TempPathFactory):
    new = Phone(tmp_path_factory.mktemp("new"), phone.identity)
    result = new.manager().restore(backup_of(phone))
    assert new.rows() == old_rows(phone)
    assert result.undo is None


@pytest.mark.parametrize("journal_mode", ["wal", "delete"])
def test_the_restored_database_has_the_journal_mode_of_the_backup(tmp_path: Path, journal_mode: str):
    phone = a_phone(tmp_path, journal_mode=journal_mode)
    phone.manager().create_local_backup()
    phone.manager().restore(backup_of(phone))
    with closing(sqlite3.connect(phone.database)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == (journal_mode,)


def test_rights_of_the_database_stay(phone: Phone):
    phone.database.chmod(0o640)
    phone.manager().restore(backup_of(phone))
    assert phone.database.stat().st_mode & 0o777 == 0o640


def test_a_database_behind_a_link_is_replaced_where_it_lies(phone: Phone, tmp_path_factory: pytest.TempPathFactory):
    other = Phone(tmp_path_factory.mktemp("a link"), phone.identity)
    other.database.symlink_to(phone.database)
    expected = old_rows(phone)
    other.manager().restore(backup_of(phone))
    assert other.database.is_symlink()
    assert phone.rows() == expected
    other.manager().undo()
    assert {row[3] for row in phone.rows()} == {1}


def test_an_older_schema_is_brought_up_to_date_on_the_staged_copy(phone: Phone):
    older = phone.folder / "older.db"
    create(older, transactions=50, version=1)
    result = phone.manager().restore(pack(phone, older))
    assert len(result.migrations) == schema.current_version - 1
    with closing(sqlite3.connect(phone.database)) as connection:
        assert schema.version_of(connection) == schema.current_version
        assert connection.execute("SELECT count(*) FROM transactions").fetchone() == (50,)


def test_what_cannot_be_brought_up_to_date_is_neither_verified_nor_restored(
    phone: Phone, monkeypatch: pytest.MonkeyPatch
):
    create(phone.folder / "older.db", transactions=50, version=1)
    backup, before = pack(phone, phone.folder / "older.db"), phone.rows()
    lose = Step("loses rows", lambda connection: connection.execute("DELETE FROM transactions") and None)
    monkeypatch.setitem(STEPS, 2, lose)
    for use in (phone.manager().verify, phone.manager().restore):
        with pytest.raises(CorruptDatabaseError, match="every row to survive the step from schema version 2 to 3"):
            use(backup)
    assert phone.rows() == before


def test_undo_brings_an_older_schema_back_as_it_was(tmp_path: Path):
    phone = a_phone(tmp_path)
    phone.manager().create_local_backup()
    phone.database.unlink()
    create(phone.database, transactions=50, version=1)
    phone.manager().restore(backup_of(phone))
    phone.manager().undo()
    with closing(sqlite3.connect(phone.database)) as connection:
        assert schema.version_of(connection) == 1


def test_a_database_whose_app_sorts_texts_its_own_way_goes_round(tmp_path: Path):
    """As many on Android do. The index is in an order that nobody else knows."""
    phone = Phone(tmp_path)
    with closing(sqlite3.connect(phone.database)) as app, app:
        app.create_collation("LOCALIZED", lambda left, right: (left < right) - (left > right))
        app.execute("CREATE TABLE people (name TEXT COLLATE LOCALIZED PRIMARY KEY)")
        app.executemany("INSERT INTO people VALUES (?)", [(name,) for name in ("Asha", "Bala", "Chitra")])
    manager = phone.manager()
    manager.create_local_backup()
    phone.database.unlink()
    manager.restore(backup_of(phone))
    with closing(sqlite3.connect(phone.database)) as app:
        assert app.execute("SELECT count(*) FROM people").fetchone() == (3,)


def test_what_was_damaged_is_replaced_and_undo_brings_it_back_to_the_byte(phone: Phone):
    expected = old_rows(phone)
    garbage = b"not a database any more" * 500
    phone.database.write_bytes(garbage)
    phone.manager().restore(backup_of(phone))
    assert phone.rows() == expected
    phone.manager().undo()
    assert phone.database.read_bytes() == garbage


def test_the_log_of_a_damaged_database_is_set_aside(phone: Phone):
    expected = old_rows(phone)
    with closing(sqlite3.connect(phone.database)) as app:
        app.execute("PRAGMA wal_autocheckpoint = 0")
        app.execute("UPDATE transactions SET amount_paisa = 2")
        app.commit()
        log = phone.database.with_name("DuskSpendr.db-wal").read_bytes()
    phone.database.write_bytes(b"not a database any more" * 500)
    phone.database.with_name("DuskSpendr.db-wal").write_bytes(log)
    phone.manager().restore(backup_of(phone))
    assert phone.rows() == expected
    assert [each.read_bytes() for each in phone.folder.glob("DuskSpendr.db-wal.aside-*")] == [log]


def test_a_database_with_a_destroyed_page_is_replaced_and_kept(phone: Phone):
    expected = old_rows(phone)
    phone.write("PRAGMA journal_mode = delete")
    with phone.database.open("r+b") as file:
        file.seek(4096 * 12)
        file.write(os.urandom(4096))
    damaged = phone.database.read_bytes()
    phone.manager().restore(backup_of(phone))
    assert phone.rows() == expected
    phone.manager().undo()
    assert phone.database.read_bytes()[4096:] == damaged[4096:]


def test_an_empty_file_is_replaced(phone: Phone):
    expected = old_rows(phone)
    phone.database.write_bytes(b"")
    phone.manager().restore(backup_of(phone))
    assert phone.rows() == expected


def assert_refused(phone: Phone, backup: Path, error: type[BackupError], identity: Identity | None = None) -> None:
    before = phone.rows()
    manager = Phone(phone.folder, identity or phone.identity).manager()
    with pytest.raises(error):
        manager.restore(backup)
    assert phone.rows() == before
    assert not phone.undo.exists()
    assert phone.leftovers() == []


def test_a_wrong_key_changes_nothing(phone: Phone):
    assert_refused(phone, backup_of(phone), WrongKeyError, Identity.generate())


def test_a_cut_backup_changes_nothing(phone: Phone):
    backup = backup_of(phone)
    backup.write_bytes(backup.read_bytes()[:-100])
    assert_refused(phone, backup, CutError)


def test_a_damaged_backup_changes_nothing(phone: Phone):
    backup = backup_of(phone)
    content = bytearray(backup.read_bytes())
    content[-100] ^= 1
    backup.write_bytes(content)
    assert_refused(phone, backup, DamagedError)


def test_a_header_that_differs_from_what_was_verified_is_damage_and_no_wrong_key(phone: Phone):
    backup = backup_of(phone)
    content = bytearray(backup.read_bytes())
    at = content.index(b"-> X25519") + 12
    content[at] = content[at] ^ 1
    backup.write_bytes(content)
    assert_refused(phone, backup, DamagedError)


def test_any_other_file_changes_nothing(phone: Phone):
    other = phone.folder / "letter"
    other.write_text("Dear all")
    assert_refused(phone, other, NotABackupError)


def test_a_newer_schema_changes_nothing(phone: Phone):
    newer = phone.folder / "newer.db"
    create(newer, transactions=5)
    with closing(sqlite3.connect(newer)) as connection:
        connection.execute(f"PRAGMA user_version = {schema.current_version + 1}")
    assert_refused(phone, pack(phone, newer), NewerSchemaError)


def test_a_backup_of_a_corrupt_database_changes_nothing(phone: Phone):
    corrupt = phone.folder / "corrupt.db"
    create(corrupt, transactions=300)
    with corrupt.open("r+b") as file:
        file.seek(4096 * 12)
        file.write(os.urandom(4096))
    assert_refused(phone, pack(phone, corrupt), CorruptDatabaseError)


def test_a_backup_whose_manifest_tells_of_other_rows_changes_nothing(phone: Phone):
    other = phone.folder / "other.db"
    create(other, transactions=5)
    counts = {"accounts": 5, "budgets": 8, "categories": 8, "transactions": 6}
    assert_refused(phone, pack(phone, other, row_counts=counts), DamagedError)


def test_a_backup_with_rows_that_refer_to_nothing_changes_nothing(phone: Phone):
    dangling = phone.folder / "dangling.db"
    create(dangling, transactions=5)
    with closing(sqlite3.connect(dangling)) as connection, connection:
        connection.execute("UPDATE transactions SET account_id = 'nobody'")
    assert_refused(phone, pack(phone, dangling), ForeignKeysError)


def test_a_full_storage_changes_nothing(phone: Phone, monkeypatch: pytest.MonkeyPatch):
    def nearly_none(_: Path) -> object:
        return SimpleNamespace(free=1000)

    monkeypatch.setattr("shutil.disk_usage", nearly_none)
    assert_refused(phone, backup_of(phone), NoSpaceError)


def test_a_storage_that_is_full_at_any_byte_changes_nothing(phone: Phone):
    before, backup = phone.rows(), backup_of(phone)
    phone.write("PRAGMA journal_mode = delete")
    most = phone.database.stat().st_size
    for limit in range(0, most, most // 12):

        def on_a_full_storage(limit: int = limit) -> None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
            with pytest.raises((BackupError, OSError)):
                phone.manager().restore(backup)

        assert in_child(on_a_full_storage) == 0
        assert phone.rows() == before
        assert not phone.undo.exists()
        assert phone.leftovers() == []


def test_a_folder_that_is_not_there_is_told(phone: Phone):
    with pytest.raises(StorageError, match="a folder for the database"):
        Phone(phone.folder / "nowhere", phone.identity).manager().restore(backup_of(phone))


APP = """
import sqlite3, sys
app = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=0)
print(app.execute("SELECT count(*) FROM transactions").fetchone()[0], flush=True)
sys.stdin.readline()
try:
    app.execute("UPDATE transactions SET amount_paisa = 99")
    print("written", flush=True)
except sqlite3.OperationalError as error:
    print(error, flush=True)
"""


def test_a_database_that_another_program_has_open_in_wal_mode_is_left_alone(
    phone: Phone, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("device.database.DATABASE_TIMEOUT_SECONDS", 0.2)
    with subprocess.Popen([sys.executable, "-c", APP, str(phone.database)], stdin=-1, stdout=-1, text=True) as app:
        assert app.stdout is not None
        app.stdout.readline()
        with pytest.raises(DatabaseInUseError, match="a database that is free, found another program that holds it"):
            phone.manager().restore(backup_of(phone))
        assert not phone.undo.exists()
        assert app.communicate("\n")[0] == "written\n"
    with closing(sqlite3.connect(phone.database)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_program_that_still_has_the_replaced_file_cannot_write_to_it(tmp_path: Path):
    """In rollback mode nothing shows that it has the file open; SQLite sees that the file has moved."""
    phone = a_phone(tmp_path, journal_mode="delete")
    phone.manager().create_local_backup()
    with subprocess.Popen([sys.executable, "-c", APP, str(phone.database)], stdin=-1, stdout=-1, text=True) as app:
        assert app.stdout is not None
        app.stdout.readline()
        phone.manager().restore(backup_of(phone))
        assert "readonly" in app.communicate("\n")[0]
    assert phone.rows() == old_rows(phone)


def test_nobody_else_gets_in_between_the_copy_and_the_swap(phone: Phone):
    refused: list[str] = []

    def writer(step: str) -> None:
        if step == "putting the database in its place":
            with closing(sqlite3.connect(phone.database, timeout=0)) as app:
                try:
                    app.execute("UPDATE transactions SET amount_paisa = 77")
                except sqlite3.OperationalError as error:
                    refused.append(str(error))

    phone.manager(step=writer).restore(backup_of(phone))
    assert refused == ["database is locked"]


def test_these_are_the_steps_of_a_restore_and_of_an_undo(phone: Phone):
    assert steps_of(lambda step: phone.manager(step=step).restore(backup_of(phone))) == list(RESTORE_STEPS)
    assert steps_of(lambda step: phone.manager(step=step).undo()) == list(UNDO_STEPS)


@pytest.mark.parametrize("step", RESTORE_STEPS)
def test_killed_at_any_step_a_restore_leaves_the_old_or_the_new_and_its_undo(phone: Phone, step: str):
    new, old = old_rows(phone), phone.rows()
    assert in_child(lambda: phone.manager(step=die_at(step)).restore(backup_of(phone))) == -9
    found = phone.rows()
    assert found in (old, new)
    swapped = RESTORE_STEPS.index(step) > RESTORE_STEPS.index("putting the database in its place")
    assert (found == new) == swapped
    if swapped:
        phone.manager().undo()
        assert phone.rows() == old
    else:
        with pytest.raises(NothingToUndoError):
            phone.manager().undo()
    assert phone.leftovers() == []


@pytest.mark.parametrize("step", RESTORE_STEPS)
def test_the_next_restore_removes_what_a_killed_one_left(phone: Phone, step: str):
    in_child(lambda: phone.manager(step=die_at(step)).restore(backup_of(phone)))
    phone.manager().restore(backup_of(phone))
    assert phone.leftovers() == []


@pytest.mark.parametrize("step", RESTORE_STEPS)
def test_interrupted_at_any_step_it_cleans_up_at_once(phone: Phone, step: str):
    new, old = old_rows(phone), phone.rows()

    def interrupt(name: str) -> None:
        if name == step:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        phone.manager(step=interrupt).restore(backup_of(phone))
    swapped = RESTORE_STEPS.index(step) > RESTORE_STEPS.index("putting the database in its place")
    assert phone.rows() == (new if swapped else old)
    assert phone.undo.exists() == swapped
    assert phone.leftovers() == []
    with closing(sqlite3.connect(phone.database)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


@pytest.mark.parametrize("step", UNDO_STEPS)
def test_killed_at_any_step_an_undo_leaves_one_or_the_other_and_the_way_back(phone: Phone, step: str):
    newer = phone.rows()
    phone.manager().restore(backup_of(phone))
    older = phone.rows()
    assert in_child(phone.manager(step=die_at(step)).undo) == -9
    swapped = UNDO_STEPS.index(step) > UNDO_STEPS.index("putting the database in its place")
    assert phone.rows() == (newer if swapped else older)
    phone.manager().undo()
    assert phone.rows() == (older if swapped else newer)
    assert phone.leftovers() == []


def test_an_encrypted_database_is_restored_encrypted(phone: Phone):
    expected = old_rows(phone)
    sqlcipher(phone, "secret")
    phone.manager(key="secret").restore(backup_of(phone))
    assert b"SQLite format 3" not in phone.database.read_bytes()
    made = phone.manager(key="secret").create_local_backup()
    plain = phone.folder / "plain.db"
    with plain.open("wb") as file:
        container.read(made.path, [phone.identity], on_content=file.write)
    assert rows(plain) == expected


def test_an_encrypted_restore_is_taken_back(phone: Phone):
    newer = phone.rows()
    sqlcipher(phone, "secret")
    phone.manager(key="secret").restore(backup_of(phone))
    phone.manager(key="secret").undo()
    made = phone.manager(key="secret").create_local_backup()
    plain = phone.folder / "plain.db"
    with plain.open("wb") as file:
        container.read(made.path, [phone.identity], on_content=file.write)
    assert rows(plain) == newer
