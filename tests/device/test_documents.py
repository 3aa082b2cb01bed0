"""What the page for users says is what the command takes, and what its exports and errors are."""

import json
import re
import shlex
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import typer

from device.cli import app
from device.cloud import errors
from device.cloud.errors import CloudError
from device.export import HEADER, ExportFormat, export
from device.folder import backups
from device.limits import (
    AGE_CHUNK_BYTES,
    AGE_TAG_BYTES,
    CLOUD_ATTEMPTS,
    DAILY_WINDOW_HOURS,
    DAILY_WINDOW_START_HOUR,
    DATABASE_MAX_BYTES,
    KEEP_DAYS,
    TAR_RECORD_BYTES,
    ZSTD_LEVEL,
    ZSTD_MAX_WINDOW_BYTES,
    ZSTD_WINDOW_LOG,
)
from device.manifest import parse
from device.recovery_kit import PASSPHRASE_BITS
from device.schema import current_version, synthetic
from recovery import objectives

PAGE = (Path(__file__).parents[2] / "docs" / "device.md").read_text(encoding="utf-8")
FORMAT = (Path(__file__).parents[2] / "docs" / "device-format.md").read_text(encoding="utf-8")
LINES = re.findall(r"^duskspendr-backup (.*?)(?:\s+#.*)?$", PAGE, re.MULTILINE)


def commands(group: Any, before: str = "") -> dict[str, Any]:
    """Every command by what one types for it."""
    context = group.make_context("duskspendr-backup", [], resilient_parsing=True)
    found: dict[str, Any] = {}
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if hasattr(command, "list_commands"):
            found |= commands(command, f"{before}{name} ")
        else:
            found[f"{before}{name}"] = command
    return found


COMMANDS = commands(typer.main.get_command(app))


@pytest.mark.parametrize("line", LINES)
def test_every_command_of_the_page_can_be_typed(line: str):
    words = shlex.split(line)
    command = COMMANDS.get(" ".join(words[:2])) or COMMANDS[words[0]]
    options = {name for parameter in command.params for name in parameter.opts}
    required = {parameter.opts[0] for parameter in command.params if parameter.required and "--" in parameter.opts[0]}
    assert required <= {word for word in words if word.startswith("--")} <= options


@pytest.mark.parametrize("name", COMMANDS)
def test_page_shows_every_command(name: str):
    assert any(f"{line} ".startswith(f"{name} ") for line in LINES)


def test_page_has_every_error_of_the_cloud():
    codes = {each.code for each in vars(errors).values() if isinstance(each, type) and issubclass(each, CloudError)}
    # The first is their common name, the second never reaches a user.
    assert {code for code in codes if f"`{code}`" not in PAGE} == {"cloud", "already_there"}


def test_page_has_the_numbers_of_the_code():
    opens, closes = DAILY_WINDOW_START_HOUR, DAILY_WINDOW_START_HOUR + DAILY_WINDOW_HOURS
    assert f"between {opens} and {closes}\no'clock of local time" in PAGE
    assert f"--keep-days {KEEP_DAYS}" in PAGE
    assert CLOUD_ATTEMPTS - 1 == 6
    assert "up to six times" in PAGE
    assert f"| {current_version} |" in PAGE
    assert f"| {current_version + 1} |" not in PAGE


def test_page_has_the_retentions_of_the_cloud():
    assert f"# the newest stays, older ones go after {objectives.DEVICE_CLOUD_BACKUP_RETENTION_DAYS} days" in PAGE
    assert f"# kept until you delete it, archived after {objectives.DEVICE_MANUAL_BACKUP_GLACIER_DAYS} days" in PAGE


def test_page_has_the_columns_of_csv():
    (table,) = re.findall(r"\| column \| holds \|\n\|---\|---\|\n((?:\|.*\n)+)", PAGE)
    named = [name.strip() for row in table.splitlines() for name in row.split("|")[1].split(",")]
    assert named == list(HEADER)


def test_page_has_the_keys_of_json(tmp_path: Path):
    synthetic.create(tmp_path / "db", transactions=1)
    export(tmp_path / "db", ExportFormat.JSON, tmp_path / "out.json")
    document = json.loads((tmp_path / "out.json").read_text())
    (shown,) = re.findall(r'```\n(\{"format".*?)```', PAGE, re.DOTALL)
    keys = [*document, *document["tables"][0], *document["objects"][0]]
    assert [key for key in keys if f'"{key}": ' not in shown] == []


def test_page_of_the_format_shows_a_manifest_with_every_field():
    (shown,) = re.findall(r"```json\n(.*?)```", FORMAT, re.DOTALL)
    assert parse(shown.encode()).facts() == json.loads(shown)
    (table,) = re.findall(r"\| field \| \|\n\|---\|---\|\n((?:\|.*\n)+)", FORMAT)
    named = [name for row in table.splitlines() for name in re.findall(r"`(\w+)`", row.split("|")[1])]
    assert named == list(json.loads(shown))


def test_page_of_the_format_has_the_numbers_of_the_code():
    for number in (AGE_CHUNK_BYTES, AGE_CHUNK_BYTES + AGE_TAG_BYTES, DATABASE_MAX_BYTES, TAR_RECORD_BYTES):
        assert f"{number:,}" in FORMAT
    assert f"at most {ZSTD_MAX_WINDOW_BYTES >> 20} MiB" in FORMAT
    assert f"level {ZSTD_LEVEL} with a window of {1 << ZSTD_WINDOW_LOG >> 10} KiB" in FORMAT
    assert f"{PASSPHRASE_BITS} bits" in FORMAT


@pytest.mark.parametrize("moment", ["21:04:30Z", "21:04:30.760147123Z", "21:04:30.760+00:00", "T210430.760147123Z"])
def test_moments_are_read_as_other_writers_spell_them(tmp_path: Path, moment: str):
    (shown,) = re.findall(r"```json\n(.*?)```", FORMAT, re.DOTALL)
    spelled = f"2026-11-24T{moment}" if ":" in moment else f"20261124{moment}"
    facts = json.loads(shown) | {"created_at": spelled}
    (tmp_path / f"backup_{spelled}.enc").touch()
    (backup,) = backups(tmp_path)
    for found in (parse(json.dumps(facts).encode()).created_at, backup.taken_at):
        assert found.replace(microsecond=0) == datetime(2026, 11, 24, 21, 4, 30, tzinfo=UTC)
