"""Several writers at once, as processes that the drill starts, ends and asks for their ledgers."""

import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from lab.cloud import LabError
from lab.polling import wait_for
from lab.writers.ledger import Acknowledgement, Ledger, newest_acknowledgement, read_ledgers
from lab.writers.process import DSN_VARIABLE

STOP_TIMEOUT_SECONDS = 15


class Writers:
    """So many writers to the database at ``dsn``. Their ledgers lie in ``folder``, and stay there."""

    def __init__(self, dsn: str, folder: Path, *, count: int = 3, name: str = "writer") -> None:
        self._dsn = dsn
        self._ledgers = [folder / f"{name}-{number}.jsonl" for number in range(1, count + 1)]
        self._output = folder / f"{name}.log"
        self._processes: list[subprocess.Popen[bytes]] = []
        self._ending = ExitStack()

    def __enter__(self) -> Self:
        """Start them and wait until each has had a commit acknowledged, or been told an error."""
        self._output.parent.mkdir(parents=True, exist_ok=True)
        with ExitStack() as starting:
            starting.callback(self.kill)
            output = starting.enter_context(self._output.open("ab"))
            for path in self._ledgers:
                path.touch()
                self._processes.append(
                    subprocess.Popen(
                        [sys.executable, "-m", "lab.writers.process", str(path)],
                        env=os.environ | {DSN_VARIABLE: self._dsn},
                        cwd=Path(__file__).parents[2],
                        stdin=subprocess.DEVNULL,
                        stdout=output,
                        stderr=output,
                        start_new_session=True,  # a Ctrl-C at the terminal reaches us, and we end them
                    )
                )
            wait_for("every writer to begin", self._began)
            self._ending = starting.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End them after the writes under way; kill who does not end."""
        try:
            if error is None:
                self.stop()
        finally:
            self._ending.close()

    def stop(self) -> None:
        """End them in order. Raises :class:`LabError` when one had ended before: it would prove less than it says."""
        gone = [process.pid for process in self._processes if process.poll() is not None]
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            try:
                process.wait(STOP_TIMEOUT_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
        if gone:
            raise LabError(f"{len(gone)} of the writers ended early:\n{self._output.read_text()[-2000:]}")

    def kill(self) -> None:
        """Kill them at once, as lost machines would be: their ledgers are what they had forced to disk."""
        for process in self._processes:
            process.kill()
            process.wait()

    def ledger(self) -> Ledger:
        """All their ledgers, as they are now."""
        return read_ledgers(self._ledgers)

    def newest_acknowledgements(self) -> list[Acknowledgement | None]:
        """The newest acknowledgement of each writer, None where the end of its ledger has none."""
        return [newest_acknowledgement(path) for path in self._ledgers]

    def _began(self) -> bool | None:
        if any(process.poll() is not None for process in self._processes):
            raise LabError(f"a writer did not start:\n{self._output.read_text()[-2000:]}")
        return all(path.read_bytes().count(b"\n") > 1 for path in self._ledgers) or None
