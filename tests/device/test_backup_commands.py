"""``duskspendr-backup`` as it is typed: spellings, answers, exit statuses, and never a traceback."""

import json
import os
import pty
import resource
import subprocess
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pyrage.x25519 import Identity
from typer.testing import CliRunner, Result

from device import recovery_kit
from device.cli import app
from tests.device.commands import PROGRAM
from tests.device.phones import TRANSACTIONS, Phone, a_phone, in_child, rows
from tests.device.test_creation import sqlcipher

VECTORS = Path(__file__).parent / "vectors"
PASSPHRASE = json.loads((VECTORS / "vectors.json").read_text())["passphrase"]
RECOVERY = json.loads((VECTORS / "vectors.json").read_text())["recipients"][1]


@pytest.fixture
def phone(tmp_path: Path) -> Phone:
    phone = a_phone(tmp_path)
    key_file(phone).write_text(f"{phone.identity}\n")
    return phone


def key_file(phone: Phone) -> Path:
    return phone.folder / "key.txt"


def run(*arguments: object, given: str | None = None) -> Result:
    result = CliRunner().invoke(app, [str(each) for each in arguments], input=given)
    assert "Traceback" not in result.output
    return result


def done(*arguments: object) -> dict[str, Any]:
    """The JSON of a command that did its work."""
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def refused(*arguments: object, status: int = 1) -> dict[str, str]:
    """The error of a command that refused, which is the same for people and for programs."""
    result = run(*arguments)
    assert result.exit_code == status, result.output
    assert result.stdout == ""
    assert result.stderr.startswith("error: expected ")
    again = run(*arguments, "--json")
    assert again.exit_code == status
    error = json.loads(again.stdout)["error"]
    assert set(error) == {"code", "message", "expected", "found", "do"}
    return error


def create(phone: Phone, *more: object) -> Path:
    arguments = ("create", "--database", phone.database, "--into", phone.backups)
    return Path(done(*arguments, "--recipient", phone.identity.to_public(), *more)["path"])


def test_keygen_writes_a_key_and_prints_its_recipient(tmp_path: Path):
    result = run("keygen", "--out", tmp_path / "key.txt")
    identity = Identity.from_str((tmp_path / "key.txt").read_text().splitlines()[-1])
    assert result.stdout == f"{identity.to_public()}\n"
    assert str(identity) not in result.output


def test_keygen_never_writes_over_a_key(tmp_path: Path):
    (tmp_path / "key.txt").write_text("mine")
    assert refused("keygen", "--out", tmp_path / "key.txt")["code"] == "storage"
    assert (tmp_path / "key.txt").read_text() == "mine"


def test_a_backup_goes_round(phone: Phone):
    before = phone.rows()
    path = create(phone)
    assert done("verify", path, "--identity", key_file(phone))["verified"] is True
    phone.write("DELETE FROM transactions")
    done("restore", path, "--database", phone.database, "--identity", key_file(phone))
    assert phone.rows() == before
    done("undo", "--database", phone.database, "--identity", key_file(phone))
    assert phone.rows() == []


def test_a_backup_for_two_opens_with_the_recovery_kit(phone: Phone, tmp_path: Path):
    path = create(phone, "--recipient", RECOVERY)
    (tmp_path / "passphrase").write_text(f"{PASSPHRASE}\n")
    kit = ("--identity", VECTORS / "kit.txt", "--passphrase-file", tmp_path / "passphrase")
    new = tmp_path / "new phone.db"
    done("restore", path, "--database", new, *kit)
    assert rows(new) == phone.rows()


def test_the_passphrase_is_asked_for(phone: Phone):
    path = create(phone, "--recipient", RECOVERY)
    result = run("verify", path, "--identity", VECTORS / "kit.txt", given=f"{PASSPHRASE}\n")
    assert result.exit_code == 0
    assert "GOOD" in result.stdout
    assert PASSPHRASE not in result.output


def test_recovery_kit_is_written_once_and_its_passphrase_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    made = recovery_kit.RecoveryKit(recipient="age1x", passphrase="AAAA", text="text", page="<html>")

    def quickly(_: datetime) -> recovery_kit.RecoveryKit:
        return made

    monkeypatch.setattr("device.recovery_kit.make", quickly)
    facts = done("recovery-kit", "--out", tmp_path)
    assert (facts["recipient"], facts["passphrase"], facts["bits"]) == ("age1x", "AAAA", 120)
    assert Path(facts["text"]).read_text() == "text"
    assert Path(facts["page"]).stat().st_mode & 0o777 == 0o600
    assert refused("recovery-kit", "--out", tmp_path, status=2)["code"] == "usage"


