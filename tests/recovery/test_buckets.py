"""Buckets add up, travel as text, and tell where they differ."""

import struct

import pytest

from recovery.buckets import SUM_MODULUS, Age, Buckets
from recovery.columns import ColumnsError


def buckets(*groups: tuple[int, Age, int, int], number: int = 4, summed: bool = False) -> Buckets:
    """Buckets of groups (bucket, age, rows, fingerprint), as the server sends them."""
    found = Buckets.empty(number, summed=summed)
    found.add_groups(b"".join(struct.pack(">iiq", bucket * 4 + age, rows, h) for bucket, age, rows, h in groups))
    return found


def test_rows_are_counted_by_age_and_only_settled_ones_are_fingerprinted():
    found = buckets((1, Age.SETTLED, 3, 7), (1, Age.ALTERED, 2, 99), (2, Age.NEWER, 5, 98), (3, Age.LATE, 1, 97))
    assert found[1] == (3, 2, 0, 0, 7)
    assert found[1].rows == 5
    assert (found[2].newer, found[3].late, found[2].fingerprint) == (5, 1, 0)
    assert (found.total(), found.total(Age.SETTLED, Age.ALTERED)) == (11, 5)


def test_slice_without_rows_adds_nothing():
    found = Buckets.empty(2, summed=False)
    found.add_groups(None)
    assert found.total() == 0


@pytest.mark.parametrize("summed", [False, True])
def test_slices_add_up_to_the_whole(summed: bool):
    one = (0, Age.SETTLED, 3, -5), (3, Age.ALTERED, 1, 1)
    other = (0, Age.SETTLED, 2, 11), (3, Age.ALTERED, 1, 2), (3, Age.SETTLED, 1, 2**62 - 1)
    whole = buckets(*one, *other, summed=summed)
    parts = buckets(*one, summed=summed)
    parts.add(buckets(*other, summed=summed))
    assert (parts.counts, parts.fingerprints) == (whole.counts, whole.fingerprints)


def test_equal_rows_that_cancel_out_in_an_xor_do_not_in_a_sum():
    pair = (0, Age.SETTLED, 1, 5), (0, Age.SETTLED, 1, 5)
    assert buckets(*pair)[0].fingerprint == 0
    assert buckets(*pair, summed=True)[0].fingerprint == 10 % SUM_MODULUS


def test_buckets_survive_their_text():
    found = buckets((0, Age.SETTLED, 4_000_000_000 // 2, -1), (3, Age.LATE, 1, 0))
    again = Buckets.unpack(found.pack(), number=4, summed=False)
    assert (again.counts, again.fingerprints) == (found.counts, found.fingerprints)


@pytest.mark.parametrize("packed", ["", "rubbish", "rubbish.rubbish", Buckets.empty(3, summed=False).pack()])
def test_damaged_text_is_refused(packed: str):
    with pytest.raises(ColumnsError, match="expected"):
        Buckets.unpack(packed, number=4, summed=False)


def test_buckets_of_another_number_are_not_added():
    with pytest.raises(ValueError, match="expected 4 buckets, found 2"):
        buckets().add(Buckets.empty(2, summed=False))


def test_newer_rows_make_no_difference_and_late_ones_do():
    before = buckets((1, Age.SETTLED, 3, 7))
    assert before.differing(buckets((1, Age.SETTLED, 3, 7), (2, Age.NEWER, 9, 1))) == []
    assert before.differing(buckets((1, Age.SETTLED, 3, 7), (2, Age.LATE, 1, 1))) == [2]
    assert before.differing(buckets((1, Age.SETTLED, 3, 8))) == [1]
    assert before.differing(buckets((1, Age.SETTLED, 3, 7), (0, Age.ALTERED, 1, 0))) == [0]
