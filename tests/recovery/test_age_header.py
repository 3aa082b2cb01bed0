"""An age file is told from what is none, and a cut one from a whole one, without a key."""

import base64

import pytest

from recovery.device_backups.age_header import CHUNK_BYTES, LONGEST_HEADER_BYTES, header_length, is_whole

X25519 = b"-> X25519 " + b"A" * 43 + b"\n" + b"B" * 43 + b"\n"
MAC = b"--- " + b"C" * 43 + b"\n"
HEADER = b"age-encryption.org/v1\n" + X25519 + MAC
# Eight bytes, encrypted by pyrage 1.4.0 to two recipients that nobody has the keys of.
REAL = base64.b64decode(
    "YWdlLWVuY3J5cHRpb24ub3JnL3YxCi0+IFgyNTUxOSBzcW8vV0FJYmdpVGptL05lTHJ6cDNHWTJtcEpuYnpwbmJRV0xpNWozMlNz"
    "ClpDR2IremhOU2t2K0I2dEpIMGpYMmptcEhOQkFCTHJib0Q1a0tRdFpxTjAKLT4gWDI1NTE5IFBiN2NZeStURVdwdTNWM2dUTlQ5"
    "ckxtV2lmbzRIdGF0TW1Hc0pqMWttejQKVkg0L3BZcWpSYUJMeTkxTjRWVUU1Y0s0Mkdla2FEYnhSM1U2ZHVRa0JMdwotPiAjRjdM"
    "Ly1ncmVhc2UgY1pKcSB9SU0oIGBtJnEgW0EtCjVsZUh4cHRhSUwzVGxCWFRsYTVwU09OVTN3L1NpcnlQUDRyc1pPaEZRMG5vZ2s1"
    "NXJRCi0tLSBrd2s3K2x0RHNmWUhIUXE1TGtjYjBndlo4NCswVk9YT09EYXV5Z1lLZXBZCtCIB1xx1cHk3QWq0ftd0DuTfavzi5gY"
    "ihPE3vN1dwzuP5JqjsJSLkk="
)


@pytest.mark.parametrize(
    "header",
    [
        HEADER,
        HEADER.replace(X25519, X25519 * 2),
        HEADER.replace(X25519, b"-> ssh-rsa abc= def\n" + b"D" * 64 + b"\n" + b"E" * 64 + b"\n\n"),
        HEADER.replace(X25519, X25519 + b"-> x-grease\n\n"),
    ],
    ids=["one recipient", "two recipients", "body of several lines", "empty body"],
)
def test_header_ends_where_its_mac_ends(header: bytes) -> None:
    assert header_length(header + b"\n--- payload") == len(header)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"SQLite format 3\0",
        b"age-encryption.org/v1",
        b"age-encryption.org/v2\n" + X25519 + MAC,
        b"age-encryption.org/v1\n" + MAC,
        b"age-encryption.org/v1\r\n" + X25519 + MAC,
        b"\xef\xbb\xbf" + HEADER,
        HEADER[:-2],
        HEADER.replace(MAC, b"--- short\n"),
        HEADER.replace(b"B" * 43, b"B" * 42 + b"!"),
        b"-----BEGIN AGE ENCRYPTED FILE-----\n",
        b"age-encryption.org/v1\n" + X25519 * (LONGEST_HEADER_BYTES // len(X25519) + 1) + MAC,
    ],
)
def test_anything_else_has_no_header(content: bytes) -> None:
    assert header_length(content) is None


@pytest.mark.parametrize("payload", [1, 100, 65536, 65537, 2 * 65536, 10 * 65536 + 1])
def test_file_of_whole_chunks_is_whole(payload: int) -> None:
    chunks = -(-payload // 65536)
    assert is_whole(200 + 16 + payload + 16 * chunks, 200)


@pytest.mark.parametrize("left", [0, 10, 16, 17, 32, 16 + CHUNK_BYTES + 1, 16 + CHUNK_BYTES + 16])
def test_file_that_was_cut_within_the_nonce_or_a_tag_is_not(left: int) -> None:
    assert not is_whole(200 + left, 200)


def test_file_of_a_real_implementation_is_whole_until_a_byte_is_missing() -> None:
    header = header_length(REAL)
    assert header is not None
    assert is_whole(len(REAL), header)
    assert not any(is_whole(length, header) for length in range(len(REAL) - 8, header, -1))
