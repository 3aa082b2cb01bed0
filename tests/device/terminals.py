"""Programs on a terminal of their own, on which they may ask for a passphrase."""

import os
import pty
import select
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Terminal:
    """What a program shows, and what is typed for it."""

    _process: int
    _descriptor: int
    shown: bytes = b""

    def wait_for(self, text: bytes) -> None:
        """Read until the program has shown a text, or has ended without it."""
        while text not in self.shown:
            self.shown += os.read(self._descriptor, 4096)

    def is_silent(self, seconds: float) -> bool:
        """Whether the program shows nothing for so long."""
        return not select.select([self._descriptor], [], [], seconds)[0]

    def type(self, line: str) -> None:
        os.write(self._descriptor, f"{line}\n".encode())

    def end(self) -> int:
        """The status with which the program ends."""
        # A terminal ends for its reader with an error, when the last program has left it.
        with suppress(OSError):
            while part := os.read(self._descriptor, 4096):
                self.shown += part
        os.close(self._descriptor)
        return os.waitstatus_to_exitcode(os.waitpid(self._process, 0)[1])


def on_a_terminal(*command: str | Path, folder: Path) -> Terminal:
    process, descriptor = pty.fork()
    if process == 0:
        os.chdir(folder)
        words = [str(word) for word in command]
        os.execvp(words[0], words)  # noqa: S606 - a shell would be one more that asks
    return Terminal(process, descriptor)
