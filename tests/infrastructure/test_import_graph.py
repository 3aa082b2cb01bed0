"""What counts as imported by a module."""

from pathlib import Path

import pytest

from continuity.import_graph import Imports, imports_of


def tree(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def of(root: Path, files: dict[str, str]) -> Imports:
    """What the module room.start imports."""
    return imports_of("room.start", tree(root, {"room/__init__.py": ""} | files))


def names(imports: Imports) -> set[str]:
    return {path.as_posix() for path in imports.files}


def test_modules_are_followed_through_others(tmp_path: Path) -> None:
    files = {
        "room/start.py": "import room.near",
        "room/near.py": "from room.far import x",
        "room/far.py": "x = 1",
        "room/other.py": "",
    }
    assert names(of(tmp_path, files)) == {"room/__init__.py", "room/start.py", "room/near.py", "room/far.py"}


def test_module_that_is_named_like_an_attribute_is_one(tmp_path: Path) -> None:
    files = {"room/start.py": "from room import near, absent", "room/near.py": ""}
    assert names(of(tmp_path, files)) == {"room/__init__.py", "room/start.py", "room/near.py"}


def test_import_within_a_function_counts(tmp_path: Path) -> None:
    files = {"room/start.py": "def f():\n    import room.near", "room/near.py": ""}
    assert "room/near.py" in names(of(tmp_path, files))


def test_import_for_type_checkers_does_not_count_but_its_alternative_does(tmp_path: Path) -> None:
    start = "if TYPE_CHECKING:\n    import boto3\nelse:\n    import room.near"
    found = of(tmp_path, {"room/start.py": start, "room/near.py": ""})
    assert found.packages == set()
    assert "room/near.py" in names(found)


def test_packages_of_others_are_told_by_their_top_level_and_pythons_own_are_not(tmp_path: Path) -> None:
    found = of(tmp_path, {"room/start.py": "import os.path, botocore.session\nfrom psycopg.sql import SQL"})
    assert found.packages == {"botocore", "psycopg"}


def test_package_brings_its_own_data_and_that_of_no_other(tmp_path: Path) -> None:
    files = {
        "room/start.py": "import room.pages",
        "room/pages/__init__.py": "",
        "room/pages/page.j2": "",
        "room/roots/__init__.py": "",
        "room/roots/root.pem": "",
    }
    found = names(of(tmp_path, files))
    assert "room/pages/page.j2" in found
    assert "room/roots/root.pem" not in found


def test_relative_import_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="relative one in line 1"):
        of(tmp_path, {"room/start.py": "from . import near"})


def test_module_that_is_not_ours_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LookupError, match=r"room\.start"):
        of(tmp_path, {})
