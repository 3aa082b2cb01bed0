"""Every template as it was accepted. ``UPDATE_SNAPSHOTS=1`` (``make snapshots``) accepts the templates as they are."""

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from tests.infrastructure.assemblies import ENVIRONMENTS, STACKS, Assembly

FOLDER = Path(__file__).parent / "snapshots"
UPDATING = os.environ.get("UPDATE_SNAPSHOTS") == "1"

# What changes with the code that is uploaded and not with the infrastructure, in one place.
_VOLATILE = (
    (re.compile(r"\b[0-9a-f]{64}\b"), "<asset>"),
    (re.compile(r'("SchemaVersion": ")[0-9a-f]{12}'), r"\1<schema>"),
)
# An image given by digest is a setting, and belongs in the snapshot.
_KEPT = "sha256:"


def normalised(template: dict[str, Any]) -> str:
    """The template as sorted JSON without what differs between two builds of the same infrastructure."""
    text = json.dumps(template, indent=1, sort_keys=True)
    lines = [line if _KEPT in line else _replace(line) for line in text.splitlines()]
    return "\n".join([*lines, ""])


def _replace(line: str) -> str:
    for pattern, replacement in _VOLATILE:
        line = pattern.sub(replacement, line)
    return line


@pytest.mark.parametrize("stack", STACKS)
def test_template_is_the_accepted_one(assembly: Assembly, stack: str) -> None:
    file = FOLDER / assembly.environment / f"{stack}.json"
    found = normalised(assembly.templates[stack])
    if UPDATING:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(found)
    assert file.exists(), f"no snapshot {file}: review the template and accept it with `make snapshots`"
    assert found == file.read_text(), f"{stack} of {assembly.environment} changed: `make snapshots` accepts it"


def test_there_is_no_snapshot_of_what_does_not_exist() -> None:
    wanted = {FOLDER / environment / f"{stack}.json" for environment in ENVIRONMENTS for stack in STACKS}
    extra = set(FOLDER.rglob("*.json")) - wanted
    if UPDATING:
        for file in extra:
            file.unlink()
        return
    assert not extra


def test_two_builds_of_the_same_infrastructure_read_the_same() -> None:
    builds = [
        {"S3Key": f"{digest * 64}.zip", "SchemaVersion": digest * 12, "Image": f"api@sha256:{'9' * 64}"}
        for digest in "ab"
    ]
    assert normalised(builds[0]) == normalised(builds[1])
    assert "9" * 64 in normalised(builds[0])
