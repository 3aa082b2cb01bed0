"""The guards over our own templates: silent as they are, and biting at every mistake that could be made in them."""

from functools import cache
from pathlib import Path

import pytest

from recovery.guards.checking import check
from recovery.guards.reading import read
from recovery.guards.rule import RULES
from recovery.guards.templates import Assembly as Templates
from tests.infrastructure import mistakes_while_running, mistakes_with_data, mistakes_with_signals
from tests.infrastructure.assemblies import Assembly
from tests.infrastructure.guard_mistakes import KINDS, Kind, found_by

TABLES = (mistakes_with_data, mistakes_while_running, mistakes_with_signals)  # importing them filled KINDS

LEAST_KINDS = 40
SHORTEST_REASON = 35


@cache
def templates(folder: Path) -> Templates:
    return read(folder)


def test_templates_as_they_are_break_no_rule(assembly: Assembly) -> None:
    assert check(templates(assembly.folder)).findings == ()


def test_every_acknowledgement_is_used_and_has_a_reason(assembly: Assembly) -> None:
    found = {(each.rule, each.reason) for each in check(templates(assembly.folder)).acknowledged}
    stacks = templates(assembly.folder).stacks
    given = {
        (name.partition("::")[2], reason)
        for stack in stacks
        for rules in stack.acknowledged.values()
        for name, reason in rules.items()
        if name.startswith("Recovery-Guards::")
    }
    assert given == found
    assert not [reason for _, reason in given if len(reason) < SHORTEST_REASON]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_mistake_is_found_where_it_was_made_and_nowhere_else(kind: Kind, prod: Assembly) -> None:
    base = templates(prod.folder)
    places = list(kind.places(base))
    assert places, "the mistake fits nowhere: the table is out of date"
    groups = [places] if kind.at_once else [[place] for place in places]
    wrong = {
        group[0].logical_id: found
        for group in groups
        if (found := found_by(base, group)) != {each for place in group for each in place.expects}
    }
    assert not wrong


def test_every_rule_bites_somewhere_in_our_templates() -> None:
    assert {kind.name.partition(":")[0] for kind in KINDS} == set(RULES)
    assert len(KINDS) >= LEAST_KINDS
