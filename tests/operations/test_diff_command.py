"""``dr diff``: what a deploy would change, and what becomes of the data."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from operations.cli import app
from operations.diff import COMMENT_CHARACTERS, markdown
from recovery.guards.changes import Change, changes
from recovery.guards.examples import FOLDER
from recovery.guards.reading import parse, read

Edit = Callable[[dict[str, Any]], object]


def dr(*arguments: object) -> Result:
    result = CliRunner().invoke(app, ["diff", *map(str, arguments)])
    assert "Traceback" not in result.output
    return result


@pytest.fixture
def edited(tmp_path: Path) -> Callable[[str, Edit], Path]:
    """The example templates with one of them changed."""

    def edit(stack: str, change: Edit) -> Path:
        folder = tmp_path / "after"
        shutil.copytree(FOLDER, folder)
        rewrite(folder, stack, change)
        return folder

    return edit


def rewrite(folder: Path, stack: str, change: Edit) -> None:
    [file] = folder.rglob(f"{stack}.yaml")
    template: Any = parse(file.read_text(), file.name)
    change(template["Resources"])
    file.write_text(json.dumps(template))


def only(before: Path, after: Path) -> Change:
    [found] = changes(read(before), read(after))
    return found


def test_the_same_templates_have_no_difference() -> None:
    result = dr(FOLDER, FOLDER)
    assert result.exit_code == 0
    assert result.stdout == "0 added, 0 changed, 0 removed; 0 of them put data at risk\n"


def test_a_change_in_place_exits_with_zero(edited: Callable[[str, Edit], Path]) -> None:
    after = edited("recovery", lambda all_: all_["Replica"]["Properties"].update(MaxAllocatedStorage=500))
    result = dr(FOLDER, after)
    assert result.exit_code == 0
    assert "changed  recovery/Replica  AWS::RDS::DBInstance  MaxAllocatedStorage" in result.stdout


def test_a_database_that_would_be_built_anew_is_a_warning(edited: Callable[[str, Edit], Path]) -> None:
    after = edited("recovery", lambda all_: all_["Replica"]["Properties"].update(KmsKeyId="another"))
    result = dr(FOLDER, after)
    assert result.exit_code == 1
    assert "recovery/Replica (AWS::RDS::DBInstance, " in result.stdout
    assert "is replaced by a new, empty one, for KmsKeyId changes" in result.stdout


def test_a_property_that_replaces_sometimes_is_told_as_such(edited: Callable[[str, Edit], Path]) -> None:
    after = edited("recovery", lambda all_: all_["Replica"]["Properties"].update(Engine="mysql"))
    assert only(FOLDER, after).harm == "may be replaced"


def test_data_that_leaves_its_stack_is_a_warning_with_what_becomes_of_it(edited: Callable[[str, Edit], Path]) -> None:
    found = only(FOLDER, edited("recovery", lambda all_: all_.pop("Copies")))
    assert found.harm == "removed"
    assert "leaves its stack, and stays outside of every stack" in found.sentence


def test_data_that_a_deploy_deletes_is_told_so(edited: Callable[[str, Edit], Path], tmp_path: Path) -> None:
    before = edited("recovery", lambda all_: all_["Copies"].update(DeletionPolicy="Delete"))
    last = tmp_path / "last"
    shutil.copytree(before, last)
    rewrite(last, "recovery", lambda all_: all_.pop("Copies"))
    assert "leaves its stack, and is DELETED with its data" in only(before, last).sentence


def test_what_holds_no_data_may_go(edited: Callable[[str, Edit], Path]) -> None:
    after = edited("recovery", lambda all_: all_.update(Topic={"Type": "AWS::SNS::Topic"}))
    assert dr(after, FOLDER).exit_code == 0


def test_a_stack_in_another_region_is_another_stack(tmp_path: Path) -> None:
    vault = {"Resources": {"Vault": {"Type": "AWS::Backup::BackupVault", "DeletionPolicy": "Retain"}}}
    for region, folder in (("ap-south-1", "before"), ("ap-southeast-1", "after")):
        place = tmp_path / folder / region
        place.mkdir(parents=True)
        (place / "copies.json").write_text(json.dumps(vault))
    kinds = {each.kind: each.harm for each in changes(read(tmp_path / "before"), read(tmp_path / "after"))}
    assert kinds == {"removed": "removed", "added": None}


def test_metadata_is_no_change(edited: Callable[[str, Edit], Path]) -> None:
    after = edited("recovery", lambda all_: all_["Replica"].update(Metadata={"aws:cdk:path": "recovery/Replica"}))
    assert changes(read(FOLDER), read(after)) == []


def test_json_counts_the_data_at_risk(edited: Callable[[str, Edit], Path]) -> None:
    result = dr(FOLDER, edited("recovery", lambda all_: all_.pop("Copies")), "--json")
    answer = json.loads(result.stdout)
    assert answer["data_at_risk"] == 1
    assert answer["changes"][0]["construct"] == "recovery/Copies"


def test_the_page_begins_with_the_data(edited: Callable[[str, Edit], Path], tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    dr(FOLDER, edited("recovery", lambda all_: all_.pop("Copies")), "--page", page)
    text = page.read_text()
    assert text.index("[!CAUTION]") < text.index("| environment | added | changed | removed | data at risk |")
    assert "| recovery | 0 | 0 | 1 | 1 |" in text


def test_the_page_of_nothing_says_so() -> None:
    assert "Nothing, in any environment." in markdown([])


def test_a_page_never_passes_what_a_comment_holds() -> None:
    assert len(markdown([added(f"environment-{number}") for number in range(900)])) <= COMMENT_CHARACTERS


def added(environment: str) -> Change:
    return Change(
        environment=environment,
        stack="s",
        region=None,
        construct="x" * 300,
        logical_id="L",
        type="AWS::SNS::Topic",
        kind="added",
    )


def test_what_is_no_template_exits_with_two(tmp_path: Path) -> None:
    result = dr(tmp_path, FOLDER)
    assert result.exit_code == 2
    assert "expected CloudFormation templates, found none" in result.stderr


def test_a_page_that_cannot_be_written_exits_with_two(tmp_path: Path) -> None:
    assert dr(FOLDER, FOLDER, "--page", tmp_path / "no" / "page.md").exit_code == 2
