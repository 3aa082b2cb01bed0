"""What looks like an age file to whoever has no key."""

import base64
import hashlib
import os


def age_file(payload: int = 1000) -> bytes:
    """A header for one recipient, a nonce, and random bytes in the place of whole chunks."""
    header = b"age-encryption.org/v1\n-> X25519 " + b"A" * 43 + b"\n" + b"B" * 43 + b"\n--- " + b"C" * 43 + b"\n"
    return header + os.urandom(16) + os.urandom(payload + 16)


def sha256(content: bytes) -> str:
    """As the API takes it: base64."""
    return base64.b64encode(hashlib.sha256(content).digest()).decode()
