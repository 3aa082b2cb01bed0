"""The damage matrix as a person runs and reads it."""

import json
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from lab.__main__ import app
from lab.damage import commands
from lab.damage.kinds import Patient
from lab.damage.matrix import DAMAGES, GROUPS
from lab.damage.report import page
from lab.damage.stage import Stage
from recovery.checks import CHECKS

Run = Callable[..., Result]

DOCS = Path(__file__).parents[2] / "docs" / "damage.md"


@pytest.fixture
def run(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run ``python -m lab damage`` on the tests' own stage."""

    @contextmanager
    def borrowed() -> Generator[Stage]:
        yield stage

    def invoke(*arguments: str) -> Result:
        monkeypatch.setattr(commands, "temporary_stage", borrowed)
        return CliRunner().invoke(app, ["damage", *arguments], env={"COLUMNS": "200"})

    return invoke


def test_page_of_the_docs_is_the_tables() -> None:
    assert DOCS.read_text() == page(), "run: .venv/bin/python -m lab damage --docs docs/damage.md"


def test_every_check_has_damages_that_only_it_must_find() -> None:
    assert {damage.check for damage in DAMAGES.values()} == set(CHECKS)


def test_names_are_used_once() -> None:
    assert len(DAMAGES) == sum(len(group.damages) for group in GROUPS)


def test_table_names_the_damage_and_who_found_it(run: Run) -> None:
    result = run("--only", "lost-old-row")
    assert result.exit_code == 0
    assert "lost-old-row" in result.output
    assert "1 damages, 0 not found" in result.output


def test_json_holds_the_finding(run: Run) -> None:
    [found] = json.loads(run("--only", "lost-old-row", "--json").stdout)
    assert (found["damage"], found["expected_check"], found["found"]) == ("lost-old-row", "content", True)
    assert "lost 1 row" in found["finding"]


def test_damage_that_escapes_ends_with_exit_1(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def spare(_: Patient) -> None: ...

    harmless = replace(DAMAGES["lost-old-row"], inflict=spare)
    monkeypatch.setitem(DAMAGES, "lost-old-row", harmless)
    result = run("--only", "lost-old-row")
    assert result.exit_code == 1
    assert "1 damages, 1 not found" in result.output


def test_typo_is_one_error_with_advice_and_exit_2() -> None:
    result = CliRunner().invoke(app, ["damage", "--only", "lost-old-rows"])
    assert result.exit_code == 2
    assert result.stderr.splitlines() == [
        "expected the name of a damage, found lost-old-rows: did you mean lost-old-row?"
    ]


def test_damage_that_cannot_be_done_is_one_error_and_exit_2(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def miss(patient: Patient) -> None:
        patient.run("DELETE FROM users WHERE false")

    monkeypatch.setitem(DAMAGES, "lost-old-row", replace(DAMAGES["lost-old-row"], inflict=miss))
    result = run("--only", "lost-old-row")
    assert result.exit_code == 2
    assert "the lab could not go on: expected lost-old-row to be done, found" in result.stderr


def test_statement_that_damages_nothing_is_refused(stage: Stage) -> None:
    stage.fresh_database()
    with pytest.raises(LookupError, match="expected rows to damage"):
        Patient(stage, stage.restored).run("DELETE FROM users WHERE false")
