"""``duskspendr-backup migrate --check``: every published format and schema against today's app."""

import sqlite3

import pytest

from device.limits import FORMAT_VERSION
from device.schema import current_version
from device.schema.published import PUBLISHED
from device.schema.steps import STEPS, Step
from tests.device.commands import error_of, facts_of


def test_every_published_format_and_schema_comes_through():
    facts = facts_of("migrate", "--check")
    assert facts["passed"]
    tried = [(each["format_version"], each["schema_version"], len(each["steps"])) for each in facts["attempts"]]
    assert tried == [
        (form, version, current_version - version) for form in range(1, FORMAT_VERSION + 1) for version in PUBLISHED
    ]
    assert all(each["rows"] > 0 for each in facts["attempts"])


def test_a_step_that_changes_what_the_app_shows_fails_the_check(monkeypatch: pytest.MonkeyPatch):
    whole = STEPS[1].run

    def spoiling(connection: sqlite3.Connection) -> None:
        whole(connection)
        connection.execute("UPDATE transactions SET amount_paisa = amount_paisa + 1")

    monkeypatch.setitem(STEPS, 1, Step("spoils", spoiling))
    facts = facts_of("migrate", "--check", status=1)
    told = {each["schema_version"]: each["problem"] for each in facts["attempts"]}
    assert told == {1: "expected the transactions as the app showed them, found others", 2: "", 3: ""}


def test_a_step_that_leaves_other_tables_fails_the_check(monkeypatch: pytest.MonkeyPatch):
    whole = STEPS[2].run

    def forgetting(connection: sqlite3.Connection) -> None:
        whole(connection)
        connection.execute("DROP INDEX transactions_by_category")

    monkeypatch.setitem(STEPS, 2, Step("forgets", forgetting))
    facts = facts_of("migrate", "--check", status=1)
    assert {each["problem"] for each in facts["attempts"] if each["schema_version"] < current_version} == {
        "expected the tables of a new installation, found others"
    }


def test_without_check_it_says_what_is_missing():
    assert error_of("migrate", status=2)["expected"] == "--check"
