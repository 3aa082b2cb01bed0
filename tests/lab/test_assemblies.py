"""An assembly is synthesized once, and again when anything changed that it is made of."""

from pathlib import Path

import pytest

from lab import assemblies
from lab.assemblies import assembly_for


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "checkout"
    (root / "stacks").mkdir(parents=True)
    (root / "app.py").write_text("build()")
    (root / "stacks" / "database.py").write_text("one = 1")
    monkeypatch.setattr(assemblies, "CHECKOUT", root)
    monkeypatch.setattr(assemblies, "KEPT", root / "build")
    return root


def times_synthesized(*targets: Path, settings: str = "local") -> int:
    calls: list[Path] = []

    def synthesize(folder: Path) -> None:
        calls.append(folder)
        (folder / "manifest.json").write_text("{}")

    for target in targets:
        assembly_for(settings, target, synthesize)
        assert (target / "manifest.json").read_text() == "{}"
    return len(calls)


@pytest.mark.usefixtures("checkout")
def test_assembly_of_the_same_sources_is_made_once(tmp_path: Path) -> None:
    assert times_synthesized(tmp_path / "one", tmp_path / "two") == 1


@pytest.mark.parametrize("changed", ["app.py", "stacks/database.py", "stacks/new.py"])
def test_changed_source_makes_a_new_assembly_and_drops_the_old(changed: str, checkout: Path, tmp_path: Path) -> None:
    times_synthesized(tmp_path / "before")
    (checkout / changed).write_text("two = 2")
    assert times_synthesized(tmp_path / "after") == 1
    assert len(list((checkout / "build").glob("*/"))) == 1


@pytest.mark.usefixtures("checkout")
def test_other_settings_make_another_assembly(tmp_path: Path) -> None:
    times_synthesized(tmp_path / "before")
    assert times_synthesized(tmp_path / "after", settings="staging") == 1


@pytest.mark.usefixtures("checkout")
def test_what_a_deployment_does_to_its_assembly_is_its_own(tmp_path: Path) -> None:
    times_synthesized(tmp_path / "before")
    (tmp_path / "before" / "manifest.json").write_text("changed")
    assert times_synthesized(tmp_path / "after") == 0


def test_synthesis_that_fails_leaves_nothing(checkout: Path, tmp_path: Path) -> None:
    def fail(folder: Path) -> None:
        raise RuntimeError(folder.name)

    with pytest.raises(RuntimeError):
        assembly_for("local", tmp_path / "never", fail)
    assert not list((checkout / "build").glob("*/"))
    assert not (tmp_path / "never").exists()
