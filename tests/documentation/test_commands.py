"""Whoever is woken pastes what a page says: every command has to be one that its program takes."""

from pathlib import Path

import pytest

from documentation.pages import COLUMNS, folded
from tests.documentation.shell_lines import PROGRAMS, Line, blocks_of, commands_of, fault_of


def test_every_command_of_every_page_is_one_its_program_takes(pages: dict[Path, str]) -> None:
    lines = [line for path, text in pages.items() for line in commands_of(path, text)]
    faults = [f"{line.page}: {line.text}\n    {fault}" for line in lines if (fault := fault_of(line))]
    assert not faults, "\n".join(faults)


def test_a_long_command_is_continued_where_a_shell_takes_it() -> None:
    command = f"aws rds describe-events {' '.join(f'--option-{number} {number:010}' for number in range(9))}"
    text = folded(f"    ```\n    {command}\n    ```")
    assert all(len(line) <= COLUMNS for line in text.splitlines())
    assert [line.text for line in commands_of(Path("page.md"), text)] == [command]


def test_blocks_to_paste_hold_only_programs_that_are_checked(for_people: dict[Path, str]) -> None:
    unchecked = {
        f"{path}: {line}"
        for path, text in for_people.items()
        for line in blocks_of(text)
        if line.split()[0] not in PROGRAMS
    }
    assert not unchecked


@pytest.mark.parametrize(
    ("command", "objection"),
    [
        ("dr statsu --environment prod", "statsu"),
        ("dr status --enviroment prod", "--enviroment"),
        ("dr status", "environment"),
        ("dr drill nothing", "nothing"),
        ("duskspendr-backup cloud lst", "lst"),
        ("aws rsd describe-events", "no service rsd"),
        ("aws rds describe-event", "no operation describe-event"),
        ("aws rds describe-events --sourcetype db-instance", "no option --sourcetype"),
        ("aws rds describe-events --source-type db_instance", "expected one of"),
        ("aws rds describe-events --duration an-hour", "expected a number"),
        ("aws backup describe-backup-vault --region ap-south-1", "backup-vault-name"),
        ("aws kms enable-key --key-id KEY --no-key-id", "no switch"),
        ("aws rds reboot-db-instance --db-instance-identifier A --force-failover yes", "no value"),
        ("aws cloudtrail lookup-events --lookup-attributes Key=EventName", "AttributeKey"),
        ("aws rds generate-db-auth-token --host HOST", "host"),
    ],
)
def test_a_command_that_does_not_exist_is_found(command: str, objection: str) -> None:
    assert objection in (fault_of(Line("page", command, whole=True)) or "nothing")


def test_a_command_in_a_sentence_may_leave_options_out() -> None:
    assert fault_of(Line("page", "dr status", whole=False)) is None
    assert fault_of(Line("page", "dr status --enviroment", whole=False)) is not None
