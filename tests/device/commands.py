"""Running ``duskspendr-backup`` in the tests, in this process or as one of its own."""

import json
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

from typer.testing import CliRunner, Result

from device.cli import app

PROGRAM = Path(sysconfig.get_path("scripts")) / "duskspendr-backup"


def run(*arguments: str | Path, stdin: str | None = None) -> Result:
    """One command in this process; no traceback ever reaches a user."""
    result = CliRunner().invoke(app, [str(each) for each in arguments], input=stdin)
    assert "Traceback" not in result.output
    return result


def facts_of(*arguments: str | Path, status: int = 0) -> dict[str, Any]:
    """What a command answers in JSON."""
    result = run(*arguments, "--json")
    assert result.exit_code == status, result.output
    return json.loads(result.stdout)


def error_of(*arguments: str | Path, status: int = 1) -> dict[str, str]:
    """The one error that a command answers in JSON."""
    facts = facts_of(*arguments, status=status)
    assert set(facts["error"]) == {"code", "message", "expected", "found", "do"}
    return facts["error"]


def start(*arguments: str | Path, **how: Any) -> subprocess.Popen[str]:
    """The program in a process of its own."""
    command = [str(PROGRAM), *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **how)
