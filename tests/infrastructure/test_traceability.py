"""The page of compliance is current, and nothing that it names is missing."""

import re

import pytest

from tests.infrastructure.assemblies import ROOT, STACKS, Assembly
from tests.infrastructure.test_snapshots import UPDATING
from tests.infrastructure.traceability import EVIDENCE, TABLES, TICKETS, Row, names_of_tests, resources_of, rows, tables

PAGE = ROOT / "docs" / "compliance.md"
MARK = "<!-- generated: `make snapshots` writes what follows -->\n"


@pytest.mark.parametrize("row", list(rows()), ids=lambda row: row.promise[:30])
def test_every_test_that_a_row_names_is_there(row: Row) -> None:
    missing = [test for test in row.tests if test.partition("::")[2] not in names_of_tests(test.partition("::")[0])]
    assert row.tests
    assert not missing


def test_every_resource_that_a_row_names_is_in_the_templates(prod: Assembly) -> None:
    empty = [place for row in rows() for place in row.places if not resources_of(prod, place)]
    assert not empty


def test_every_page_and_kind_of_evidence_that_a_row_names_is_there() -> None:
    assert not [page for row in rows() for page in row.pages if not (ROOT / page).is_file()]
    assert not [kind for row in rows() for kind in row.evidence if kind not in EVIDENCE]


def test_every_ticket_of_the_spec_has_its_row() -> None:
    numbers = [int(found[1]) for row in TICKETS if (found := re.match(r"SS-(\d+) ", row.promise))]
    assert numbers == list(range(380, 391))


def test_every_tier_and_table_of_the_spec_has_its_rows() -> None:
    assert {title: len(table) for title, table in TABLES.items()} == {
        "Tickets": 11,
        "Disaster recovery tiers": 3,
        "Backup schedule": 4,
        "Verification plan": 4,
    }


def test_rows_reach_every_stack_with_something_of_its_own() -> None:
    named = {place.partition("/")[0] for row in rows() for place in row.places}
    assert set(STACKS) - named == {"Network"}  # what all the others stand on


def test_page_is_current(prod: Assembly) -> None:
    written, mark, generated = PAGE.read_text().partition(MARK)
    assert mark
    if UPDATING:
        PAGE.write_text(written + MARK + tables(prod))
        return
    assert generated == tables(prod), "`make snapshots` writes it anew"
