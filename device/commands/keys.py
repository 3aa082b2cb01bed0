"""``keygen`` and ``recovery-kit``."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from device import keys, recovery_kit
from device.placing import check_free, placed
from device.terminal import Json, answer, one_error


def keygen(
    out: Annotated[Path, typer.Option("--out", help="The key file to write; it must be new.", show_default=False)],
    as_json: Json = False,
) -> None:
    """Make this device's key, and print the recipient that its backups are encrypted to."""
    with one_error(as_json=as_json):
        identity = keys.generate()
        keys.write_key_file(out, identity)
    recipient = str(identity.to_public())
    answer({"recipient": recipient, "key_file": str(out)}, as_json=as_json, lines=[recipient])


def make_kit(
    out: Annotated[
        Path, typer.Option("--out", help="An existing folder, for kit.txt and kit.html.", show_default=False)
    ],
    as_json: Json = False,
) -> None:
    """Make a second key for the day this device is lost: a kit to print, and its passphrase, shown this once."""
    text, page = out / "kit.txt", out / "kit.html"
    with one_error(as_json=as_json):
        for path in (text, page):
            check_free(path, overwrite=False)
        kit = recovery_kit.make(datetime.now(UTC))
        with placed(text) as whole_text, placed(page) as whole_page:
            whole_text.write_text(kit.text, encoding="utf-8")
            whole_page.write_text(kit.page, encoding="utf-8")
    facts = {"recipient": kit.recipient, "passphrase": kit.passphrase, "bits": recovery_kit.PASSPHRASE_BITS}
    lines: list[str | Text] = [
        Text.assemble("passphrase  ", (kit.passphrase, "bold"), "   write it down now: it is kept nowhere"),
        f"recipient   {kit.recipient}",
        f"kit         {text} to keep, {page} to print",
        "Pass the recipient to `create --recipient` beside your device's own, and keep kit and passphrase apart.",
    ]
    answer(facts | {"text": str(text), "page": str(page)}, as_json=as_json, lines=lines)
