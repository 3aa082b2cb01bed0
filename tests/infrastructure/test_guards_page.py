"""docs/guards.md is the rules' own page."""

import os

from recovery.guards.catalogue import page
from tests.infrastructure import mistakes_while_running, mistakes_with_data, mistakes_with_signals
from tests.infrastructure.assemblies import ROOT
from tests.infrastructure.guard_mistakes import KINDS

TABLES = (mistakes_with_data, mistakes_while_running, mistakes_with_signals)  # importing them filled KINDS
PAGE = ROOT / "docs" / "guards.md"


def test_the_page_of_the_guards_is_made_from_the_rules() -> None:
    expected = page(kinds_of_mistakes=len(KINDS))
    if os.environ.get("UPDATE_SNAPSHOTS"):
        PAGE.write_text(expected)
    assert PAGE.read_text() == expected, "run `make snapshots` and review the diff"
