"""The backup file: written and read back, and every way of damaging it told by its own error."""

import io
import json
import tarfile
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pyrage
import pytest
import zstandard
from pyrage.x25519 import Identity

from device import container
from device.age_file import structure
from device.errors import (
    BackupError,
    CutError,
    DamagedError,
    NewerFormatError,
    NotABackupError,
    WrongKeyError,
)
from device.limits import AGE_CHUNK_BYTES, AGE_NONCE_BYTES, AGE_TAG_BYTES, CHUNK_BYTES
from device.manifest import Manifest, parse

DATABASE = b"SQLite format 3\0" + sha256(b"").digest() * 20_000  # 640 KB, which zstd makes small
SEALED_CHUNK = AGE_CHUNK_BYTES + AGE_TAG_BYTES
IDENTITY, OTHER = Identity.generate(), Identity.generate()


def manifest_of(content: bytes, **changes: object) -> Manifest:
    facts: dict[str, object] = {
        "format_version": 1,
        "app_version": "test",
        "schema_version": 3,
        "created_at": datetime(2026, 11, 1, tzinfo=UTC),
        "sha256": sha256(content).hexdigest(),
        "size": len(content),
        "row_counts": {"transactions": 7},
    }
    return parse(json.dumps(facts | changes, default=str).encode())


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A backup of five chunks."""
    folder = tmp_path_factory.mktemp("whole")
    content = random_bytes(4 * AGE_CHUNK_BYTES)
    (folder / "database").write_bytes(content)
    with (folder / "backup.enc").open("wb") as out:
        container.write(out, manifest_of(content), folder / "database", [IDENTITY.to_public(), OTHER.to_public()])
    return (folder / "backup.enc").read_bytes()


@pytest.fixture
def backup(tmp_path: Path) -> Path:
    return tmp_path / "backup.enc"


def random_bytes(size: int) -> bytes:
    """The same every time, and incompressible."""
    return b"".join(sha256(number.to_bytes(4)).digest() for number in range(size // 32))


def read(backup: Path, identity: Identity = IDENTITY) -> bytes:
    content = bytearray()
    container.read(backup, [identity], on_content=content.extend)
    return bytes(content)


def parts(whole: bytes) -> tuple[bytes, list[bytes]]:
    """The header with its nonce, and the sealed chunks."""
    start = whole.index(b"\n", whole.index(b"\n---") + 1) + 1 + AGE_NONCE_BYTES
    return whole[:start], [whole[at : at + SEALED_CHUNK] for at in range(start, len(whole), SEALED_CHUNK)]


def flipped(content: bytes, at: int) -> bytes:
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


def craft(backup: Path, tar: bytes) -> None:
    """A file that is a backup as far as age and zstd go."""
    packed = zstandard.ZstdCompressor().compress(tar)
    backup.write_bytes(pyrage.encrypt(packed, [IDENTITY.to_public()]))


def tar_of(*members: tuple[str, bytes], kind: bytes = tarfile.REGTYPE) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in members:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            if name == members[-1][0]:
                member.type = kind
            archive.addfile(member, io.BytesIO(content))
    return out.getvalue()


def manifest_json(**changes: object) -> bytes:
    facts = json.loads(manifest_of(DATABASE).to_json())
    return json.dumps(facts | changes).encode()


GOOD = (("manifest.json", manifest_json()), ("duskspendr.sqlite3", DATABASE))
SENSELESS: tuple[tuple[str, object], ...] = (
    ("format_version", 0),
    ("format_version", "1"),
    ("app_version", None),
    ("schema_version", "3"),
    ("created_at", "yesterday"),
    ("created_at", "2026-11-01T00:00:00"),
    ("sha256", "0" * 63),
    ("size", True),
    ("size", 8**11),
    ("row_counts", []),
    ("row_counts", {"transactions": -1}),
)


def test_what_went_in_comes_out(backup: Path, tmp_path: Path):
    (tmp_path / "database").write_bytes(DATABASE)
    with backup.open("wb") as out:
        container.write(out, manifest_of(DATABASE), tmp_path / "database", [IDENTITY.to_public()])
    assert read(backup) == DATABASE


def test_the_hash_that_writing_returns_is_the_files(backup: Path, tmp_path: Path):
    (tmp_path / "database").write_bytes(DATABASE)
    with backup.open("wb") as out:
        told = container.write(out, manifest_of(DATABASE), tmp_path / "database", [IDENTITY.to_public()])
    assert told == sha256(backup.read_bytes()).hexdigest()


def test_the_tools_own_archive_is_read_too(backup: Path):
    """GNU tar's: its own magic, a record of 20 blocks, names with ./ before them."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for name, content in GOOD:
            member = tarfile.TarInfo(f"./{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    craft(backup, out.getvalue())
    assert read(backup) == DATABASE


def test_each_of_two_keys_opens_it(backup: Path, whole: bytes):
    backup.write_bytes(whole)
    assert read(backup, IDENTITY) == read(backup, OTHER)


def test_another_key_is_told_as_such(backup: Path, whole: bytes):
    backup.write_bytes(whole)
    with pytest.raises(WrongKeyError):
        read(backup, Identity.generate())


def test_the_last_chunk_is_full_whatever_the_size(backup: Path, whole: bytes):
    backup.write_bytes(whole)
    assert structure(backup).filled


def test_the_manifest_alone_is_read_without_the_rest(backup: Path, whole: bytes):
    backup.write_bytes(whole[:-SEALED_CHUNK])
    assert container.read_manifest(backup, [IDENTITY]).row_counts == {"transactions": 7}


def test_a_changed_byte_of_the_header_is_told(backup: Path, whole: bytes):
    header, _ = parts(whole)
    for at in range(len(header) - AGE_NONCE_BYTES):
        backup.write_bytes(flipped(whole, at))
        with pytest.raises(BackupError) as refused:
            read(backup)
        assert type(refused.value) in (DamagedError, WrongKeyError, NotABackupError, NewerFormatError, CutError), at


def test_a_changed_stanza_of_another_key_is_damage(backup: Path, whole: bytes):
    at = whole.index(b"\n", whole.index(b"-> X25519") + 1) + 5
    backup.write_bytes(flipped(whole, at))
    with pytest.raises(DamagedError):
        read(backup, OTHER)


def test_a_changed_byte_of_any_chunk_is_told_with_its_number(backup: Path, whole: bytes):
    header, chunks = parts(whole)
    for number in range(len(chunks)):
        for within in (0, SEALED_CHUNK // 2, SEALED_CHUNK - 1):
            backup.write_bytes(flipped(whole, len(header) + number * SEALED_CHUNK + within))
            with pytest.raises(DamagedError, match=f"chunk {number + 1} of {len(chunks)}"):
                read(backup)


def test_a_cut_file_is_told_from_a_damaged_one(backup: Path, whole: bytes):
    header, chunks = parts(whole)
    boundaries = [len(header) + number * SEALED_CHUNK for number in range(len(chunks))]
    within = [at + offset for at in boundaries for offset in (1, 17, 40_000)]
    for length in [
        0,
        1,
        15,
        22,
        50,
        len(header) - 17,
        len(header) - 16,
        len(header) - 1,
        *boundaries,
        *within,
        len(whole) - 1,
    ]:
        backup.write_bytes(whole[:length])
        with pytest.raises(CutError):
            read(backup)


REORDERINGS: dict[str, tuple[Callable[[list[bytes]], list[bytes]], type[BackupError]]] = {
    "swapped": (lambda chunks: [chunks[1], chunks[0], *chunks[2:]], DamagedError),
    "dropped": (lambda chunks: [chunks[0], *chunks[2:]], DamagedError),
    "repeated": (lambda chunks: [chunks[0], chunks[0], *chunks[1:]], DamagedError),
    "last repeated": (lambda chunks: [*chunks, chunks[-1]], DamagedError),
    "last dropped": (lambda chunks: chunks[:-1], CutError),
}


@pytest.mark.parametrize(("change", "error"), REORDERINGS.values(), ids=REORDERINGS)
def test_chunks_keep_their_order(
    backup: Path, whole: bytes, change: Callable[[list[bytes]], list[bytes]], error: type[BackupError]
):
    header, chunks = parts(whole)
    backup.write_bytes(header + b"".join(change(chunks)))
    with pytest.raises(error):
        read(backup)


def test_bytes_after_the_end_are_damage(backup: Path, whole: bytes):
    for more in (b"x", b"x" * SEALED_CHUNK):
        backup.write_bytes(whole + more)
        with pytest.raises((DamagedError, CutError)):
            read(backup)


def test_any_other_file_is_no_backup(backup: Path):
    for content in (b"SQLite format 3\0" + bytes(4096), b"-----BEGIN AGE ENCRYPTED FILE-----\n", b"age"[:2] + b"x"):
        backup.write_bytes(content)
        with pytest.raises(NotABackupError):
            read(backup)


def test_an_age_file_of_something_else_is_damage(backup: Path):
    backup.write_bytes(pyrage.encrypt(b"a letter", [IDENTITY.to_public()]))
    with pytest.raises(DamagedError, match="zstd"):
        read(backup)


def test_a_later_age_format_asks_for_an_update(backup: Path, whole: bytes):
    backup.write_bytes(whole.replace(b"/v1\n", b"/v2\n", 1))
    with pytest.raises(NewerFormatError):
        read(backup)


def test_a_later_backup_format_asks_for_an_update(backup: Path):
    craft(backup, tar_of(("manifest.json", manifest_json(format_version=2)), GOOD[1]))
    with pytest.raises(NewerFormatError, match="format 2"):
        read(backup)


@pytest.mark.parametrize(
    "tar",
    [
        tar_of(("../manifest.json", GOOD[0][1]), GOOD[1]),
        tar_of(GOOD[0], ("../../duskspendr.sqlite3", DATABASE)),
        tar_of(GOOD[0], ("/etc/duskspendr.sqlite3", DATABASE)),
        tar_of(GOOD[1], GOOD[0]),
        tar_of(GOOD[0], ("duskspendr.sqlite3", DATABASE), kind=tarfile.SYMTYPE),
        tar_of(GOOD[0], ("duskspendr.sqlite3", DATABASE), kind=tarfile.DIRTYPE),
        tar_of(GOOD[0], ("duskspendr.sqlite3", DATABASE), kind=tarfile.FIFOTYPE),
        tar_of(GOOD[0]),
        tar_of(*GOOD, ("more", b"x")),
        tar_of(*GOOD, GOOD[1]),
        tar_of(*GOOD) + b"x",
        tar_of(*GOOD) + bytes(20 * 512 + 1),
        tar_of(*GOOD)[: 2 * 512 + 512 + len(DATABASE)],
        tar_of(*GOOD)[:-9000][:5000],
        tar_of(("manifest.json", b"[]"), GOOD[1]),
        tar_of(("manifest.json", b"{" * 100_000), GOOD[1]),
        tar_of(("manifest.json", bytes(2 * 1024 * 1024)), GOOD[1]),
        tar_of(("manifest.json", manifest_json(size=len(DATABASE) - 1)), GOOD[1]),
        tar_of(("manifest.json", manifest_json(size=-1)), GOOD[1]),
        tar_of(("manifest.json", manifest_json(sha256="0" * 64)), GOOD[1]),
        *(tar_of(("manifest.json", manifest_json(**{name: value})), GOOD[1]) for name, value in SENSELESS),
        b"",
    ],
    ids=[
        "manifest outside",
        "database outside",
        "absolute",
        "swapped",
        "symlink",
        "folder",
        "pipe",
        "no database",
        "third member",
        "second database",
        "byte after the end",
        "zeros without end",
        "no end",
        "database cut",
        "manifest is no object",
        "manifest of braces",
        "huge manifest",
        "another size",
        "negative size",
        "another hash",
        *(f"{name} {value}" for name, value in SENSELESS),
        "nothing",
    ],
)
def test_an_archive_of_anything_else_is_refused(backup: Path, tar: bytes):
    craft(backup, tar)
    with pytest.raises(DamagedError):
        read(backup)


def test_a_bomb_gets_no_further_than_its_manifest_says(backup: Path):
    """A gigabyte of zeros in some 30 KB, where the manifest promises a few hundred."""
    out = io.BytesIO()
    with zstandard.ZstdCompressor().stream_writer(out, closefd=False) as packed:
        packed.write(tar_of(*GOOD)[:-10_000])
        for _ in range(1024):
            packed.write(bytes(1024 * 1024))
    backup.write_bytes(pyrage.encrypt(out.getvalue(), [IDENTITY.to_public()]))
    taken: list[int] = []
    with pytest.raises(DamagedError):
        container.read(backup, [IDENTITY], on_content=lambda part: taken.append(len(part)))
    assert sum(taken) == len(DATABASE)
    assert max(taken) <= CHUNK_BYTES


def test_a_frame_that_wants_too_much_memory_is_refused(backup: Path):
    parameters = zstandard.ZstdCompressionParameters(window_log=27)
    packed = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    tar = tar_of(*GOOD)
    backup.write_bytes(pyrage.encrypt(packed.compress(tar) + packed.flush(), [IDENTITY.to_public()]))
    with pytest.raises(DamagedError, match="zstd"):
        read(backup)


def test_a_storage_that_fills_up_at_any_write_is_told(tmp_path: Path):
    (tmp_path / "database").write_bytes(random_bytes(2 * AGE_CHUNK_BYTES))
    manifest = manifest_of((tmp_path / "database").read_bytes())

    class Full(io.BytesIO):
        left = 0

        def write(self, data: bytes) -> int:  # type: ignore[override]
            if self.left == 0:
                raise OSError(28, "No space left on device")
            self.left -= 1
            return super().write(data)

    for writes in range(4):
        out = Full()
        out.left = writes
        with pytest.raises(OSError, match="No space left"):
            container.write(out, manifest, tmp_path / "database", [IDENTITY.to_public()])


def test_a_database_that_changes_while_it_is_written_is_never_a_backup(backup: Path, tmp_path: Path):
    (tmp_path / "database").write_bytes(flipped(DATABASE, 9999))
    with backup.open("wb") as out, pytest.raises(DamagedError):
        container.write(out, manifest_of(DATABASE), tmp_path / "database", [IDENTITY.to_public()])
