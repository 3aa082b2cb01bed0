"""``dr guard``: what it answers, how it exits, and its SARIF."""

import json
import shutil
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from typer.testing import CliRunner, Result

from operations.cli import app
from recovery.guards.examples import FOLDER
from recovery.guards.rule import RULES

TEMPLATES = Path(__file__).parents[1] / "guards" / "templates"
CLASSIC = TEMPLATES / "classic_backup.yaml"


def dr(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["guard", *map(str, arguments)])


def test_clean_templates_exit_with_zero() -> None:
    result = dr(FOLDER)
    assert result.exit_code == 0, result.output
    assert "0 findings, 0 acknowledged, 0 could not be resolved" in result.stdout


def test_findings_exit_with_one_and_say_everything_about_themselves() -> None:
    result = dr(CLASSIC)
    assert result.exit_code == 1
    rule = RULES["backup-start-window"]
    for text in (f"error  {rule.name}", rule.why, rule.fix, rule.source, "classic_backup/Plan"):
        assert text in result.stdout
    assert "found     30\n    expected  60 minutes or more" in result.stdout


def test_json_holds_findings_with_every_field() -> None:
    answer = json.loads(dr(CLASSIC, "--json").stdout)
    finding = next(each for each in answer["findings"] if each["rule"] == "backup-start-window")
    assert finding == {
        "rule": "backup-start-window",
        "severity": "error",
        "stack": "classic_backup",
        "file": "classic_backup.yaml",
        "logical_id": "Plan",
        "type": "AWS::Backup::BackupPlan",
        "construct": "classic_backup/Plan",
        "path": "BackupPlan.BackupPlanRule.0.StartWindowMinutes",
        "found": "30",
        "expected": "60 minutes or more",
        "why": RULES["backup-start-window"].why,
        "fix": RULES["backup-start-window"].fix,
        "source": RULES["backup-start-window"].source,
    }


def test_what_could_not_be_resolved_is_said(tmp_path: Path) -> None:
    folder = tmp_path / "templates"
    shutil.copytree(FOLDER, folder)
    primary = folder / "ap-south-1" / "primary.yaml"
    text = primary.read_text().replace("BackupRetentionPeriod: 7", "BackupRetentionPeriod: !Ref Days", 1)
    primary.write_text(text + "Parameters:\n  Days: { Type: Number }\n")
    result = dr(folder)
    assert result.exit_code == 0, result.output
    assert "the parameter Days is given at deploy" in result.stdout
    assert "2 could not be resolved" in result.stdout


def test_what_was_not_looked_at_is_said(tmp_path: Path) -> None:
    file = tmp_path / "loops.json"
    file.write_text(json.dumps({"Resources": {"Fn::ForEach::Topics": ["Name", ["a"], {}]}}))
    path = "Resources.Fn::ForEach::Topics"
    assert f"was not looked at:\n  loops.json  {path}: " in dr(file).stdout
    assert [part["path"] for part in json.loads(dr(file, "--json").stdout)["not_read"]] == [path]


@pytest.mark.parametrize("as_json", [False, True])
def test_no_templates_is_one_error_and_exit_status_two(tmp_path: Path, as_json: bool) -> None:
    result = dr(tmp_path / "nowhere", *(["--json"] if as_json else []))
    assert result.exit_code == 2
    said = json.loads(result.stdout)["error"] if as_json else result.stderr
    assert "expected a folder or file of CloudFormation templates, found nothing" in said
    assert "Traceback" not in result.output


def test_a_report_that_cannot_be_written_is_known_before_the_work(tmp_path: Path) -> None:
    result = dr(FOLDER, "--sarif", tmp_path / "nowhere" / "x.sarif")
    assert result.exit_code == 2
    assert "--sarif: expected an existing folder" in result.stderr


def sarif_of(place: Path, tmp_path: Path) -> dict[str, Any]:
    file = tmp_path / "guard.sarif"
    dr(place, "--sarif", file)
    return json.loads(file.read_text())


def against_the_schema(document: dict[str, Any]) -> list[str]:
    schema = json.loads((TEMPLATES.parent / "schemas" / "sarif-2.1.0-rtm.5.json").read_text())
    found: list[Any] = list(jsonschema.Draft4Validator(schema).iter_errors(document))  # pyright: ignore[reportUnknownMemberType]
    return [error.message for error in found]


def test_sarif_of_every_kind_of_result_holds_to_the_standards_schema(tmp_path: Path) -> None:
    folder = tmp_path / "some templates"
    shutil.copytree(TEMPLATES, folder)
    (folder / "loops.json").write_text(json.dumps({"Resources": {"Fn::ForEach::Topics": ["Name", ["a"], {}]}}))
    document = sarif_of(folder, tmp_path)
    assert against_the_schema(document) == []
    (run,) = document["runs"]
    assert {result["kind"] for result in run["results"]} == {"fail", "open"}
    assert run["invocations"][0]["toolExecutionNotifications"]


def test_sarif_of_what_was_acknowledged_holds_to_the_standards_schema(tmp_path: Path) -> None:
    folder = tmp_path / "cdk.out"
    folder.mkdir()
    key = {"Type": "AWS::KMS::Key", "DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain"}
    template = {"Resources": {"Key": key | {"Properties": {"PendingWindowInDays": 7}}}}
    acknowledged = {"type": "aws:cdk:acknowledged-rules", "data": {"Recovery-Guards::key-deleted-in-a-hurry": "meant"}}
    artifact = {
        "type": "aws:cloudformation:stack",
        "displayName": "Keys",
        "properties": {"templateFile": "keys.json"},
        "metadata": {"/Keys/Key": [acknowledged, {"type": "aws:cdk:logicalId", "data": "Key"}]},
    }
    (folder / "manifest.json").write_text(json.dumps({"artifacts": {"keys": artifact}}))
    (folder / "keys.json").write_text(json.dumps(template))
    document = sarif_of(folder, tmp_path)
    assert against_the_schema(document) == []
    (result,) = document["runs"][0]["results"]
    assert result["suppressions"] == [{"kind": "inSource", "justification": "meant"}]


def test_sarif_names_rules_and_levels_as_the_standard_says(tmp_path: Path) -> None:
    (run,) = sarif_of(TEMPLATES, tmp_path)["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert len({rule["id"] for rule in rules}) == len(rules) == len(RULES)
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["message"]["text"]
        # 3.27.10: the level of what did not fail is none.
        assert (result["level"] == "none") == (result["kind"] != "fail")


def test_sarif_points_at_the_line_of_the_resource(tmp_path: Path) -> None:
    (run,) = sarif_of(CLASSIC, tmp_path)["runs"]
    result = next(each for each in run["results"] if each["ruleId"] == "backup-start-window")
    place = result["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "classic_backup.yaml"
    number: int = place["region"]["startLine"]
    line = CLASSIC.read_text().splitlines()[number - 1]
    assert line.strip() == "Plan:"


def test_every_finding_of_the_report_is_in_the_sarif(tmp_path: Path) -> None:
    (run,) = sarif_of(CLASSIC, tmp_path)["runs"]
    findings = json.loads(dr(CLASSIC, "--json").stdout)["findings"]
    failed = [each["ruleId"] for each in run["results"] if each["kind"] == "fail"]
    assert failed == [finding["rule"] for finding in findings]
