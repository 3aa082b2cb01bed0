"""From docs/ to the pages that the site is built of: markers are filled, links out of docs/ become text."""

import json
import os
import re
import shutil
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from documentation import alarms, schema
from documentation.errors import PageError
from documentation.regions import in_tabs
from recovery import objectives
from recovery.evidence import evidence_schema
from recovery.objectives import TIERS

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
RUNBOOKS = "runbooks"
# Pages of RUNBOOKS that belong to no alarm or event of the table: the list, and the page of what nobody foresaw.
WITHOUT_SIGNAL = ("index", "unknown")
# What a block shows without wrapping on a screen of usual width.
COLUMNS = 92
# Whoever searches for the name of an alarm wants its runbook, not the decision that made it.
# https://squidfunk.github.io/mkdocs-material/setup/setting-up-site-search/#search-boosting
_FOUND_FIRST = "---\nsearch:\n  boost: 10\n---\n\n"
_BLOCK = re.compile(r"^(?P<indent> *)```\n(?P<body>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL)
_MARKER = re.compile(r"\{\{ (\w+) \}\}")
_LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s]+)\)")

Words = Mapping[str, Callable[[], str]]
_PAGES: Words = {
    "alarm_table": alarms.table,
    "runbook_index": alarms.index,
    "evidence_schema": lambda: schema.page(json.loads(json.dumps(evidence_schema()))),
    "tiers": lambda: alarms.tiers(TIERS),
    "automated_backup_days": lambda: str(objectives.AUTOMATED_BACKUP_RETENTION_DAYS),
    "snapshot_days": lambda: str(objectives.SNAPSHOT_RETENTION_DAYS),
    "lock_min_days": lambda: str(objectives.VAULT_LOCK_MIN_DAYS),
    "lock_max_days": lambda: str(objectives.VAULT_LOCK_MAX_DAYS),
}


def assemble(target: Path) -> list[Path]:
    """Write every page and file of docs/ into ``target``, which is emptied first. Answers with the pages.

    Raises PageError when a page holds an unknown marker or a link to what is not there.
    """
    shutil.rmtree(target, ignore_errors=True)
    pages: list[Path] = []
    for file in sorted(each for each in DOCS.rglob("*") if each.is_file()):
        written = target / file.relative_to(DOCS)
        written.parent.mkdir(parents=True, exist_ok=True)
        if file.suffix == ".md":
            written.write_text((_FOUND_FIRST if file.parent.name == RUNBOOKS else "") + page(file))
            pages.append(written)
        else:
            shutil.copyfile(file, written)
    return pages


def page(file: Path) -> str:
    """A page of docs/ as the site shows it. Raises PageError."""
    try:
        return folded(_with_links(file, _filled(_words(file), _by_region(file))))
    except PageError as error:
        raise PageError(f"{file.parent.name}/{file.name}: {error}") from None


def folded(text: str) -> str:
    """``text`` with the long commands of its blocks continued on further lines, as a shell takes them."""

    def block(found: re.Match[str]) -> str:
        lines = (_continued(line) for line in found["body"].splitlines())
        return "\n".join([f"{found['indent']}```", *lines, f"{found['indent']}```"])

    return _BLOCK.sub(block, text)


def _continued(line: str) -> str:
    if len(line) <= COLUMNS or "  #" in line:
        return line
    first, *options = line.split(" --")
    margin = " " * (len(line) - len(line.lstrip()) + 4)
    lines = [first]
    for option in options:
        if len(f"{lines[-1]} --{option} \\") > COLUMNS:
            lines.append(f"{margin}--{option}")
        else:
            lines[-1] += f" --{option}"
    return " \\\n".join(lines)


def _filled(words: Words, text: str) -> str:
    def replacement(found: re.Match[str]) -> str:
        if found[1] not in words:
            raise PageError(f"expected one of the markers {', '.join(sorted(words))}, found {found[0]}")
        return words[found[1]]()

    return _MARKER.sub(replacement, text)


def _by_region(file: Path) -> str:
    signal = _signal(file)
    return file.read_text() if signal is None else in_tabs(signal, file.read_text())


def _signal(file: Path) -> alarms.Row | None:
    """The signal that a page is about; None for a page of another kind. Raises PageError."""
    if file.parent.name != RUNBOOKS or file.stem in WITHOUT_SIGNAL:
        return None
    signal = alarms.signal_of(file.stem)
    if signal is None:
        raise PageError("expected the name of an alarm or event, found no such in the table")
    return signal


def _words(file: Path) -> Words:
    signal = _signal(file)
    if signal is None:
        return _PAGES
    words = dict(_PAGES)
    words["facts"] = lambda: alarms.facts(signal)
    words["commands"] = lambda: alarms.commands(signal)
    words["proof"] = lambda: alarms.proof(signal)
    for name, text in alarms.words(signal).items():
        words[name] = partial(str, text)
    return words


def _with_links(file: Path, text: str) -> str:
    def replacement(found: re.Match[str]) -> str:
        path = found[3].partition("#")[0]
        if not path or re.match(r"[a-z]+:", path):
            return found[0]
        place = Path(os.path.normpath(file.parent / path))
        if not place.exists():
            raise PageError(f"expected {path} beside it, found nothing there")
        # What the site does not hold, such as a file of the code, is named and not linked to.
        return found[0] if place.is_relative_to(DOCS) and place.is_file() else found[2]

    return _LINK.sub(replacement, text)
