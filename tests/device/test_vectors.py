"""The format as others write and read it: the age, zstd and tar tools (committed vectors), and age's TypeScript."""

import io
import json
import subprocess
import tarfile
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from device import container, keys, recovery_kit
from device.backups import verify_backup
from device.container import read_manifest
from device.context import Context
from device.manifest import parse
from tests.device.phones import a_phone

VECTORS = Path(__file__).parent / "vectors"
FACTS: dict[str, Any] = json.loads((VECTORS / "vectors.json").read_text())
CHECKOUT = Path(__file__).parents[2]


def javascript(*arguments: str, given: bytes) -> bytes:
    """What the other implementation makes of it."""
    command = [str(CHECKOUT / ".venv/bin/node"), str(Path(__file__).with_name("interop.mjs")), *arguments]
    return subprocess.run(command, input=given, capture_output=True, check=True).stdout


def members(tar: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(tar)) as archive:
        return {name: archive.extractfile(name).read() for name in archive.getnames()}  # type: ignore[union-attr]


@pytest.mark.parametrize("name", ["from-tools.enc", "from-client.enc"])
@pytest.mark.parametrize("key", ["device.key", "recovery.key"])
def test_vector_opens_with_either_key_and_is_what_it_says(name: str, key: str):
    identities = keys.read_key_file(VECTORS / key)
    manifest = verify_backup(VECTORS / name, identities, Context())
    assert manifest == parse(json.dumps(FACTS["manifest"]).encode())


def test_vectors_hold_the_same_database():
    identities = keys.read_key_file(VECTORS / "device.key")
    for name in ("from-tools.enc", "from-client.enc"):
        content = bytearray()
        container.read(VECTORS / name, identities, on_content=content.extend)
        assert sha256(content).hexdigest() == FACTS["manifest"]["sha256"]


def test_vector_of_the_recovery_kit_opens_to_the_recovery_key():
    (identity,) = recovery_kit.unlock((VECTORS / "kit.txt").read_text(), FACTS["passphrase"])
    assert str(identity.to_public()) == FACTS["recipients"][1]


def test_vector_keys_are_labelled_as_test_keys():
    for key in VECTORS.glob("*.key"):
        assert key.read_text().startswith("# TEST KEY")


@pytest.mark.parametrize("key", ["device.key", "recovery.key"])
def test_another_implementation_opens_what_this_one_wrote(key: str):
    (identity,) = keys.read_key_file(VECTORS / key)
    tar = javascript("open", str(identity), given=(VECTORS / "from-client.enc").read_bytes())
    assert list(members(tar)) == ["manifest.json", "duskspendr.sqlite3"]
    assert sha256(members(tar)["duskspendr.sqlite3"]).hexdigest() == FACTS["manifest"]["sha256"]


def test_another_implementation_opens_a_backup_of_today(tmp_path: Path):
    phone = a_phone(tmp_path)
    made = phone.manager().create_local_backup()
    content = members(javascript("open", str(phone.identity), given=made.path.read_bytes()))
    assert json.loads(content["manifest.json"]) == made.manifest.facts()
    assert sha256(content["duskspendr.sqlite3"]).hexdigest() == made.manifest.sha256


def test_this_one_opens_what_another_implementation_wrote(tmp_path: Path):
    (device,) = keys.read_key_file(VECTORS / "device.key")
    tar = javascript("open", str(device), given=(VECTORS / "from-client.enc").read_bytes())
    backup = tmp_path / "backup.enc"
    backup.write_bytes(javascript("seal", *FACTS["recipients"], given=tar))
    assert verify_backup(backup, [device], Context()) == read_manifest(VECTORS / "from-client.enc", [device])
