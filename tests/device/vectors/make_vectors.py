"""Writes the public test vectors anew, with the tools that they are to agree with: age, zstd and tar.

    python tests/device/vectors/make_vectors.py

The keys and the passphrase that stand here are published: nothing real may ever be encrypted to them.
``from-tools.enc`` is made by the tools alone, ``from-client.enc`` by this project and then opened by the tools;
``kit.txt`` is a recovery key locked with a work factor so low that tests need not wait for it.
"""

import json
import subprocess
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from pyrage.x25519 import Identity

from device import container, keys
from device.context import Context
from device.creation import describe
from device.schema.synthetic import create

VECTORS = Path(__file__).parent
MOMENT = datetime(2026, 6, 15, 12, tzinfo=UTC)
PASSPHRASE = "0000-1111-2222-3333-4444-5555"
LABEL = "# TEST KEY, published with this project: never encrypt anything real to it.\n"


def main() -> None:
    """Everything in this folder but this script."""
    device, recovery = (key(name) for name in ("device", "recovery"))
    recipients = [str(each.to_public()) for each in (device, recovery)]
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        database = work / "duskspendr.sqlite3"
        create(database, transactions=25, seed=20)
        manifest = describe(database, Context(app_version="test vector", clock=lambda: MOMENT))
        (work / "manifest.json").write_bytes(manifest.to_json())
        named = " ".join(f"-r {each}" for each in recipients)
        pipe = f"tar -cf - manifest.json duskspendr.sqlite3 | zstd -3 -c | age {named} -o {VECTORS}/from-tools.enc"
        subprocess.run(["bash", "-euo", "pipefail", "-c", pipe], cwd=work, check=True)
        with (VECTORS / "from-client.enc").open("wb") as out:
            container.write(out, manifest, database, [each.to_public() for each in (device, recovery)])
        opened = work / "opened"
        opened.mkdir()
        pipe = f"age -d -i {VECTORS}/recovery.key {VECTORS}/from-client.enc | zstd -dc | tar -x"
        subprocess.run(["bash", "-euo", "pipefail", "-c", pipe], cwd=opened, check=True)
        assert (opened / "duskspendr.sqlite3").read_bytes() == database.read_bytes()
        facts = {
            "recipients": recipients,
            "passphrase": PASSPHRASE,
            "manifest": manifest.facts(),
        }
    (VECTORS / "vectors.json").write_text(json.dumps(facts, indent=2) + "\n")
    locked = subprocess.run(
        ["node", VECTORS.parent / "interop.mjs", "lock", PASSPHRASE, "10"],
        input=(VECTORS / "recovery.key").read_bytes(),
        check=True,
        capture_output=True,
    )
    (VECTORS / "kit.txt").write_bytes(locked.stdout)


def key(name: str) -> Identity:
    """The key of that name, which stays as it is once it is made."""
    path = VECTORS / f"{name}.key"
    if not path.exists():
        path.write_text(LABEL + keys.key_file_text(keys.generate(), MOMENT))
    (identity,) = keys.read_key_file(path)
    return identity


if __name__ == "__main__":
    main()
