"""What is uploaded as the functions' code."""

import subprocess
import sys
from pathlib import Path
from sysconfig import get_path
from zipfile import ZipFile

import pytest

from continuity.lambda_code import function_code, handler_of
from continuity.lambda_layer import layers, layers_of
from recovery.invariants import PACKAGED_INVARIANTS
from tests.infrastructure.assemblies import ROOT, Assembly
from tests.infrastructure.handlers import HANDLERS


def names(package: str) -> set[str]:
    """What a function's archive holds."""
    with ZipFile(function_code(package).archive) as archive:
        return set(archive.namelist())


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


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Each layer as a folder of what this interpreter has installed of it; the layer's own wheels are for Lambda's."""
    folders: dict[str, Path] = {}
    for layer in layers():
        folders[layer.name] = tmp_path_factory.mktemp(layer.name)
        with ZipFile(layer.archive) as archive:
            for entry in {Path(name).parts[1] for name in archive.namelist()}:
                (folders[layer.name] / entry).symlink_to(Path(get_path("purelib")) / entry)
    return folders


@pytest.mark.parametrize("package", HANDLERS)
def test_function_imports_with_its_own_code_and_layers_alone(
    package: str, installed: dict[str, Path], tmp_path: Path
) -> None:
    code = function_code(package)
    with ZipFile(code.archive) as archive:
        archive.extractall(tmp_path)
    path = [str(tmp_path), *(str(installed[layer.name]) for layer in layers_of(code.packages))]
    program = f"import sys; sys.path[:0] = {path!r}; from {handler_of(package)} import handler"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-B", "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("package", HANDLERS)
def test_code_holds_sources_and_nothing_of_this_machine(package: str) -> None:
    found = {Path(name) for name in names(package)}
    assert {path.parts[0] for path in found} == {"lambdas", "recovery"}
    assert {path.suffix for path in found} <= {".py", ".pem", ".sql", ".j2"}


def test_code_of_a_function_is_without_the_handlers_of_others() -> None:
    for package in HANDLERS:
        assert [name for name in names(package) if name.endswith("/handler.py")] == [f"lambdas/{package}/handler.py"]


def test_code_that_checks_carries_the_questions_about_the_rows() -> None:
    packaged = {f"recovery/invariants/{path.name}" for path in PACKAGED_INVARIANTS.glob("*.sql")}
    assert packaged
    assert packaged <= names("check_restore")


def test_code_that_signs_in_carries_the_roots_of_the_certificates() -> None:
    assert "lambdas/certificates/rds.pem" in names("heartbeat")
    assert "lambdas/certificates/rds.pem" not in names("canary")


def test_code_that_writes_pages_carries_their_template() -> None:
    assert "recovery/evidence/page.html.j2" in names("judge_restore")


def test_no_code_carries_the_rules_over_templates() -> None:
    assert not [name for package in HANDLERS for name in names(package) if name.startswith("recovery/guards/")]
