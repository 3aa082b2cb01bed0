"""The functions' assets are the same to the byte wherever they are built, and old ones do not stay behind."""

import os
import resource
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from zipfile import ZIP_STORED, ZipFile

import pytest

from continuity.archives import ASSETS, archive_path, digest_of, write_archive
from continuity.lambda_code import function_code
from continuity.lambda_layer import Layer, layers
from tests.infrastructure.assemblies import ROOT
from tests.infrastructure.handlers import HANDLERS


@contextmanager
def umask(mask: int) -> Generator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


@contextmanager
def disk_that_takes(size: int) -> Generator[None]:
    """No file of this process grows beyond so many bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def checkout(root: Path, *, mask: int, backwards: bool) -> Path:
    """A copy of the sources made there, in another order and at another time."""
    sources = sorted(path.relative_to(ROOT) for room in ("lambdas", "recovery") for path in (ROOT / room).rglob("*.*"))
    with umask(mask):
        for path in reversed(sources) if backwards else sources:
            if (ROOT / path).is_file():
                (root / path).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(ROOT / path, root / path)
                os.utime(root / path, (mask, mask))
    return root


def test_code_is_the_same_in_another_folder_order_time_and_umask(tmp_path: Path) -> None:
    one = checkout(tmp_path / "one", mask=0o022, backwards=False)
    two = checkout(tmp_path / "a" / "two", mask=0o077, backwards=True)
    for package in HANDLERS:
        archives = [function_code(package, root).archive for root in (one, two)]
        assert archives[0].name == archives[1].name
        assert archives[0].read_bytes() == archives[1].read_bytes()


@pytest.mark.parametrize("layer", layers(), ids=lambda layer: layer.name)
def test_layer_is_the_same_in_another_folder_and_umask(layer: Layer, tmp_path: Path) -> None:
    with umask(0o077):
        again = Layer(layer.requirements, tmp_path).archive
    assert again.name == layer.archive.name
    assert again.read_bytes() == layer.archive.read_bytes()


def test_archive_holds_no_time_no_mode_of_this_machine_and_nothing_deflated(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("1" * 1000)
    (tmp_path / "a.py").chmod(0o600)
    write_archive(tmp_path / "x-1.zip", tmp_path, [Path("a.py")])
    with ZipFile(tmp_path / "x-1.zip") as archive:
        (entry,) = archive.infolist()
    assert entry.date_time == (1980, 1, 1, 0, 0, 0)
    assert entry.external_attr >> 16 == 0o100644
    assert entry.compress_type == ZIP_STORED


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("1" * 10_000)
    target = archive_path(tmp_path, "x", "1")
    with disk_that_takes(5_000), pytest.raises(OSError, match="File too large"):
        write_archive(target, tmp_path, [Path("a.py")])
    assert list(target.parent.iterdir()) == []


def test_a_new_archive_takes_the_place_of_the_same_functions_older_ones_alone(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("1")
    for name, digest in (("x", "1"), ("x_y", "1"), ("x", "2")):
        write_archive(archive_path(tmp_path, name, digest), tmp_path, [Path("a.py")])
    assert sorted(path.name for path in (tmp_path / ASSETS).iterdir()) == ["x-2.zip", "x_y-1.zip"]


def test_digest_changes_with_a_files_content_and_name(tmp_path: Path) -> None:
    first, second = Path("a.py"), Path("b.py")
    for path in (first, second):
        (tmp_path / path).write_text("1")
    digests = {digest_of(tmp_path, [first]), digest_of(tmp_path, [second])}
    (tmp_path / first).write_text("2")
    assert len(digests | {digest_of(tmp_path, [first])}) == 3


def test_digest_is_blind_to_times_and_order(tmp_path: Path) -> None:
    files = [Path("a.py"), Path("b.py")]
    for path in files:
        (tmp_path / path).write_text("1")
    before = digest_of(tmp_path, files)
    os.utime(tmp_path / "a.py", (1, 1))
    assert digest_of(tmp_path, reversed(files)) == before
