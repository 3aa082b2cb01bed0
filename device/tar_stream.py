"""The tar of a backup as a stream: ``manifest.json``, ``duskspendr.sqlite3``, the end, and nothing else."""

import hashlib
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

from device.errors import DamagedError
from device.limits import CHUNK_BYTES, DATABASE_MAX_BYTES, MANIFEST_MAX_BYTES, TAR_RECORD_BYTES
from device.manifest import Manifest, parse

MANIFEST_NAME = "manifest.json"
DATABASE_NAME = "duskspendr.sqlite3"

_BLOCK = tarfile.BLOCKSIZE
_END = bytes(2 * _BLOCK)
_TYPES = (tarfile.REGTYPE, tarfile.AREGTYPE)


def tar_of(manifest: Manifest, database: Path) -> Iterator[bytes]:
    """The tar, piece by piece. Raises OSError."""
    content = manifest.to_json()
    moment = int(manifest.created_at.timestamp())
    yield _header(MANIFEST_NAME, len(content), moment) + content + _padding(len(content))
    yield _header(DATABASE_NAME, manifest.size, moment)
    with database.open("rb", buffering=0) as file:
        while chunk := file.read(CHUNK_BYTES):
            yield chunk
    yield _padding(manifest.size) + _END


class TarReader:
    """Takes the tar in pieces of any size, hands the database on as it comes, and accepts nothing unexpected.

    ``on_manifest`` gets the manifest before the first byte of the database; what it raises ends the reading. ``write``
    raises :class:`DamagedError` and :class:`~device.errors.NewerFormatError`.
    """

    def __init__(
        self, *, on_manifest: Callable[[Manifest], None] | None = None, on_content: Callable[[memoryview], object]
    ) -> None:
        self.manifest: Manifest | None = None
        self._on_manifest = on_manifest
        self._on_content = on_content
        self._sha256 = hashlib.sha256()
        self._held = bytearray()
        self._content_left = 0
        self._zeros_left = TAR_RECORD_BYTES
        self._zeros = 0
        self._take = self._take_manifest

    def write(self, data: bytes) -> int:
        """Read on. Returns how much it took, which is all, as files do."""
        view = memoryview(data)
        while view:
            view = view[self._take(view) :]
        return len(data)

    def flush(self) -> None:
        """Nothing waits here; streams have it."""

    def finish(self) -> Manifest:
        """The manifest, once everything was there. Raises :class:`DamagedError`."""
        if self.manifest is None or self._take != self._take_zeros or self._zeros < len(_END):
            raise _unexpected("an archive that ends too early")
        return self.manifest

    def _take_manifest(self, view: memoryview) -> int:
        """The first header and the manifest, gathered until both are there."""
        taken = self._gather(view, _BLOCK)
        if len(self._held) < _BLOCK:
            return taken
        size = _read_header(bytes(self._held[:_BLOCK]), MANIFEST_NAME, MANIFEST_MAX_BYTES)
        whole = _BLOCK + size + len(_padding(size))
        taken += self._gather(view[taken:], whole)
        if len(self._held) == whole:
            content = bytes(self._held[_BLOCK : _BLOCK + size])
            self._held.clear()
            self.manifest = parse(content)
            if self._on_manifest is not None:
                self._on_manifest(self.manifest)
            self._take = self._take_database_header
        return taken

    def _take_database_header(self, view: memoryview) -> int:
        taken = self._gather(view, _BLOCK)
        if len(self._held) == _BLOCK and self.manifest is not None:
            size = _read_header(bytes(self._held), DATABASE_NAME, DATABASE_MAX_BYTES)
            if size != self.manifest.size:
                raise _unexpected(f"a database of {size:,} bytes where the manifest says {self.manifest.size:,}")
            self._content_left = size
            self._take = self._take_content
        return taken

    def _take_content(self, view: memoryview) -> int:
        part = view[: self._content_left]
        self._sha256.update(part)
        self._on_content(part)
        self._content_left -= len(part)
        if not self._content_left and self.manifest is not None:
            if self._sha256.hexdigest() != self.manifest.sha256:
                raise _unexpected("a database that differs from its manifest's SHA-256")
            self._zeros_left += len(_padding(self.manifest.size))
            self._zeros = -len(_padding(self.manifest.size))
            self._take = self._take_zeros
        return len(part)

    def _take_zeros(self, view: memoryview) -> int:
        """The database's padding and the archive's end: zeros alone, and no more than tar writes."""
        self._zeros += len(view)
        if len(view) > self._zeros_left or any(view):
            raise _unexpected("something after the database")
        self._zeros_left -= len(view)
        return len(view)

    def _gather(self, view: memoryview, wanted: int) -> int:
        part = view[: max(0, wanted - len(self._held))]
        self._held += part
        return len(part)


def _header(name: str, size: int, moment: int) -> bytes:
    member = tarfile.TarInfo(name)
    member.size, member.mtime, member.mode = size, moment, 0o600
    return member.tobuf(tarfile.USTAR_FORMAT)


def _padding(size: int) -> bytes:
    return bytes(-size % _BLOCK)


def _read_header(block: bytes, name: str, most: int) -> int:
    """The size of a member, which has to be a plain file of that very name."""
    try:
        member = tarfile.TarInfo.frombuf(block, "ascii", "surrogateescape")
    except tarfile.HeaderError as error:
        raise _unexpected(f"no tar header ({error})") from None
    if member.name.removeprefix("./") != name or member.type not in _TYPES:
        raise _unexpected(f"{member.name!r} (type {member.type.decode('ascii', 'replace')}) in its place", name)
    if not 0 < member.size <= most:
        raise _unexpected(f"one of {member.size:,} bytes", f"{name} of at most {most:,} bytes")
    return member.size


def _unexpected(found: str, expected: str = f"{MANIFEST_NAME}, {DATABASE_NAME} and the archive's end") -> DamagedError:
    return DamagedError(expected=expected, found=found, do="use another backup")
