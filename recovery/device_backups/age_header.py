"""The header of an age file, as far as it can be read without a key: https://c2sp.org/age.

This decrypts nothing and proves nothing about the content; it tells an age file from what is none, and a whole one from
one that was cut within a chunk.
"""

import re

# A header of twenty recipients has 2 KiB; what has not ended by then is none.
LONGEST_HEADER_BYTES = 64 * 1024
NONCE_BYTES = 16
TAG_BYTES = 16
CHUNK_BYTES = 64 * 1024 + TAG_BYTES

# A stanza: its arguments, then base64 in lines of 64, of which the last is shorter and may be empty.
_STANZA = rb"-> [\x21-\x7e]+(?: [\x21-\x7e]+)*\n(?:[A-Za-z0-9+/]{64}\n)*[A-Za-z0-9+/]{0,63}\n"
_HEADER = re.compile(rb"age-encryption\.org/v1\n(?:" + _STANZA + rb")+--- [A-Za-z0-9+/]{43}\n")


def header_length(beginning: bytes) -> int | None:
    """The length of the header that ``beginning`` starts with, in bytes; None when it starts with none.

    ``beginning`` is the whole file, or at least its first LONGEST_HEADER_BYTES.
    """
    match = _HEADER.match(beginning, 0, LONGEST_HEADER_BYTES)
    return None if match is None else match.end()


def is_whole(size: int, header: int) -> bool:
    """Whether a file of ``size`` bytes can be a nonce and whole chunks behind its header.

    Every chunk but the last is full, and the last holds something. A file that was cut between two chunks passes: only
    a key can tell.
    """
    payload = size - header - NONCE_BYTES
    last = payload % CHUNK_BYTES
    return payload > TAG_BYTES and (last == 0 or last > TAG_BYTES)
