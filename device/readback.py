"""Reading back what is being written, on a thread beside it."""

import threading
from collections.abc import Iterator
from contextlib import suppress
from queue import Queue
from typing import IO, cast

from zstandard import ZstdDecompressor, ZstdError

from device.errors import DamagedError
from device.limits import CHUNK_BYTES, ZSTD_MAX_WINDOW_BYTES
from device.manifest import Manifest
from device.tar_stream import TarReader

# Chunks that may wait for the reader.
_WAITING = 8


class Unpacked:
    """Takes the compressed stream in pieces, as files do, and unpacks it into a :class:`TarReader`.

    Never more than one chunk of the unpacked stream exists at a time, whatever the compressed one says.
    """

    def __init__(self, reader: TarReader) -> None:
        self._reader = reader
        unpacker = ZstdDecompressor(max_window_size=ZSTD_MAX_WINDOW_BYTES)
        self._writer = unpacker.stream_writer(cast(IO[bytes], reader), write_size=CHUNK_BYTES, closefd=False)
        self.error: BaseException | None = None

    def write(self, data: bytes) -> int:
        """Unpack on. Keeps what goes wrong in ``error`` too: age reports the errors of others as words of its own."""
        try:
            self._writer.write(data)
        except ZstdError as error:
            self.error = DamagedError(expected="a zstd stream", found=f"none ({error})", do="use another backup")
            raise self.error from None
        except BaseException as error:
            self.error = error
            raise
        return len(data)

    def flush(self) -> None:
        """Nothing waits here; age has it."""


class ReadBack:
    """A stream that age reads from, every byte of which is unpacked again on a thread of its own."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self.error: BaseException | None = None
        self._pieces = pieces
        self._piece = memoryview(b"")
        self._reader = TarReader(on_content=len)
        self._unpacked = Unpacked(self._reader)
        self._queue: Queue[bytes] = Queue(_WAITING)
        self._thread = threading.Thread(target=self._unpack, name="read back", daemon=True)
        self._thread.start()

    def read(self, size: int) -> bytes:
        """The next bytes, at most ``size``; none at the end."""
        try:
            while not self._piece:
                piece = next(self._pieces, b"")
                self._queue.put(piece)
                if not piece:
                    return b""
                self._piece = memoryview(piece)
        except BaseException as error:
            self.error = error
            raise
        taken, self._piece = self._piece[:size], self._piece[size:]
        return bytes(taken)

    def close(self) -> None:
        """End the thread."""
        self._queue.put(b"")
        self._thread.join()

    def manifest(self) -> Manifest:
        """The manifest that was read back, after :meth:`close`. Raises what reading back found wrong."""
        if self._unpacked.error is not None:
            raise self._unpacked.error
        return self._reader.finish()

    def _unpack(self) -> None:
        while piece := self._queue.get():
            if self._unpacked.error is None:
                # It is kept in `error`, and the writer must never wait for a reader that has gone.
                with suppress(Exception):
                    self._unpacked.write(piece)
