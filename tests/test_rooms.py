"""Who may import whom, where import-linter cannot look: modules that are no packages, and the bare source root."""

import ast
import re
from pathlib import Path

import constructs
import pytest

CHECKOUT = Path(__file__).parents[1]
ROOMS = {
    "app",
    "environments",
    "settings",
    "stacks",
    "continuity",
    "recovery",
    "lambdas",
    "operations",
    "device",
    "lab",
}


def imports_of(module: str) -> set[str]:
    """The rooms' modules that a module imports, as it spells them."""
    found: set[str] = set()
    for node in ast.walk(ast.parse((CHECKOUT / f"{module}.py").read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {name for name in found if name.split(".")[0] in ROOMS}


@pytest.mark.parametrize("module", ["environments", "settings"])
def test_settings_know_only_objectives_windows_and_names(module: str) -> None:
    known = {".".join(name.split(".")[:2]) for name in imports_of(module) if not name.startswith("settings.")}
    assert known <= {"recovery.names", "recovery.objectives", "recovery.optional_checks", "recovery.windows"}


def test_app_only_builds_stages_from_environments() -> None:
    assert {name.split(".")[0] for name in imports_of("app")} <= {"stacks", "environments", "continuity"}


def test_regions_are_named_in_one_module() -> None:
    """Whoever deploys elsewhere changes recovery/names.py and nothing else; the guards' examples are anybody's."""
    folders = (*ROOMS - {"app", "environments", "settings", "continuity"}, "constructs", "benchmarks")
    modules = {path for folder in folders for path in (CHECKOUT / folder).rglob("*.py")} | set(CHECKOUT.glob("*.py"))
    modules -= set((CHECKOUT / "recovery/guards").rglob("*.py"))
    naming = [path for path in modules if re.search(r"\bap-(south|southeast)-\d\b", path.read_text())]
    assert [str(path.relative_to(CHECKOUT)) for path in naming] == ["recovery/names.py"]


def test_constructs_folder_never_shadows_the_package_of_that_name() -> None:
    assert not (CHECKOUT / "constructs" / "__init__.py").exists()
    assert "site-packages" in str(constructs.__file__)
