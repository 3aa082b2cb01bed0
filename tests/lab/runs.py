"""The lab's commands in processes of their own, as a person starts them."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import jsonschema

PATIENCE_SECONDS = 240
SCHEMA = Path(__file__).parents[2] / "docs" / "evidence.schema.json"


@dataclass
class Run:
    """A drill in a process of its own, with private temporary files, so that leftovers can be seen."""

    process: subprocess.Popen[str]
    output: Path
    temporary: Path
    printed: str = ""

    def finish(self) -> None:
        """Let a paused drill go on, and wait for the end."""
        rest, _ = self.process.communicate("\n", timeout=PATIENCE_SECONDS)
        self.printed += rest

    def evidence(self) -> dict[str, Any]:
        """What the drill left, which is a record of the published schema."""
        found = json.loads((self.output / "evidence.json").read_text())
        jsonschema.validate(found, json.loads(SCHEMA.read_text()))
        return found

    def leftovers(self) -> list[str]:
        return sorted(path.name for path in self.temporary.iterdir())


def begin(folder: Path, *arguments: str) -> Run:
    """Start ``python -m lab`` with these arguments; ``folder`` is one that the clusters' user may enter."""
    temporary = folder / "tmp"
    temporary.mkdir()
    temporary.chmod(0o755)
    process = subprocess.Popen(
        [sys.executable, "-m", "lab", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | {"TMPDIR": str(temporary), "NO_COLOR": "1", "COLUMNS": "160"},
    )
    return Run(process, folder / "out", temporary)


def read_until(stream: IO[str], needle: str) -> tuple[str, list[str]]:
    """The first line that holds ``needle``, and all lines before it."""
    seen: list[str] = []
    for line in stream:
        if needle in line:
            return line, seen
        seen.append(line)
    raise AssertionError(f"{needle!r} never came:\n{''.join(seen)}")


def begin_drill(folder: Path, *arguments: str) -> Run:
    """Start a drill that leaves its evidence in ``out`` of the folder."""
    return begin(folder, "drill", "--output", str(folder / "out"), *arguments)
