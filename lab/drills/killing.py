# ruff: noqa: S311 - chance chooses moments here, not secrets
"""``dr migrate`` as whoever is on call runs it, and tool, source and target killed while it does."""

import json
import os
import random
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab.cloud import LabError
from lab.moving import DATABASE
from lab.polling import wait_for
from lab.postgres import Cluster
from recovery.database import place
from recovery.migration.ends import APPLICATION_NAME
from recovery.migration.state import read_migration

VICTIMS = ("tool", "source", "target")
# How long each command works on the drill's database, about; a moment within it is chosen.
WORK_SECONDS = {"start": 2.0, "verify": 0.6, "cutover": 0.6}
ATTEMPTS = 12
_AT_WORK = "SELECT 1 FROM pg_stat_activity WHERE application_name = %s AND datname = %s"

Answer = dict[str, Any]


@dataclass
class Killer:
    """``killed`` are victim and command, in their order."""

    killed: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])

    def strike(self, victim: str, command: str, source: Cluster, target: Cluster) -> bool:
        """Kill the victim while the command works; false, and not counted, when it had ended before.

        A killed server is up again afterwards.
        """
        tool = subprocess.Popen(
            command_line(command, *ends_of(source, target)),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=Path(__file__).parents[2],
            env=os.environ | {"TMPDIR": str(source.folder.parent)},  # what a killed tool leaves goes with the servers
        )
        try:
            _wait_until_at_work(tool, source)
            time.sleep(random.random() * WORK_SECONDS[command])
            at_work = tool.poll() is None
            if victim == "tool":
                tool.kill()
            else:
                cluster = source if victim == "source" else target
                cluster.kill()
                cluster.start()
        finally:
            tool.wait(120)
        if at_work:
            self.killed.append((victim, command))
        return at_work

    def strike_home(self, victim: str, command: str, source: Cluster, target: Cluster) -> None:
        """Repeat until one strike met the command at its work. Raises :class:`LabError` after ATTEMPTS."""
        if not any(self.strike(victim, command, source, target) for _ in range(ATTEMPTS)):
            raise LabError(f"dr migrate {command} always ended before its {victim} could be killed")


def _wait_until_at_work(tool: subprocess.Popen[bytes], source: Cluster) -> None:
    with source.connect() as connection:
        wait_for(
            "the tool to sign in",
            lambda: (
                connection.execute(_AT_WORK, (APPLICATION_NAME, DATABASE)).fetchone() or tool.poll() is not None or None
            ),
        )


def ends_of(source: Cluster, target: Cluster) -> tuple[str, ...]:
    """Both ends as options."""
    return ("--source", source.dsn(DATABASE), "--target", target.dsn(DATABASE))


def command_line(*arguments: str) -> list[str]:
    """``dr migrate`` in a process of its own."""
    return [sys.executable, "-m", "operations.cli", "migrate", *arguments, "--json"]


def repeat(command: str, *arguments: str) -> Answer:
    """Call until it is done. Raises :class:`LabError` after ATTEMPTS."""
    done = None
    for _ in range(ATTEMPTS):
        done = _once(command, *arguments)
        if done.returncode == 0:
            return json.loads(done.stdout)
        time.sleep(0.5)
    raise LabError(f"dr migrate {command} did not come to its end: {done.stdout if done else ''}")


def repeat_cutover(source: Cluster, target: Cluster) -> Answer | None:
    """Cut over until it is done, and verify before where that is asked for; None when an earlier call had done it.

    Raises :class:`LabError` after ATTEMPTS.
    """
    done = None
    for _ in range(ATTEMPTS):
        if _wants_verification(source, target):
            repeat("verify", *ends_of(source, target))
        done = _once("cutover", *ends_of(source, target), "--max-pause-seconds", "10")
        if done.returncode == 0:
            return json.loads(done.stdout)
        refusal = str(json.loads(done.stdout).get("refused", ""))
        if "swap --source and --target" in refusal:
            return None
        time.sleep(0.5)
    raise LabError(f"dr migrate cutover did not come to its end: {done.stdout if done else ''}")


def _wants_verification(source: Cluster, target: Cluster) -> bool:
    """Whether the source still serves, without a verification that holds."""
    with source.connect(DATABASE) as connection:
        found = read_migration(connection)
    return found is not None and found.verified is None and found.target_place == place(target.dsn(DATABASE))


def _once(command: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command_line(command, *arguments),
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
        env=os.environ | {"NO_COLOR": "1"},
        timeout=300,
    )
