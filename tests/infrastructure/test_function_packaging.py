"""What is uploaded as the functions' code."""

import subprocess
import sys
from pathlib import Path

import pytest

from continuity import lambda_code, lambda_layer
from recovery.checks.outcome import PACKAGED_INVARIANTS
from tests.infrastructure.assemblies import ROOT, Assembly


def test_every_handler_is_a_file_of_the_code(assembly: Assembly) -> None:
    for _, _, resource in assembly.all_resources():
        if resource["Type"] == "AWS::Lambda::Function":
            path = resource["Properties"]["Handler"].removesuffix(".handler").replace(".", "/") + ".py"
            assert (ROOT / path).is_file(), path


def test_every_function_has_bounds_and_a_log_that_expires(assembly: Assembly) -> None:
    for stack, name, resource in assembly.all_resources():
        if resource["Type"] == "AWS::Lambda::Function":
            properties = resource["Properties"]
            group = properties["LoggingConfig"]["LogGroup"]["Ref"]
            assert 0 < properties["Timeout"] <= 900, name
            assert assembly.templates[stack]["Resources"][group]["Properties"]["RetentionInDays"] > 0, name


def test_dependencies_are_a_layer_except_in_the_laboratory(assembly: Assembly) -> None:
    layers = {
        bool(resource["Properties"].get("Layers"))
        for _, _, resource in assembly.all_resources()
        if resource["Type"] == "AWS::Lambda::Function"
    }
    assert layers == {assembly.environment != "local"}


def test_staged_code_holds_sources_and_nothing_of_this_machine() -> None:
    folder, _ = lambda_code.staged_code()
    files = [path.relative_to(folder) for path in folder.rglob("*") if path.is_file()]
    assert {path.parts[0] for path in files} == {"lambdas", "recovery"}
    assert {path.suffix for path in files} <= {".py", ".pem", ".sql", ".j2"}
    assert not [path for path in files if "__pycache__" in path.parts]


def test_staged_code_is_complete_enough_to_import() -> None:
    folder, _ = lambda_code.staged_code()
    handlers = sorted(path.parent.name for path in (ROOT / "lambdas").glob("*/handler.py"))
    program = f"import {', '.join(f'lambdas.{name}.handler' for name in handlers)}"
    done = subprocess.run(
        [sys.executable, "-P", "-B", "-c", f"import sys; sys.path.insert(0, {str(folder)!r}); {program}"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_staged_code_carries_the_questions_about_the_rows() -> None:
    folder, _ = lambda_code.staged_code()
    packaged = {path.name for path in PACKAGED_INVARIANTS.glob("*.sql")}
    assert packaged
    assert {path.name for path in (folder / "recovery/invariants").iterdir()} == packaged


def test_staged_code_leaves_the_rules_over_templates_behind() -> None:
    folder, _ = lambda_code.staged_code()
    assert not (folder / "recovery" / "guards").exists()


def test_staged_code_carries_the_templates_of_its_pages() -> None:
    folder, _ = lambda_code.staged_code()
    assert (folder / "recovery" / "evidence" / "page.html.j2").is_file()


def test_digest_changes_with_a_files_content_and_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lambda_code, "ROOT", tmp_path)
    first, second = tmp_path / "a.py", tmp_path / "b.py"
    first.write_text("1")
    second.write_text("1")
    digests = {lambda_code.digest_of([first]), lambda_code.digest_of([second])}
    first.write_text("2")
    assert len(digests | {lambda_code.digest_of([first])}) == 3


def test_digest_is_blind_to_times(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lambda_code, "ROOT", tmp_path)
    file = tmp_path / "a.py"
    file.write_text("1")
    before = lambda_code.digest_of([file])
    file.touch()
    assert lambda_code.digest_of([file]) == before


def test_layer_holds_wheels_for_lambda_and_no_scripts() -> None:
    folder = lambda_layer.layer_folder()
    assert folder is not None
    assert {path.name for path in folder.iterdir()} == {"python"}
    assert (folder / "python" / "pydantic").is_dir()
    assert not (folder / "python" / "bin").exists()
    libraries = list((folder / "python").rglob("*.so"))
    assert libraries
    assert all("x86_64-linux-gnu" in path.name or ".so" in path.suffixes for path in libraries)


def test_without_requirements_there_is_no_layer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    empty = tmp_path / "requirements.txt"
    empty.write_text("# nothing\n\n")
    monkeypatch.setattr(lambda_layer, "REQUIREMENTS", empty)
    assert lambda_layer.layer_folder() is None


def test_a_layer_that_cannot_be_built_says_why_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = tmp_path / "requirements.txt"
    wrong.write_text("not a requirement ~~\n")
    monkeypatch.setattr(lambda_layer, "REQUIREMENTS", wrong)
    monkeypatch.setattr(lambda_layer, "BUILD", tmp_path / "build")
    with pytest.raises(lambda_layer.LayerError, match="could not install"):
        lambda_layer.layer_folder()
    assert list((tmp_path / "build").iterdir()) == []


def test_a_folder_that_another_process_placed_first_is_taken(tmp_path: Path) -> None:
    staging, target = tmp_path / "staging", tmp_path / "target"
    for folder in (staging, target):
        folder.mkdir()
        (folder / "file").write_text(folder.name)
    lambda_code.place(staging, target)
    assert (target / "file").read_text() == "target"
    assert not staging.exists()
