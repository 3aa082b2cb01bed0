"""The names of checks that settings may make optional."""

from recovery.checks import CHECKS
from recovery.optional_checks import CHECK_NAMES, unknown_checks


def test_names_are_those_of_the_checks():
    assert tuple(CHECKS) == CHECK_NAMES


def test_misspelled_check_is_told():
    assert unknown_checks(["content", "contents", "Storage"]) == ("contents", "Storage")
