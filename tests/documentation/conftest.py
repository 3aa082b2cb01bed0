"""The pages as the site shows them."""

from pathlib import Path

import pytest

from documentation.pages import DOCS, page


@pytest.fixture(scope="session")
def pages() -> dict[Path, str]:
    """Every page of docs/ with its markers filled, by its path below docs/."""
    return {file.relative_to(DOCS): page(file) for file in sorted(DOCS.rglob("*.md"))}


@pytest.fixture(scope="session")
def for_people(pages: dict[Path, str]) -> dict[Path, str]:
    """Runbooks, how-to pages and the start: what somebody follows line by line."""
    return {path: text for path, text in pages.items() if path.parts[0] in ("runbooks", "how-to", "index.md")}
