"""Pauses between looks."""

from itertools import islice

from recovery.pauses import growing_pauses


def test_pauses_double_up_to_the_longest() -> None:
    assert list(islice(growing_pauses(5), 5)) == [1, 2, 4, 5, 5]


def test_no_pause_is_longer_than_the_longest() -> None:
    assert list(islice(growing_pauses(0.02), 3)) == [0.02, 0.02, 0.02]
