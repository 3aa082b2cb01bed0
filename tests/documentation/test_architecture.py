"""The picture of the architecture is what the templates hold, current and legible."""

import copy
import json
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from documentation.architecture.blocks import Block, blocks_of, when
from documentation.architecture.drawing import LETTER, bounds, draw, text_offset
from documentation.architecture.flows import flows_of
from documentation.architecture.templates import Templates
from documentation.pages import DOCS, ROOT
from recovery.names import Names

SNAPSHOTS = ROOT / "tests" / "infrastructure" / "snapshots" / "prod"
ACCOUNT = json.loads((ROOT / "cdk.json").read_text())["context"]["accounts"]["prod"]
NAMES = Names(environment="prod", account=ACCOUNT)
SIZES = {"title": 17, "line": 14}


@pytest.fixture
def templates() -> Templates:
    """Production's accepted templates, to be changed at will."""
    return copy.deepcopy(Templates.of_folder(SNAPSHOTS))


def only(templates: Templates, stack: str, kind: str) -> dict[str, Any]:
    """The one resource of a type, to be changed."""
    [found] = [each for each in templates.by_stack[stack]["Resources"].values() if each["Type"] == kind]
    return found["Properties"]


def remove(templates: Templates, stack: str, kind: str) -> None:
    """A stack without any resource of a type."""
    resources = templates.by_stack[stack]["Resources"]
    for name in [name for name, each in resources.items() if each["Type"] == kind]:
        del resources[name]


def arrows(templates: Templates) -> set[tuple[str, str]]:
    return {(flow.source, flow.target) for flow in flows_of(templates, NAMES)}


def test_picture_is_the_current_one(templates: Templates) -> None:
    assert (DOCS / "architecture.svg").read_text() == draw(templates, NAMES), "run: make architecture"


def test_every_kind_of_block_is_found_in_the_templates(templates: Templates) -> None:
    assert len(blocks_of(templates, NAMES)) == 17


def test_every_line_fits_into_its_block(templates: Templates) -> None:
    def room(block: Block) -> float:
        return bounds(block.place)[2] - text_offset(block) - 8

    too_long = [
        line
        for block in blocks_of(templates, NAMES).values()
        for kind, lines in (("title", (block.title,)), ("line", block.lines))
        for line in lines
        if len(line) * SIZES[kind] * LETTER > room(block)
    ]
    assert not too_long


def test_no_block_lies_over_another(templates: Templates) -> None:
    def overlap(one: Block, other: Block) -> bool:
        left, top, width, height = bounds(one.place)
        other_left, other_top, other_width, other_height = bounds(other.place)
        beside = left + width <= other_left or other_left + other_width <= left
        above = top + height <= other_top or other_top + other_height <= top
        return not beside and not above

    assert not [pair for pair in combinations(blocks_of(templates, NAMES).values(), 2) if overlap(*pair)]


def test_a_snapshot_that_is_not_copied_has_no_arrow_to_the_other_vault(templates: Templates) -> None:
    assert ("vault-primary", "vault-recovery") in arrows(templates)
    for rule in only(templates, "Backup", "AWS::Backup::BackupPlan")["BackupPlan"]["BackupPlanRule"]:
        del rule["CopyActions"]
    assert ("vault-primary", "vault-recovery") not in arrows(templates)


def test_a_bucket_that_is_not_replicated_has_no_arrow(templates: Templates) -> None:
    assert ("devices-primary", "devices-recovery") in arrows(templates)
    bucket = templates.find("DeviceBackups", "AWS::S3::Bucket", BucketName=NAMES.device_bucket_name)
    assert bucket is not None
    del bucket["ReplicationConfiguration"]
    assert ("devices-primary", "devices-recovery") not in arrows(templates)


def test_without_a_replica_neither_it_nor_its_arrows_are_drawn(templates: Templates) -> None:
    assert ">Replica<" in draw(templates, NAMES)
    remove(templates, "RecoveryStandby", "AWS::RDS::DBInstance")
    assert ">Replica<" not in draw(templates, NAMES)
    assert ">promotes<" not in draw(templates, NAMES)


def test_a_vault_without_a_lock_says_so(templates: Templates) -> None:
    del only(templates, "RecoveryFoundation", "AWS::Backup::BackupVault")["LockConfiguration"]
    assert blocks_of(templates, NAMES)["vault-recovery"].lines[-1] == "no lock"


def test_a_pulse_that_is_switched_off_is_not_drawn(templates: Templates) -> None:
    rule = templates.find("Database", "AWS::Events::Rule", Name=NAMES.heartbeat_rule_name)
    assert rule is not None
    rule["State"] = "DISABLED"
    assert "pulse" not in blocks_of(templates, NAMES)


@pytest.mark.parametrize(
    ("schedule", "words"),
    [
        ("rate(1 minute)", "every minute"),
        ("cron(0 18 ? * SAT *)", "Saturdays 18:00 UTC"),
        ("cron(0 21 1 * ? *)", "day 1, 21:00 UTC"),
        ("cron(0 2 * * ? *)", "daily 02:00 UTC"),
        ("rate(6 hours)", "rate(6 hours)"),
    ],
)
def test_schedules_are_told_in_words(schedule: str, words: str) -> None:
    assert when(schedule) == words


def test_an_assembly_is_read_by_the_names_of_its_stacks(tmp_path: Path) -> None:
    stack = {
        "type": "aws:cloudformation:stack",
        "displayName": "prod/Network",
        "environment": f"aws://{ACCOUNT}/ap-south-1",
        "properties": {"templateFile": "a.json"},
    }
    (tmp_path / "manifest.json").write_text(
        json.dumps({"artifacts": {"a": stack, "b": {"type": "cdk:asset-manifest"}}})
    )
    (tmp_path / "a.json").write_text(json.dumps({"Resources": {}}))
    assert Templates.of_assembly(tmp_path).by_stack == {"Network": {"Resources": {}}}
    assert Templates.account_of(tmp_path) == ACCOUNT
