"""The functions' assets are the same to the byte wherever they are built, and hold what the functions ask for."""

import ast
import hashlib
import os
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from continuity import lambda_code, lambda_layer
from tests.infrastructure.assemblies import ROOT


def listing(folder: Path) -> list[tuple[str, int, str]]:
    """What goes into the archive: every file's name, mode and content."""
    return [
        (path.relative_to(folder).as_posix(), path.stat().st_mode & 0o777, _digest(path))
        for path in sorted(folder.rglob("*"))
    ]


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


@contextmanager
def umask(mask: int) -> Generator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


def built(folder: Path, monkeypatch: pytest.MonkeyPatch, *, mask: int, backwards: bool) -> Path:
    """The functions' code from a copy of the sources made there, in another order and at another time."""
    sources = [path.relative_to(ROOT) for path in lambda_code._sources()]  # pyright: ignore[reportPrivateUsage]
    with umask(mask):
        for path in reversed(sources) if backwards else sources:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / path, folder / path)
            os.utime(folder / path, (mask, mask))
        monkeypatch.setattr(lambda_code, "ROOT", folder)
        monkeypatch.setattr(lambda_code, "BUILD", folder / "build")
        lambda_code.staged_code.cache_clear()
        target, _ = lambda_code.staged_code()
    lambda_code.staged_code.cache_clear()
    return target


def test_code_is_the_same_in_another_folder_order_time_and_umask(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = built(tmp_path / "one", monkeypatch, mask=0o022, backwards=False)
    monkeypatch.undo()
    two = built(tmp_path / "a" / "two", monkeypatch, mask=0o077, backwards=True)
    assert one.name == two.name
    assert len(listing(one)) > 100
    assert listing(one) == listing(two)


def test_layer_is_the_same_in_another_folder_and_umask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lambda_layer, "BUILD", tmp_path)
    with umask(0o077):
        again = lambda_layer.layer_folder()
    monkeypatch.undo()
    kept = lambda_layer.layer_folder()
    assert again
    assert kept
    assert again.name == kept.name
    assert listing(again) == listing(kept)


def services_that_functions_ask() -> set[str]:
    """The first argument of every call of something called client, or that ends so, in the functions' code."""
    found: set[str] = set()
    for path in lambda_code._sources():  # pyright: ignore[reportPrivateUsage]
        if path.suffix != ".py":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call) or not node.args or not isinstance(node.args[0], ast.Constant):
                continue
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name.endswith(("client", "resource")) and isinstance(node.args[0].value, str):
                found.add(node.args[0].value)
    return found


def test_layer_knows_the_services_that_the_functions_ask_and_sts_alone() -> None:
    assert services_that_functions_ask() | {"sts"} == set(lambda_layer.SERVICES)


def test_layer_holds_what_those_services_need() -> None:
    layer = lambda_layer.layer_folder()
    assert layer
    data = layer / "python" / "botocore" / "data"
    assert {path.name for path in data.iterdir() if path.is_dir()} == set(lambda_layer.SERVICES)
    assert {"endpoints.json", "partitions.json", "_retry.json"} <= {path.name for path in data.iterdir()}
