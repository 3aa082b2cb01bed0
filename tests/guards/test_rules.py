"""Every rule of the guards bites on its bad example, and on nothing else."""

from dataclasses import replace

import pytest

from recovery.guards.checking import check
from recovery.guards.examples import example
from recovery.guards.finding import Report
from recovery.guards.rule import RULES, Rule
from recovery.guards.rules import MODULES
from recovery.guards.templates import Assembly

LEAST_RULES = 40
TRAPS = set(range(1, 13))
# Rules that ask whether something is there, which can be told of a value that cannot.
OF_PRESENCE = {"restore-test-in-default-network", "restore-test-in-default-group"}
# A name that is imported has a test of its own, below.
OF_IMPORTS = {"import-from-another-region"}
GIVEN = {"Ref": "GivenAtDeploy"}


def test_the_good_example_breaks_no_rule_and_leaves_none_open() -> None:
    report = check(example())
    assert report.findings == ()
    assert report.not_resolved == ()


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.name)
def test_a_bad_example_breaks_its_rule_alone(rule: Rule) -> None:
    findings = check(example(rule.bad)).findings
    assert {finding.rule for finding in findings} == {rule.name}


def report_with(rule: Rule, value: object) -> Report:
    """What the rules say when ``value`` stands where the rule's bad example changes the good one."""
    assembly = example(replace(rule.bad, value=value))
    for stack in assembly.stacks:
        stack.template.setdefault("Parameters", {})["GivenAtDeploy"] = {"Type": "String"}
    return check(assembly)


@pytest.mark.parametrize(
    "rule",
    [rule for rule in RULES.values() if rule.bad.path and rule.name not in OF_PRESENCE | OF_IMPORTS],
    ids=lambda rule: rule.name,
)
def test_what_only_a_deployment_knows_is_neither_found_nor_passed(rule: Rule) -> None:
    report = report_with(rule, GIVEN)
    assert report.findings == ()
    assert rule.name in {each.rule for each in report.not_resolved}


def test_an_imported_name_that_only_a_deployment_knows_is_not_passed() -> None:
    report = report_with(RULES["import-from-another-region"], {"Fn::ImportValue": {"Fn::Sub": "${GivenAtDeploy}-key"}})
    assert report.findings == ()
    assert "import-from-another-region" in {each.rule for each in report.not_resolved}


def test_one_unknown_region_is_said_once_a_rule_and_not_of_every_resource() -> None:
    report = report_with(RULES["database-backups-stay-in-region"], GIVEN)
    of_others = [each for each in report.not_resolved if each.rule == "recovery-needs-primary"]
    assert [(each.logical_id, each.path) for each in of_others] == [("Database", "AutomaticBackupReplicationRegion")]


def test_a_certain_problem_stays_one_beside_what_is_unknown() -> None:
    assembly: Assembly = example(replace(RULES["may-delete-keys"].bad, value=[GIVEN, "kms:DisableKey"]))
    assert {finding.rule for finding in check(assembly).findings} == {"may-delete-keys"}


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
