"""Every alarm and event has a page, all pages are alike, and what they name is there."""

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, cast

import pytest

from documentation.alarms import NAMES, SIGNALS, signal_of
from documentation.pages import DOCS, WITHOUT_SIGNAL
from recovery.alarms.table import ALARMS

PARTS = ["Meaning", "Impact", "First 5 minutes", "Diagnosis", "Fix", "How to know it is over", "Afterwards"]
ORDINALS = ["first", "second", "third", "fourth", "fifth"]
RUNBOOKS = sorted((DOCS / "runbooks").glob("*.md"))
ABOUT_A_SIGNAL = [page for page in RUNBOOKS if page.stem not in WITHOUT_SIGNAL]
SNAPSHOTS = Path(__file__).parents[1] / "infrastructure" / "snapshots"
ROOT = Path(__file__).parents[2]
COPIED = re.compile(r"\b(?:RTO|RPO) (?:of|is) \d\S*|DeleteAfterDays=\d+|retention-days \d+")
OURS = re.compile(r"(?<![\w.-])(?:/aws/rds/instance/|alias/)?duskspendr[-_](?:prod|staging)(?:[-_/][\w/-]*\w)?")
# Names that a page tells its reader to give.
GIVEN_BY_THE_READER = {"duskspendr-prod-damaged"}


def test_every_alarm_and_event_has_a_page_and_every_page_an_alarm_or_event() -> None:
    assert sorted(page.stem for page in ABOUT_A_SIGNAL) == sorted({signal.runbook for signal in SIGNALS})


def test_what_nobody_foresaw_has_a_page() -> None:
    assert (DOCS / "runbooks" / "unknown.md").exists()


@pytest.mark.parametrize("page", [page for page in RUNBOOKS if page.stem != "index"], ids=lambda page: page.stem)
def test_runbook_has_all_parts_in_order_and_none_is_empty(page: Path) -> None:
    parts = re.split(r"^## (.+)$", page.read_text(), flags=re.MULTILINE)
    assert parts[1::2] == PARTS
    assert all(text.strip() for text in parts[2::2])


@pytest.mark.parametrize("page", ABOUT_A_SIGNAL, ids=lambda page: page.stem)
def test_facts_commands_and_proof_come_from_the_table(page: Path) -> None:
    text = page.read_text()
    assert [text.count(f"{{{{ {marker} }}}}") for marker in ("facts", "commands", "proof")] == [1, 1, 1]


@pytest.mark.parametrize("page", ABOUT_A_SIGNAL, ids=lambda page: page.stem)
def test_a_command_that_is_called_by_its_number_is_there(page: Path) -> None:
    signal = signal_of(page.stem)
    assert signal is not None
    called = [ORDINALS.index(word) + 1 for word in re.findall(r"(\w+) command\b", page.read_text()) if word in ORDINALS]
    assert max(called, default=0) <= len(signal.commands)


def test_no_page_copies_a_threshold_of_the_table() -> None:
    copied = [f"{page.name}: {words}" for page in ABOUT_A_SIGNAL for words in COPIED.findall(page.read_text())]
    assert not copied


@cache
def strings(environment: str) -> str:
    """Everything that the templates of an environment say, one string a line."""
    templates = [json.loads(file.read_text()) for file in sorted((SNAPSHOTS / environment).glob("*.json"))]
    return "\n".join(text for template in templates for text in _strings(template))


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, each in cast(dict[str, Any], value).items():
            yield key
            yield from _strings(each)
    elif isinstance(value, list):
        for each in cast(list[Any], value):
            yield from _strings(each)
    else:
        yield str(value)


def names_in(text: str) -> set[str]:
    """The names of resources in a text: those of an environment, and the fixed ones of every environment."""
    fixed = re.findall(r"\bDuskSpendr-\w+|\bToRecoveryRegion\b", text)
    described = re.findall(r"`((?:Database|Replica|Restored databases): \w+)`|description,Values=([^\"]+)", text)
    return {*OURS.findall(text), *fixed, *(one or other for one, other in described)}


def exists(name: str) -> bool:
    """Whether the templates have a name, which may stand within an ARN."""
    environment = "staging" if "staging" in name else "prod"
    account = json.loads((ROOT / "cdk.json").read_text())["context"]["accounts"][environment]
    wanted = re.escape(name.replace("ACCOUNT", account))
    return re.search(rf"(?<![\w-]){wanted}(?![\w-])", strings(environment)) is not None


def test_every_resource_that_a_page_names_exists_in_a_template(for_people: dict[Path, str]) -> None:
    known = GIVEN_BY_THE_READER | {NAMES.alarm_name(alarm.subject) for alarm in ALARMS} | {NAMES.prefix}
    missing = {
        f"{path}: {name}" for path, text in for_people.items() for name in names_in(text) - known if not exists(name)
    }
    assert not missing


def test_what_a_query_looks_for_by_a_part_of_its_name_exists(for_people: dict[Path, str]) -> None:
    parts = {
        (path, part)
        for path, text in for_people.items()
        for part in re.findall(r"contains\([^,]+, '([^']+)'\)", text)
        if not part.startswith(NAMES.prefix)
    }
    assert parts
    missing = {f"{path}: {part}" for path, part in parts if part not in strings("prod")}
    assert not missing


def test_every_stack_that_a_page_names_exists(for_people: dict[Path, str]) -> None:
    named = {name for text in for_people.values() for name in re.findall(r"--stack-name (\S+)", text)}
    assert named
    assert named <= set(NAMES.all_stacks)


def test_a_name_that_no_template_has_is_found() -> None:
    assert names_in("the vault `duskspendr-prod-vault-of-nobody`") == {"duskspendr-prod-vault-of-nobody"}
    assert not exists("duskspendr-prod-vault-of-nobody")
    assert not exists("duskspendr-prod-recover")
    assert exists("duskspendr-prod-recovery")
