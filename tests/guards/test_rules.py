"""Every rule of the guards bites on its bad example, and on nothing else."""

import pytest

from recovery.guards.checking import check
from recovery.guards.examples import example
from recovery.guards.rule import RULES, Rule
from recovery.guards.rules import MODULES

LEAST_RULES = 40
TRAPS = set(range(1, 13))


def test_the_good_example_breaks_no_rule_and_leaves_none_open() -> None:
    report = check(example())
    assert report.findings == ()
    assert report.not_resolved == ()


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.name)
def test_a_bad_example_breaks_its_rule_alone(rule: Rule) -> None:
    findings = check(example(rule.bad)).findings
    assert {finding.rule for finding in findings} == {rule.name}


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.name)
def test_a_rule_says_what_it_expects_why_how_to_fix_it_and_where_it_is_written(rule: Rule) -> None:
    assert rule.expects.endswith(".")
    assert rule.why.endswith(".")
    assert rule.fix.endswith(".")
    assert rule.source.startswith("https://docs.aws.amazon.com/")


def test_every_known_trap_has_rules() -> None:
    assert {rule.trap for rule in RULES.values() if rule.trap} == TRAPS


def test_the_rules_are_many_and_every_module_has_some() -> None:
    assert len(RULES) >= LEAST_RULES
    assert {module.__name__.rpartition(".")[2] for module in MODULES} == {rule.subject for rule in RULES.values()}
