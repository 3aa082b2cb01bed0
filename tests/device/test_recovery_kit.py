"""The recovery kit: opens with its passphrase however it is typed, and with nothing else.

Opening one takes a second, by design; most tests take the public test vector, whose work factor is low.
"""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from device import recovery_kit
from device.errors import BackupError, DamagedError, UsageError, WrongKeyError

VECTORS = Path(__file__).parent / "vectors"
KIT = (VECTORS / "kit.txt").read_text()
FACTS = json.loads((VECTORS / "vectors.json").read_text())
PASSPHRASE, RECIPIENT = FACTS["passphrase"], FACTS["recipients"][1]


def opens(text: str, passphrase: str) -> bool:
    (identity,) = recovery_kit.unlock(text, passphrase)
    return str(identity.to_public()) == RECIPIENT


def test_a_new_kit_opens_and_shows_neither_its_passphrase_nor_its_key():
    kit = recovery_kit.make(datetime(2026, 6, 15, tzinfo=UTC))
    (identity,) = recovery_kit.unlock(kit.page, kit.passphrase)
    assert str(identity.to_public()) == kit.recipient
    for shown in (kit.text, kit.page):
        assert kit.recipient in shown
        for secret in (kit.passphrase, kit.passphrase.replace("-", ""), str(identity)):
            assert secret not in shown


def test_kit_opens_with_its_passphrase_typed_carelessly():
    assert opens(KIT, PASSPHRASE.lower().replace("-", " ").replace("0", "o").replace("1", "l"))


def test_kit_opens_as_people_paste_it():
    assert opens("my kit:\n\n" + KIT.replace("\n", "  \r\n") + "\nthat was it", PASSPHRASE)


def test_another_passphrase_does_not_open_it():
    with pytest.raises(WrongKeyError, match="passphrase"):
        recovery_kit.unlock(KIT, recovery_kit.generate_passphrase())


@pytest.mark.parametrize(
    "text",
    [KIT[:-60], KIT.replace("-----BEGIN AGE ENCRYPTED FILE-----", ""), KIT[:300] + KIT[310:]],
    ids=["no end", "no beginning", "letters missing"],
)
def test_a_kit_that_was_copied_in_part_is_told(text: str):
    with pytest.raises(DamagedError):
        recovery_kit.unlock(text, PASSPHRASE)


@pytest.mark.parametrize("typed", ["", "ABCD", PASSPHRASE + "A", PASSPHRASE[:-1] + "!"])
def test_a_passphrase_that_none_can_be_is_refused(typed: str):
    with pytest.raises(UsageError):
        recovery_kit.unlock(KIT, typed)


def test_a_key_file_is_no_kit():
    assert recovery_kit.is_kit(KIT)
    assert not recovery_kit.is_kit("AGE-SECRET-KEY-1...")
    with pytest.raises(BackupError):
        recovery_kit.unlock("AGE-SECRET-KEY-1...", PASSPHRASE)


def test_a_passphrase_has_more_than_a_hundred_bits_and_is_never_the_same():
    assert recovery_kit.PASSPHRASE_BITS == 120
    made = {recovery_kit.generate_passphrase() for _ in range(100)}
    assert len(made) == 100
    assert len(set("".join(made)) - {"-"}) == 32
