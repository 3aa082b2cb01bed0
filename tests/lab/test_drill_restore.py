"""The drill of a restore to a moment, as a person runs it."""

from pathlib import Path
from typing import Any

import pytest

from lab.drills.settings import differences
from tests.lab.runs import Run, begin

REGIONS = ("ap-south-1", "ap-southeast-1")


@pytest.fixture(scope="module")
def run(folder_in_reach: Path) -> Run:
    """The drill, ended."""
    run = begin(folder_in_reach, "drill", "restore", "--output", str(folder_in_reach / "out"))
    run.finish()
    return run


def check(run: Run, name: str) -> dict[str, Any]:
    [found] = [each for each in run.evidence()["checks"] if each["name"] == name]
    return found


def test_passes_and_exits_with_zero(run: Run) -> None:
    assert run.process.returncode == 0, run.printed
    assert run.evidence()["verdict"] == "PASS"


@pytest.mark.parametrize("region", REGIONS)
def test_everything_before_the_moment_is_there_and_nothing_after_it(run: Run, region: str) -> None:
    found = check(run, f"acknowledged commits, {region}")["measurements"]
    assert found["unexplained"] == found["too_new"] == found["changed"] == found["duplicated"] == 0
    assert found["restored"] > 0
    assert found["lost"] > 0  # of those after the moment: writers went on, or the restore would show nothing


@pytest.mark.parametrize("region", REGIONS)
def test_copy_of_either_region_passes_every_check(run: Run, region: str) -> None:
    names = {each["name"].split(",")[0] for each in run.evidence()["checks"] if each["name"].endswith(region)}
    assert {"identity", "schema", "heartbeat", "content", "storage", "constraints", "invariants"} < names


@pytest.mark.parametrize("region", REGIONS)
def test_copy_of_either_region_has_the_settings_of_the_instance_there(run: Run, region: str) -> None:
    found = check(run, f"settings, {region}")
    assert found["status"] == "PASS", found["detail"]
    assert "KmsKeyId" in found["detail"]


def test_loss_is_dated_by_the_newest_heartbeat_before_the_moment(run: Run) -> None:
    [objective] = run.evidence()["objectives"]
    ages = [check(run, f"heartbeat, {region}")["measurements"]["rpo_seconds"] for region in REGIONS]
    assert objective["rpo_measured_seconds"] == pytest.approx(max(ages), abs=0.001)


INSTANCE: Any = {
    "DBInstanceClass": "db.m7g.large",
    "DBSubnetGroup": {"DBSubnetGroupName": "isolated"},
    "VpcSecurityGroups": [{"VpcSecurityGroupId": "sg-1"}],
    "TagList": [{"Key": "Project", "Value": "DuskSpendr"}, {"Key": "aws:cloudformation:stack-name", "Value": "x"}],
}


def test_copy_may_have_more_groups_and_tags_than_its_original() -> None:
    copy = INSTANCE | {
        "VpcSecurityGroups": [{"VpcSecurityGroupId": "sg-1"}, {"VpcSecurityGroupId": "sg-2"}],
        "TagList": [*INSTANCE["TagList"][:1], {"Key": "restored", "Value": "yes"}],
    }
    assert differences(INSTANCE, copy) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"DBInstanceClass": "db.t4g.small"}, "DBInstanceClass: expected 'db.m7g.large', found 'db.t4g.small'"),
        ({"DeletionProtection": True}, "DeletionProtection: expected None, found True"),
        ({"DBSubnetGroup": {"DBSubnetGroupName": "default"}}, "subnet group: expected 'isolated', found 'default'"),
        ({"VpcSecurityGroups": []}, "security groups: sg-1 missing"),
        ({"TagList": [{"Key": "Project", "Value": "another"}]}, "tags: Project=DuskSpendr missing"),
    ],
)
def test_setting_that_the_copy_has_otherwise_is_told(change: dict[str, Any], said: str) -> None:
    assert differences(INSTANCE, INSTANCE | change) == [said]


def test_leaves_nothing_behind(run: Run) -> None:
    assert run.leftovers() == []
