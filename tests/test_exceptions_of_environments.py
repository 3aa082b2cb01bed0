"""What an environment excuses: by name, few, and nothing unless it says so."""

from dataclasses import replace

import pytest

from environments import DEV, LOCAL, PROD, STAGING, SettingsError


def test_check_that_does_not_exist_cannot_be_made_optional() -> None:
    with pytest.raises(
        SettingsError, match=r"optional_checks of prod: expected names of checks: .* found \('stroage',\)"
    ):
        replace(PROD, optional_checks=("content", "stroage"))


@pytest.mark.parametrize("faults", [("",), ("x" * 3_000,)])
def test_explained_faults_are_sentences_and_few(faults: tuple[str, ...]) -> None:
    with pytest.raises(SettingsError, match=r"explained_faults of prod: expected whole sentences, 3000 bytes"):
        replace(PROD, explained_faults=faults)


def test_no_fault_is_explained_unless_an_environment_says_so() -> None:
    assert {environment.explained_faults for environment in (DEV, STAGING, PROD, LOCAL)} == {()}


def test_nothing_is_optional_unless_an_environment_says_so() -> None:
    assert {environment.optional_checks for environment in (DEV, STAGING, PROD, LOCAL)} == {()}
