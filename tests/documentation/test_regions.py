"""Where an alarm stands in both regions, its page has commands for either."""

import re
from pathlib import Path

import pytest

from documentation.alarms import SIGNALS, Row, regions_of, signal_of
from documentation.errors import PageError
from documentation.pages import DOCS, page
from documentation.regions import in_tabs
from recovery.names import PRIMARY_REGION, RECOVERY_REGION

# What there is in one region only, whichever speaks.
OF_ONE_REGION = {
    "guard-fenced": "the epochs, the failover's machine and the evidence are Singapore's",
    "rds-replication-ended": "what ended is the replica in Singapore, and its source in Mumbai",
    "rds-replication-stopped": "the replica is in Singapore",
    "recovery-point-late": "the plan that takes snapshots is Mumbai's",
    "restore-not-verified": "the evidence is Singapore's",
}
BLOCK = "Look:\n\n  ```\n  aws kms list-keys --region {{ region }}\n  ```\n"


def row(subject: str) -> Row:
    found = signal_of(subject)
    assert found is not None
    return found


def outside_of_tabs(text: str) -> list[str]:
    """The blocks that stand in no tab."""
    return [
        found[0]
        for found in re.finditer(r"^( *)```\n.*?^\1```$", text, re.MULTILINE | re.DOTALL)
        if not re.search(r'=== "\w+"\n\n$', text[: found.start()])
    ]


@pytest.mark.parametrize(
    "signal", [each for each in SIGNALS if len(regions_of(each)) > 1], ids=lambda signal: signal.subject
)
def test_command_that_names_a_region_stands_for_the_other_too(signal: Row) -> None:
    text = page(DOCS / "runbooks" / f"{signal.subject}.md")
    parts = [block for block in outside_of_tabs(text) if "--region" in block]
    one_sided = [block for block in parts if (PRIMARY_REGION in block) != (RECOVERY_REGION in block)]
    evidence = [block for block in one_sided if "evidence" in block and PRIMARY_REGION not in block]
    assert bool(set(one_sided) - set(evidence)) <= (signal.subject in OF_ONE_REGION), one_sided


def test_block_is_filled_for_each_region_in_tabs_and_keeps_its_place() -> None:
    tabs = in_tabs(row("vault-unlocked"), BLOCK).split("  === ")[1:]
    for tab, city, region in zip(tabs, ("Mumbai", "Singapore"), (PRIMARY_REGION, RECOVERY_REGION), strict=True):
        lines = tab.splitlines()
        assert lines[:5] == [f'"{city}"', "", "      ```", f"      aws kms list-keys --region {region}", "      ```"]


def test_block_of_a_signal_of_one_region_is_filled_without_tabs() -> None:
    assert in_tabs(row("primary-silent"), BLOCK) == BLOCK.replace("{{ region }}", RECOVERY_REGION)


def test_block_that_names_no_region_stays_as_it_is() -> None:
    text = BLOCK.replace("{{ region }}", "eu-west-1 {{ limit }}")
    assert in_tabs(row("vault-unlocked"), text) == text


def test_word_of_a_region_in_a_sentence_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "runbooks"
    folder.mkdir()
    (folder / "vault-unlocked.md").write_text("In {{ region }} it is.")
    with pytest.raises(PageError, match=r"expected \{\{ region \}\} in a block of commands only"):
        page(folder / "vault-unlocked.md")
