"""A new file that is read back from its storage while it is being written."""

import errno
import hashlib
import os
from pathlib import Path

import pytest

from device.proven_file import ProvenFile

CONTENT = os.urandom(1_000_003)


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("device.proven_file.READ_BACK_BYTES", 100_000)


def test_what_the_storage_gives_back_is_hashed_whole(tmp_path: Path):
    with ProvenFile(tmp_path / "file") as file:
        for start in range(0, len(CONTENT), 65_536):
            file.write(CONTENT[start : start + 65_536])
        file.sync()
        assert file.read_back() == hashlib.sha256(CONTENT).hexdigest()
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_parts_are_read_back_while_the_rest_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    read: list[int] = []
    pread = os.pread

    def noting(descriptor: int, length: int, offset: int) -> bytes:
        read.append(offset)
        return pread(descriptor, length, offset)

    monkeypatch.setattr("device.proven_file.os.pread", noting)
    with ProvenFile(tmp_path / "file") as file:
        file.write(CONTENT)
        while not read:
            pass
        file.write(b"the rest")
        assert file.read_back() == hashlib.sha256(CONTENT + b"the rest").hexdigest()


def test_storage_that_fails_beside_the_writing_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def fail(_: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr("device.proven_file.os.fdatasync", fail)
    with ProvenFile(tmp_path / "file") as file:
        file.write(CONTENT)
        with pytest.raises(OSError, match="Input/output error"):
            file.read_back()


def test_a_file_that_is_there_is_left_alone(tmp_path: Path):
    (tmp_path / "file").write_text("kept")
    with pytest.raises(FileExistsError):
        ProvenFile(tmp_path / "file")
    assert (tmp_path / "file").read_text() == "kept"
