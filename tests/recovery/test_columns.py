"""Numbers survive their text on any machine, and a text that is something else is refused."""

import sys
from array import array

import pytest

from recovery.columns import ColumnsError, from_bytes, pack, to_bytes, unpack

NUMBERS = array("Q", [0, 1, 2**64 - 1, 2**32])


@pytest.mark.parametrize("level", [0, 1])
def test_numbers_survive_their_text(level: int):
    assert unpack(pack(NUMBERS, level=level), "Q", 4) == NUMBERS


def test_bytes_are_in_the_order_asked_for():
    assert to_bytes(array("I", [1]), "big") == b"\0\0\0\1"
    assert to_bytes(array("I", [1]), "little") == b"\1\0\0\0"
    assert from_bytes("I", b"\0\0\0\1", "big") == from_bytes("I", b"\1\0\0\0", "little") == array("I", [1])


def test_text_is_the_same_on_a_machine_of_the_other_byte_order(monkeypatch: pytest.MonkeyPatch):
    here = pack(NUMBERS)
    monkeypatch.setattr(sys, "byteorder", "big" if sys.byteorder == "little" else "little")
    there = array("Q", NUMBERS)
    there.byteswap()  # how that machine holds them
    assert pack(there) == here


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rubbish", "expected packed numbers"),
        (pack(array("B", [1, 2, 3])), "expected packed numbers"),
        (pack(NUMBERS)[:-8], "expected packed numbers"),
        (pack(array("Q", [1])), "expected 4 packed numbers, found 1"),
    ],
    ids=["rubbish", "bytes that do not fit", "cut", "too few"],
)
def test_damaged_text_is_refused(text: str, message: str):
    with pytest.raises(ColumnsError, match=message):
        unpack(text, "Q", 4)
