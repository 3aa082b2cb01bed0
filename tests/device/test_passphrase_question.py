"""The question for the recovery kit's passphrase, as it is seen on a terminal, and where there is none."""

import json
from pathlib import Path

import pytest

from tests.device.commands import PROGRAM, error_of, facts_of
from tests.device.phones import Phone, a_phone
from tests.device.terminals import on_a_terminal

VECTORS = Path(__file__).parent / "vectors"
PASSPHRASE = json.loads((VECTORS / "vectors.json").read_text())["passphrase"]
RECOVERY = json.loads((VECTORS / "vectors.json").read_text())["recipients"][1]


@pytest.fixture
def phone(tmp_path: Path) -> Phone:
    return a_phone(tmp_path)


@pytest.fixture
def backup(phone: Phone) -> Path:
    made = facts_of("create", "--database", phone.database, "--into", phone.backups, "--recipient", RECOVERY)
    return Path(made["path"])


def test_nothing_writes_over_the_question_for_the_passphrase(phone: Phone, backup: Path):
    database, folder = ("--database", phone.database), ("--in", phone.backups)
    asking = {
        command[0]: on_a_terminal(PROGRAM, *command, "--identity", VECTORS / "kit.txt", folder=phone.folder)
        for command in (
            ("create", *database, "--into", phone.backups, "--recipient", RECOVERY),
            ("verify", backup),
            ("list", *folder),
            ("restore", backup, "--database", phone.folder / "new.db"),
            ("undo", *database),
            ("recover", "--database", phone.folder / "missing.db", *folder, "--yes"),
        )
    }
    for terminal in asking.values():
        terminal.wait_for(b"Passphrase of the recovery kit: ")
    # A spinner turns twelve times a second.
    assert [command for command, terminal in asking.items() if not terminal.is_silent(0.3)] == []
    for terminal in asking.values():
        terminal.type(PASSPHRASE)
    assert {command for command, terminal in asking.items() if terminal.end() != 0} == {"undo"}
    assert b"nothing to take back" in asking["undo"].shown.replace(b"\r\n", b" ")


def test_passphrase_that_nobody_can_be_asked_for_is_a_usage_error(backup: Path):
    error = error_of("verify", backup, "--identity", VECTORS / "kit.txt", status=2)
    assert error["expected"] == "--passphrase-file, as nobody is there to be asked"
