"""One backup file: a tar, in zstd, in age, written and read as streams in bounded memory.

``age -d -i key backup.enc | zstd -dc | tar -x`` opens it. After the zstd frame stands a skippable frame of zeros that
fills age's last chunk, so that a cut can be told from damage and the size tells less about what is inside;
docs/device-format.md has every byte.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from io import BufferedIOBase
from pathlib import Path
from typing import Protocol, cast

import pyrage
from pyrage.x25519 import Identity, Recipient
from zstandard import ZstdCompressionParameters, ZstdCompressor

from device.age_file import Structure, cut, damaged, structure
from device.errors import BackupError, DamagedError, WrongKeyError
from device.limits import AGE_CHUNK_BYTES, ZSTD_JOB_BYTES, ZSTD_LEVEL, ZSTD_THREADS, ZSTD_WINDOW_LOG
from device.manifest import Manifest
from device.readback import ReadBack, Unpacked
from device.tar_stream import TarReader, tar_of

_SKIPPABLE_MAGIC = 0x184D2A50
_SKIPPABLE_HEADER_BYTES = 8


class Output(Protocol):
    """Where a backup is written to: a file, or what stands for one."""

    def write(self, data: bytes, /) -> int:
        """Write on; all of it, or raise OSError."""
        ...

    def flush(self) -> None:
        """Hand on what waits."""
        ...


def write(out: Output, manifest: Manifest, database: Path, recipients: Sequence[Recipient]) -> str:
    """Write a backup, and return the SHA-256 of its bytes, in hex.

    What goes into age is unpacked again at the same time and held against the manifest. Raises :class:`DamagedError`
    when that fails, and OSError.
    """
    plain = ReadBack(_filled(_compressed(tar_of(manifest, database))))
    sealed = _Hashing(out)
    try:
        pyrage.encrypt_io(cast(BufferedIOBase, plain), cast(BufferedIOBase, sealed), recipients)
    except (pyrage.EncryptError, OSError) as error:
        # age tells of our errors in words of its own.
        raise plain.error or sealed.error or error from None
    finally:
        plain.close()
    if plain.manifest() != manifest:
        raise DamagedError(expected="to read back what was written", found="another manifest", do="try again")
    return sealed.sha256.hexdigest()


def read(
    path: Path,
    identities: Sequence[Identity],
    *,
    on_content: Callable[[memoryview], object],
    on_manifest: Callable[[Manifest], None] | None = None,
) -> Manifest:
    """Read a backup through to its end: the manifest, then the database in pieces.

    Only when this returns is any of it proven. What ``on_manifest`` raises ends the reading. Raises
    :class:`~device.errors.NotABackupError`, :class:`~device.errors.NewerFormatError`, :class:`WrongKeyError`,
    :class:`DamagedError`, :class:`~device.errors.CutError`, and OSError.
    """
    shown = structure(path)
    reader = TarReader(on_manifest=on_manifest, on_content=on_content)
    counted = _Counting(Unpacked(reader))
    with path.open("rb") as file:
        try:
            pyrage.decrypt_io(file, cast(BufferedIOBase, counted), identities)
        except (pyrage.DecryptError, OSError) as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise
            raise counted.unpacked.error or _failure(path, shown, error, counted.chunks) from None
    return reader.finish()


def read_manifest(path: Path, identities: Sequence[Identity]) -> Manifest:
    """The manifest of a backup, of which no more is read than that takes. Raises as :func:`read`."""
    found: list[Manifest] = []

    def stop(manifest: Manifest) -> None:
        found.append(manifest)
        raise _EnoughError

    try:
        return read(path, identities, on_manifest=stop, on_content=len)
    except _EnoughError:
        return found[0]


class _EnoughError(Exception):
    """Ends a reading that has what it wanted."""


class _Counting:
    """Counts the chunks that age has authenticated."""

    def __init__(self, unpacked: Unpacked) -> None:
        self.unpacked = unpacked
        self._bytes = 0

    @property
    def chunks(self) -> int:
        return self._bytes // AGE_CHUNK_BYTES

    def write(self, data: bytes) -> int:
        self._bytes += len(data)
        return self.unpacked.write(data)

    def flush(self) -> None:
        """Nothing waits here; age has it."""


class _Hashing:
    """Hashes what is written to a file, and keeps the error that a write raised."""

    def __init__(self, out: Output) -> None:
        self._out = out
        self.sha256 = hashlib.sha256()
        self.error: OSError | None = None

    def write(self, data: bytes) -> int:
        self.sha256.update(data)
        try:
            return self._out.write(data)
        except OSError as error:
            self.error = error
            raise

    def flush(self) -> None:
        self._out.flush()


def _compressed(pieces: Iterable[bytes]) -> Iterator[bytes]:
    parameters = ZstdCompressionParameters(
        compression_level=ZSTD_LEVEL, window_log=ZSTD_WINDOW_LOG, threads=ZSTD_THREADS, job_size=ZSTD_JOB_BYTES
    )
    stream = ZstdCompressor(compression_params=parameters).compressobj()
    for piece in pieces:
        if packed := stream.compress(piece):
            yield packed
    yield stream.flush()


def _filled(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The pieces, and after them a skippable frame of zeros up to the end of age's last chunk."""
    length = 0
    for piece in pieces:
        length += len(piece)
        yield piece
    zeros = -(length + _SKIPPABLE_HEADER_BYTES) % AGE_CHUNK_BYTES
    yield _SKIPPABLE_MAGIC.to_bytes(4, "little") + zeros.to_bytes(4, "little") + bytes(zeros)


def _failure(path: Path, shown: Structure, error: Exception, chunks: int) -> BackupError:
    """Which of our errors age's own is. Its messages are pinned with its version, and held by tests."""
    message = str(error)
    if "No matching keys" in message:
        return WrongKeyError(
            expected="a backup that was encrypted to this key",
            found=f"{path.name}, encrypted to others (or changed in its first lines)",
            do="use the key of the device that made it, or the recovery kit",
        )
    if "truncated" in message:
        return cut(path)
    if isinstance(error, pyrage.DecryptError):
        return damaged(path, f"a changed header ({message.splitlines()[0]})")
    if chunks == shown.chunks - 1 and not shown.filled:
        return cut(path)
    return damaged(path, f"a changed byte in chunk {chunks + 1} of {shown.chunks}")
