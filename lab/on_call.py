"""The ``dr`` command in a process of its own, as whoever is on call would run it against the lab."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from lab.cloud import Cloud, LabError

PATIENCE_SECONDS = 240


def dr(cloud: Cloud, *arguments: str) -> dict[str, Any]:
    """Run ``dr ... --json`` with this cloud's credentials and return its answer, whatever its verdict.

    Raises :class:`LabError` with what it said when it could not do its work.
    """
    done = subprocess.run(
        [str(Path(sys.executable).with_name("dr")), *arguments, "--json"],
        env=cloud.environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_SECONDS,
    )
    try:
        answer: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        answer = {}
    if not answer or {"error", "refused"} & answer.keys():
        said = answer.get("error") or answer.get("refused") or (done.stdout + done.stderr).strip()[-2000:]
        raise LabError(f"dr {' '.join(arguments)} ended with {done.returncode}: {said}")
    return answer
