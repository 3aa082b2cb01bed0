"""Key files and recipients: written once, read strictly, never shown."""

from pathlib import Path

import pytest
from pyrage.x25519 import Identity

from device import keys
from device.errors import StorageError, UsageError


def test_a_key_file_gives_its_identity_back(tmp_path: Path):
    identity = keys.generate()
    keys.write_key_file(tmp_path / "key.txt", identity)
    (found,) = keys.read_key_file(tmp_path / "key.txt")
    assert str(found) == str(identity)


def test_a_key_file_is_its_owners_alone(tmp_path: Path):
    keys.write_key_file(tmp_path / "key.txt", keys.generate())
    assert (tmp_path / "key.txt").stat().st_mode & 0o777 == 0o600


def test_a_key_file_is_never_written_over(tmp_path: Path):
    path = tmp_path / "key.txt"
    keys.write_key_file(path, keys.generate())
    before = path.read_text()
    with pytest.raises(StorageError, match="there already"):
        keys.write_key_file(path, keys.generate())
    assert path.read_text() == before


def test_a_file_of_several_keys_gives_all_of_them():
    identities = [Identity.generate() for _ in range(3)]
    text = "# mine\n\n" + "\n".join(str(each) for each in identities) + "\n"
    assert [str(each) for each in keys.parse_identities(text, "keys")] == [str(each) for each in identities]


def test_no_message_holds_a_part_of_a_secret_key():
    secret = str(Identity.generate())
    other = "P" if secret.endswith("Q") else "Q"
    for text in (secret[:-1], secret[:-1] + other, f"key = {secret}", f"{secret}\nmore"):
        with pytest.raises(UsageError) as refused:
            keys.parse_identities(text, "key.txt")
        assert secret[20:40] not in str(refused.value)
    with pytest.raises(UsageError) as refused:
        keys.parse_recipients([secret])
    assert secret[20:40] not in str(refused.value)


@pytest.mark.parametrize("text", ["", "age1", "somebody", "ssh-ed25519 AAAA"])
def test_what_is_no_recipient_is_refused(text: str):
    with pytest.raises(UsageError):
        keys.parse_recipients([text])


def test_a_recipient_that_is_named_twice_counts_once():
    recipient = str(Identity.generate().to_public())
    assert len(keys.parse_recipients([recipient, f" {recipient}\n"])) == 1


def test_a_backup_for_nobody_is_refused():
    with pytest.raises(UsageError):
        keys.parse_recipients([])