def test_recovery_kit_without_its_page_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A half of it would stand in the way of the next try, and nobody would know its passphrase."""
    made = recovery_kit.RecoveryKit(recipient="age1x", passphrase="AAAA", text="text", page="<html>" * 1000)

    def quickly(_: datetime) -> recovery_kit.RecoveryKit:
        return made

    monkeypatch.setattr("device.recovery_kit.make", quickly)

    def on_a_full_storage() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
        assert refused("recovery-kit", "--out", tmp_path)["code"] == "no_space"

    assert in_child(on_a_full_storage) == 0
    assert list(tmp_path.iterdir()) == []


def test_create_with_a_key_at_hand_opens_what_it_made(phone: Phone):
    arguments = ("create", "--database", phone.database, "--into", phone.backups)
    recipient = ("--recipient", phone.identity.to_public())
    assert done(*arguments, *recipient)["opened"] is False
    assert done(*arguments, *recipient, "--identity", key_file(phone))["opened"] is True


def test_list_shows_the_newest_first_and_with_a_key_what_is_inside(phone: Phone):
    first, second = create(phone), create(phone)
    listed = done("list", "--in", phone.backups, "--identity", key_file(phone))["backups"]
    assert [each["path"] for each in listed] == [str(second), str(first)]
    assert listed[0]["manifest"]["row_counts"]["transactions"] == TRANSACTIONS
    assert "manifest" not in done("list", "--in", phone.backups)["backups"][0]


def test_list_tells_which_file_cannot_be_read_and_shows_the_others(phone: Phone):
    first, second = create(phone), create(phone)
    second.write_bytes(second.read_bytes()[:300])
    result = run("list", "--in", phone.backups, "--identity", key_file(phone))
    assert result.exit_code == 0
    assert "cut" in result.stdout.splitlines()[0]
    assert first.name in result.stdout


def test_prune_keeps_what_it_should(phone: Phone):
    old = phone.manager(at=datetime(2026, 1, 1, tzinfo=UTC)).create_local_backup().path
    new = create(phone)
    facts = done("prune", "--in", phone.backups, "--keep-days", 7)
    assert (facts["removed"], facts["kept"], facts["newest_verified"]) == ([str(old)], [str(new)], [str(new)])


def test_recover_does_nothing_to_a_sound_database(phone: Phone):
    create(phone)
    arguments = ("--database", phone.database, "--in", phone.backups, "--identity", key_file(phone))
    assert done("recover", *arguments) == {"sound": True}


def test_recover_offers_and_restores(phone: Phone):
    expected = phone.rows()
    create(phone)
    phone.database.write_bytes(b"gone" * 1000)
    arguments = ("recover", "--database", phone.database, "--in", phone.backups, "--identity", key_file(phone))
    assert run(*arguments, given="n\n").exit_code == 1
    assert phone.database.read_bytes() == b"gone" * 1000
    assert run(*arguments, given="y\n").exit_code == 0
    assert phone.rows() == expected


def test_recover_for_a_program_needs_its_yes(phone: Phone):
    create(phone)
    phone.database.unlink()
    arguments = ("recover", "--database", phone.database, "--in", phone.backups, "--identity", key_file(phone))
    error = json.loads(run(*arguments, "--json").stdout)["error"]
    assert (error["code"], "--yes" in error["do"]) == ("corrupt_database", True)
    assert done(*arguments, "--yes")["sound"] is False


def test_an_encrypted_database_goes_round(phone: Phone, tmp_path: Path):
    before = phone.rows()
    sqlcipher(phone, "secret")
    (tmp_path / "database-key").write_text("secret\n")
    key = ("--database-key", tmp_path / "database-key")
    path = create(phone, *key)
    done("restore", path, "--database", phone.database, "--identity", key_file(phone), *key)
    assert b"SQLite format 3" not in phone.database.read_bytes()
    phone.database.unlink()
    done("restore", path, "--database", phone.database, "--identity", key_file(phone))
    assert phone.rows() == before


def test_every_cause_has_its_code(phone: Phone, tmp_path: Path):
    path, key = create(phone), ("--identity", key_file(phone))
    (tmp_path / "other.txt").write_text(f"{Identity.generate()}\n")
    (tmp_path / "letter").write_text("Dear all")
    cut = tmp_path / "cut.enc"
    cut.write_bytes(path.read_bytes()[:-5])
    damaged = tmp_path / "damaged.enc"
    damaged.write_bytes(path.read_bytes()[:-5] + b"12345")
    assert refused("verify", path, "--identity", tmp_path / "other.txt")["code"] == "wrong_key"
    assert refused("verify", tmp_path / "letter", *key)["code"] == "not_a_backup"
    assert refused("verify", cut, *key)["code"] == "cut"
    assert refused("verify", damaged, *key)["code"] == "damaged"
    assert refused("undo", "--database", phone.database, *key)["code"] == "nothing_to_undo"


def test_what_cannot_be_understood_is_status_2(phone: Phone, tmp_path: Path):
    path = create(phone)
    (tmp_path / "empty").touch()
    assert run("create").exit_code == 2
    assert run("backup").exit_code == 2
    assert run("prune", "--in", phone.backups, "--keep-days", "-1").exit_code == 2
    assert refused("verify", path, "--identity", tmp_path / "nowhere", status=2)["code"] == "usage"
    assert refused("verify", path, "--identity", tmp_path / "empty", status=2)["code"] == "usage"
    create_it = ("create", "--database", phone.database, "--into", phone.backups, "--recipient")
    assert refused(*create_it, "age1nobody", status=2)["code"] == "usage"
    assert "secret key" in refused(*create_it, phone.identity, status=2)["found"]


def test_a_folder_that_cannot_be_made_is_told(phone: Phone):
    phone.backups.write_text("a file")
    arguments = ("create", "--database", phone.database, "--into", phone.backups)
    assert refused(*arguments, "--recipient", phone.identity.to_public())["code"] == "storage"


def test_a_defect_of_ours_is_one_line_too(phone: Phone, monkeypatch: pytest.MonkeyPatch):
    def broken(*_: object) -> None:
        raise ZeroDivisionError("oops")

    monkeypatch.setattr("device.creation.copy", broken)
    arguments = ("create", "--database", phone.database, "--into", phone.backups)
    assert "report it" in refused(*arguments, "--recipient", phone.identity.to_public())["do"]


COMMANDS = ("keygen", "recovery-kit", "create", "verify", "list", "restore", "undo", "recover", "prune")


def test_help_names_every_command():
    shown = run("-h").stdout
    assert all(command in shown for command in COMMANDS)


def test_the_program_is_installed_and_speaks_plainly_into_a_pipe(phone: Phone):
    path = create(phone)
    command = [PROGRAM, "verify", path, "--identity", key_file(phone)]
    shown = subprocess.run(command, capture_output=True, check=True, text=True)
    assert "\x1b" not in shown.stdout + shown.stderr
    assert shown.stderr == ""


def test_a_terminal_sees_progress_and_colour_unless_it_wants_none(phone: Phone):
    path = create(phone)

    def on_a_terminal(**environment: str) -> tuple[bytes, bytes]:
        ours, theirs = pty.openpty()
        command = [PROGRAM, "verify", path, "--identity", key_file(phone)]
        values = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
        values |= {"TERM": "xterm-256color"} | environment
        shown = b""
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=theirs, env=values) as process:
            os.close(theirs)
            with suppress(OSError):  # Linux's way to say that the other end has gone
                while part := os.read(ours, 4096):
                    shown += part
            out, _ = process.communicate()
        os.close(ours)
        return out, shown

    out, shown = on_a_terminal()
    assert b"verifying" in shown
    assert b"\x1b" not in out
    assert b"\x1b[3" not in on_a_terminal(NO_COLOR="1")[1]


def test_path_that_is_not_there_is_a_wrong_command(phone: Phone):
    nowhere, key = phone.folder / "nowhere", key_file(phone)
    recipient = phone.identity.to_public()
    for arguments in (
        ("create", "--database", nowhere, "--into", phone.backups, "--recipient", recipient),
        ("verify", nowhere, "--identity", key),
        ("restore", nowhere, "--database", phone.database, "--identity", key),
        ("restore", create(phone), "--database", nowhere / "app.db", "--identity", key),
        ("keygen", "--out", nowhere / "key.txt"),
        ("list", "--in", nowhere),
        ("prune", "--in", nowhere),
        ("upload", nowhere),
        ("export", "--database", nowhere, "--format", "json", "--out", phone.folder / "out.json"),
    ):
        error = refused(*arguments, status=2)
        assert (error["code"], error["do"]) == ("not_there", "check the path")


@pytest.mark.parametrize("words", [("create", "--databse", "x"), ("crate",), ("cloud", "lst"), ("keygen",)])
def test_a_command_line_that_is_wrong_answers_a_script_in_json(words: tuple[str, ...]):
    result = run(*words, "--json")
    assert result.exit_code == 2
    assert json.loads(result.stdout)["error"]["code"] == "usage"
    assert result.stderr == ""
