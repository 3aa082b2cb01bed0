"""The library as the page for users shows it."""

import re
import shutil
from importlib.resources import files
from pathlib import Path

import pytest

from device import keys
from device.cloud.account import AccountFile
from device.schema import synthetic
from tests.device.cloud.double import CloudDouble
from tests.device.phones import rows

PAGE = (Path(__file__).parents[3] / "docs/device.md").read_text(encoding="utf-8")


def test_program_of_the_page_backs_up_uploads_and_restores(
    cloud: CloudDouble, account_file: AccountFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    monkeypatch.chdir(tmp_path)
    shutil.copytree(account_file.path.parent, tmp_path / "xdg/duskspendr-backup")
    synthetic.create(tmp_path / "DuskSpendr.db", transactions=50)
    before = rows(tmp_path / "DuskSpendr.db")
    identity = keys.generate()
    keys.write_key_file(tmp_path / "key.txt", identity)
    (program,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    exec(program.replace("age1...", str(identity.to_public())), {})  # noqa: S102 - it is what the page says
    assert rows(tmp_path / "DuskSpendr.db") == before
    assert len(list((tmp_path / "backups").glob("backup_*.enc"))) == 2
    assert [each.kind for each in cloud.stored] == ["auto"]


def test_library_tells_that_it_is_typed():
    """PEP 561: without the marker, type checkers of those who use it look at none of its types."""
    assert (files("device") / "py.typed").is_file()
