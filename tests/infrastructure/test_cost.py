"""The estimate against the real templates: nothing billable is forgotten, and the page is current."""

from pathlib import Path

from operations.cost.assembly import read_resources
from operations.cost.estimate import NOT_IN_THE_TABLE, RULES, Line, estimate
from operations.cost.page import render
from operations.cost.prices import price_table
from operations.cost.protection import PROTECTIONS
from recovery.names import PRIMARY_REGION, RECOVERY_REGION
from tests.infrastructure.assemblies import ENVIRONMENTS, ROOT, STACKS, Assembly, synthesize
from tests.infrastructure.test_snapshots import UPDATING

PAGE = ROOT / "docs" / "cost.md"


def lines_of(assembly: Assembly) -> list[Line]:
    return estimate(read_resources(assembly.folder), price_table())


def test_every_type_is_priced_free_or_named_as_unpriced(assembly: Assembly) -> None:
    table = price_table()
    known = RULES.keys() | table.free.keys() | table.unpriced.keys()
    assert {resource["Type"] for _, _, resource in assembly.all_resources()} <= known


def test_no_charge_is_of_a_type_that_the_table_does_not_know(assembly: Assembly) -> None:
    assert not [line for line in lines_of(assembly) if line.reason == NOT_IN_THE_TABLE]


def test_every_database_is_priced(assembly: Assembly) -> None:
    lines = [line for line in lines_of(assembly) if line.resource.type == "AWS::RDS::DBInstance"]
    assert {line.region for line in lines} == {PRIMARY_REGION, RECOVERY_REGION}
    assert all(line.low is not None for line in lines)


def test_estimate_covers_all_stacks_and_protections(prod: Assembly) -> None:
    lines = lines_of(prod)
    assert {line.resource.stack for line in lines} == set(STACKS)
    assert {line.protection for line in lines} == set(PROTECTIONS)


def test_nothing_costs_less_with_more_usage(assembly: Assembly) -> None:
    for line in lines_of(assembly):
        if line.low is not None and line.high is not None:
            assert 0 <= line.low <= line.high, line


def test_table_knows_no_type_that_is_not_deployed(assemblies_folder: Path) -> None:
    table = price_table()
    deployed = {
        resource["Type"]
        for environment in ENVIRONMENTS
        for _, _, resource in synthesize(environment, assemblies_folder / environment).all_resources()
    }
    assert not (RULES.keys() | table.free.keys() | table.unpriced.keys()) - deployed


def test_page_is_current(assemblies_folder: Path) -> None:
    environments = {name: lines_of(synthesize(name, assemblies_folder / name)) for name in ("dev", "staging", "prod")}
    page = render(environments, price_table())
    if UPDATING:
        PAGE.write_text(page)
    assert page == PAGE.read_text(), "`make cost` or `make snapshots` writes it anew"
