"""A new file that is synced and read back from the storage while it is still being written."""

import hashlib
import os
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self

from device.limits import CHUNK_BYTES, READ_BACK_BYTES


class ProvenFile:
    """Takes writes as files do; a thread beside proves each part, so that only the last one is waited for.

    Use it in a ``with`` block. Raises FileExistsError when the file is there, and OSError of every kind.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("xb")
        # Of its own: errors of the storage are told once to each that has the file open.
        self._reader = os.open(path, os.O_RDONLY)
        self._found = hashlib.sha256()
        self._written = self._handed_on = self._read = 0
        self._beside = ThreadPoolExecutor(1, "read back")
        self._proofs: list[Future[None]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._beside.shutdown(cancel_futures=error is not None)
        os.close(self._reader)
        self._file.close()

    def write(self, data: bytes) -> int:
        """Write on. Returns how much it took, which is all."""
        self._written += self._file.write(data)
        if self._written - self._handed_on >= READ_BACK_BYTES:
            self._hand_on()
        return len(data)

    def flush(self) -> None:
        """Hand what was written to the operating system."""
        self._file.flush()

    def sync(self) -> None:
        """Wait until everything is on the storage."""
        self._file.flush()
        os.fsync(self._file.fileno())

    def read_back(self) -> str:
        """The SHA-256, in hex, of what the storage gives back of all that was written."""
        self._hand_on()
        for proof in self._proofs:
            proof.result()
        return self._found.hexdigest()

    def _hand_on(self) -> None:
        self._file.flush()
        self._handed_on = self._written
        self._proofs.append(self._beside.submit(self._prove, self._written))

    def _prove(self, end: int) -> None:
        os.fdatasync(self._reader)
        # Out of the kernel's cache, so that what is read next comes from the storage.
        os.posix_fadvise(self._reader, self._read, end - self._read, os.POSIX_FADV_DONTNEED)
        while self._read < end and (chunk := os.pread(self._reader, min(CHUNK_BYTES, end - self._read), self._read)):
            self._found.update(chunk)
            self._read += len(chunk)
