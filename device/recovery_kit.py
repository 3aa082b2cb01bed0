"""The recovery kit: a second identity for the day the phone is lost, on paper, locked by a passphrase.

The passphrase locks the small identity alone (age's scrypt), never a backup: a phone could not afford that. Neither is
kept anywhere: the kit is written once, and the passphrase shown once.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import pyrage
from pyrage.x25519 import Identity

from device import keys
from device.errors import DamagedError, UsageError, WrongKeyError
from device.limits import PASSPHRASE_GROUP_LETTERS, PASSPHRASE_GROUPS

# Crockford's base 32: no I, L, O or U, so that nobody takes one letter for another. https://www.crockford.com/base32.html
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_MISREAD = str.maketrans({"O": "0", "I": "1", "L": "1", "-": None, " ": None})
PASSPHRASE_BITS = PASSPHRASE_GROUPS * PASSPHRASE_GROUP_LETTERS * (len(_ALPHABET).bit_length() - 1)

_BEGIN, _END = "-----BEGIN AGE ENCRYPTED FILE-----", "-----END AGE ENCRYPTED FILE-----"


@dataclass(frozen=True, kw_only=True)
class RecoveryKit:
    """``recipient`` goes into every backup; ``text`` and ``page`` (HTML, to be printed) hold the locked identity."""

    recipient: str
    passphrase: str
    text: str
    page: str


def make(now: datetime) -> RecoveryKit:
    """A new kit; takes a second, and some hundred MiB, which is what guessing costs too."""
    identity, passphrase = Identity.generate(), generate_passphrase()
    recipient = str(identity.to_public())
    locked = pyrage.passphrase.encrypt(keys.key_file_text(identity, now).encode(), passphrase, armored=True).decode()
    facts = {
        "recipient": recipient,
        "locked": locked.strip(),
        "made_on": f"{now:%Y-%m-%d}",
        "groups": PASSPHRASE_GROUPS,
    }
    return RecoveryKit(
        recipient=recipient,
        passphrase=passphrase,
        text=_render("kit.txt.j2", facts),
        page=_render("kit.html.j2", facts),
    )


def is_kit(text: str) -> bool:
    """Whether a key file is a kit, and needs its passphrase."""
    return _BEGIN in text


def unlock(text: str, passphrase: str) -> list[Identity]:
    """The identities of a kit, as it was written or typed in again.

    Raises :class:`UsageError` for a passphrase that cannot be one, :class:`WrongKeyError` for another kit's, and
    :class:`DamagedError`.
    """
    begin, end = text.find(_BEGIN), text.find(_END)
    if begin < 0 or end < begin:
        raise DamagedError(expected=f"a kit from {_BEGIN} to {_END}", found="a part of one", do="copy it whole")
    armored = "\n".join(line.strip() for line in text[begin : end + len(_END)].splitlines()) + "\n"
    try:
        opened = pyrage.passphrase.decrypt(armored.encode(), normalize(passphrase))
    except pyrage.DecryptError as error:
        if "Decryption failed" in str(error) or "No matching keys" in str(error):
            raise WrongKeyError(
                expected="the passphrase of this kit", found="another one", do="compare it letter by letter"
            ) from None
        raise DamagedError(
            expected="a kit as it was written", found=f"one that was changed ({error})", do="compare it with the paper"
        ) from None
    return keys.parse_identities(opened.decode(), "the kit")


def generate_passphrase() -> str:
    """Groups of letters from the system's own randomness: :data:`PASSPHRASE_BITS` bits."""
    return "-".join(
        "".join(secrets.choice(_ALPHABET) for _ in range(PASSPHRASE_GROUP_LETTERS)) for _ in range(PASSPHRASE_GROUPS)
    )


def normalize(passphrase: str) -> str:
    """A passphrase as it was made, however it was typed: any case, O for 0, I or L for 1, with or without hyphens.

    Raises :class:`UsageError`.
    """
    letters = passphrase.strip().upper().translate(_MISREAD)
    wanted = PASSPHRASE_GROUPS * PASSPHRASE_GROUP_LETTERS
    if len(letters) != wanted or not set(letters) <= set(_ALPHABET):
        raise UsageError(
            expected=f"a passphrase of {PASSPHRASE_GROUPS} groups of {PASSPHRASE_GROUP_LETTERS} letters and digits",
            found=f"{len(letters)} of them" if set(letters) <= set(_ALPHABET) else "letters that none has",
            do="type it as the kit showed it",
        )
    return "-".join(
        letters[start : start + PASSPHRASE_GROUP_LETTERS] for start in range(0, wanted, PASSPHRASE_GROUP_LETTERS)
    )


def _render(template: str, facts: Mapping[str, object]) -> str:
    # Here, because every command would wait for them.
    from importlib.resources import files

    from jinja2 import Environment

    source = files("device").joinpath(template).read_text(encoding="utf-8")
    environment = Environment(autoescape=template.endswith(".html.j2"), keep_trailing_newline=True)
    return environment.from_string(source).render(facts)
