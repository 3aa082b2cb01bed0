"""Backups and keys as people without this program use them: with age, zstd and tar.

Where the age command or zstd is not installed, age's TypeScript implementation and Node's zstd stand for them.
"""

import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from jinja2 import Template

from device import keys, recovery_kit
from device.schema.synthetic import create
from tests.device.commands import facts_of
from tests.device.phones import Phone, a_phone, rows
from tests.device.terminals import on_a_terminal

ARE_INSTALLED = all(shutil.which(tool) for tool in ("age", "age-keygen", "zstd", "tar"))
_NODE = [str(Path(sys.prefix) / "bin/node"), str(Path(__file__).with_name("interop.mjs"))]
VECTORS = Path(__file__).parent / "vectors"


@pytest.fixture
def phone(tmp_path: Path) -> Phone:
    return a_phone(tmp_path)


def unpack(backup: Path, key: Path, into: Path) -> None:
    """``age -d -i key f | zstd -dc | tar -x``, as the format promises."""
    into.mkdir()
    (identity,) = keys.read_key_file(key)
    age = f"age -d -i {shlex.quote(str(key))} {shlex.quote(str(backup))} | zstd -dc"
    opened = age if ARE_INSTALLED else f"{shlex.join(_NODE)} open {identity} < {shlex.quote(str(backup))}"
    _shell(f"{opened} | tar -x", into)


def pack(members: Path, recipients: Sequence[str], into: Path) -> None:
    """``tar -c | zstd | age -r``, from a folder of the two members."""
    tar = "tar -c manifest.json duskspendr.sqlite3"
    age = f"zstd | age {' '.join(f'-r {each}' for each in recipients)}"
    sealed = age if ARE_INSTALLED else f"{shlex.join(_NODE)} seal {' '.join(recipients)}"
    _shell(f"{tar} | {sealed} > {shlex.quote(str(into))}", members)


def stock_key(path: Path) -> str:
    """A key file as ``age-keygen`` writes it, and its recipient."""
    if not ARE_INSTALLED:
        identity = keys.generate()
        path.write_text(f"# created: 2026-11-24T21:04:30Z\n# public key: {identity.to_public()}\n{identity}\n")
        return str(identity.to_public())
    subprocess.run(["age-keygen", "-o", path], check=True, capture_output=True)
    return subprocess.run(["age-keygen", "-y", path], check=True, capture_output=True, text=True).stdout.strip()


def unlock(folder: Path, passphrase: str) -> None:
    """What ``kit.txt`` says of itself, for its folder; age asks for the passphrase on its terminal."""
    kit, key = folder / "kit.txt", folder / "key.txt"
    if not ARE_INSTALLED:
        opened = subprocess.run([*_NODE, "unlock", passphrase], input=kit.read_bytes(), check=True, capture_output=True)
        key.write_bytes(opened.stdout)
        return
    (line,) = re.findall(r"^ +(sed .* > key\.txt)", kit.read_text(), re.MULTILINE)
    terminal = on_a_terminal("bash", "-c", line, folder=folder)
    terminal.wait_for(b"passphrase")
    terminal.type(passphrase)
    assert terminal.end() == 0


def _shell(line: str, folder: Path) -> None:
    subprocess.run(["bash", "-e", "-o", "pipefail", "-c", line], cwd=folder, check=True, capture_output=True)


def test_stock_tools_open_a_backup_with_either_key(phone: Phone, tmp_path: Path):
    recipient = facts_of("keygen", "--out", tmp_path / "device.txt")["recipient"]
    both = ("--recipient", recipient, "--recipient", stock_key(tmp_path / "recovery.txt"))
    made = facts_of("create", "--database", phone.database, "--into", phone.backups, *both)["path"]
    for key in ("device", "recovery"):
        unpack(Path(made), tmp_path / f"{key}.txt", tmp_path / key)
        assert sorted(each.name for each in (tmp_path / key).iterdir()) == ["duskspendr.sqlite3", "manifest.json"]
        assert rows(tmp_path / key / "duskspendr.sqlite3") == phone.rows()


def test_what_stock_tools_wrote_is_restored_with_either_key(phone: Phone, tmp_path: Path):
    device, recovery = stock_key(tmp_path / "device.txt"), stock_key(tmp_path / "recovery.txt")
    made = facts_of("create", "--database", phone.database, "--into", phone.backups, "--recipient", device)["path"]
    unpack(Path(made), tmp_path / "device.txt", tmp_path / "members")
    pack(tmp_path / "members", [device, recovery], tmp_path / "by hand.enc")
    for key in ("device", "recovery"):
        database = tmp_path / f"{key}.db"
        create(database, transactions=1)
        facts_of("restore", tmp_path / "by hand.enc", "--database", database, "--identity", tmp_path / f"{key}.txt")
        assert rows(database) == phone.rows()


def test_stock_tools_open_the_recovery_kit_as_it_says(tmp_path: Path):
    facts = {"recipient": "age1...", "made_on": "2026-11-24", "groups": 6, "locked": (VECTORS / "kit.txt").read_text()}
    template = (Path(recovery_kit.__file__).parent / "kit.txt.j2").read_text()
    (tmp_path / "kit.txt").write_text(Template(template).render(facts))
    unlock(tmp_path, json.loads((VECTORS / "vectors.json").read_text())["passphrase"])
    assert (tmp_path / "key.txt").read_text() == (VECTORS / "recovery.key").read_text()
