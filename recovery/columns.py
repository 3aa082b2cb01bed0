"""Arrays of integers as text: little-endian whatever the machine, zlib and base64."""

import base64
import sys
import zlib
from array import array
from typing import Literal

Order = Literal["little", "big"]


class ColumnsError(ValueError):
    """A text is not what :func:`pack` makes, or holds another number of values than expected."""


def pack(column: "array[int]", *, level: int = 1) -> str:
    """The array as text. ``level`` 0 stores it as it is: random numbers are not compressed by any effort."""
    return base64.b64encode(zlib.compress(to_bytes(column, "little"), level)).decode()


def unpack(text: str, typecode: str, length: int) -> "array[int]":
    """The array that was packed. Raises :class:`ColumnsError`, also for another number of values than ``length``."""
    try:
        found = from_bytes(typecode, zlib.decompress(base64.b64decode(text, validate=True)), "little")
    except (ValueError, zlib.error) as error:
        raise ColumnsError(f"expected packed numbers, found something else ({error})") from None
    if len(found) != length:
        raise ColumnsError(f"expected {length} packed numbers, found {len(found)}")
    return found


def to_bytes(column: "array[int]", order: Order) -> bytes:
    """The array's bytes in that order."""
    if order == sys.byteorder:
        return column.tobytes()
    swapped = array(column.typecode, column)
    swapped.byteswap()
    return swapped.tobytes()


def from_bytes(typecode: str, data: bytes, order: Order) -> "array[int]":
    """The array of bytes in that order. Raises ValueError for a number of bytes that does not fit."""
    column = array(typecode, data)
    if order != sys.byteorder:
        column.byteswap()
    return column
