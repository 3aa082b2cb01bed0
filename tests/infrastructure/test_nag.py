"""cdk-nag: nothing is found that is not acknowledged, and nothing is acknowledged that is not found."""

import json
from dataclasses import dataclass
from pathlib import Path

import pytest
from aws_cdk import Acknowledgment, App, Validations
from cdk_nag import AwsSolutionsChecks
from constructs import IConstruct

import environments
from continuity import acknowledgement
from stacks.recovery_stage import RecoveryStage
from tests.infrastructure.assemblies import ENVIRONMENTS, LOCAL_ACCOUNT, Assembly, context

# Shorter is not a reason but a label.
SHORTEST_REASON = 40


@dataclass(frozen=True)
class Acknowledged:
    """A finding somebody acknowledged, and where."""

    rule: str
    path: str
    reason: str

    def covers(self, rule: str, path: str) -> bool:
        return rule == self.rule and (path == self.path or path.startswith(f"{self.path}/"))


class Recorder:
    """Takes the place of the CDK's Validations: it remembers acknowledgements, so that nag still finds everything."""

    def __init__(self) -> None:
        self.seen: list[Acknowledged] = []
        self._path = ""

    def of(self, construct: IConstruct) -> "Recorder":
        self._path = construct.node.path
        return self

    def acknowledge(self, *rules: Acknowledgment) -> None:
        self.seen.extend(
            Acknowledged(rule.id, self._path, rule.reason) for rule in rules if rule.id.startswith("AwsSolutions-")
        )


def record(name: str, monkeypatch: pytest.MonkeyPatch, folder: Path) -> tuple[App, Recorder]:
    """The app of one environment, with its acknowledgements recorded in place of being made."""
    recorder = Recorder()
    monkeypatch.setattr(acknowledgement, "Validations", recorder)
    found = context(name)
    (settings,) = environments.select(
        name,
        accounts=found["accounts"],
        hosted_zones=found["hosted_zones"],
        images=found["images"],
        sign_ins={},
        default_account=LOCAL_ACCOUNT,
    )
    app = App(outdir=str(folder), context=found)
    RecoveryStage(app, settings)
    return app, recorder


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_every_finding_is_acknowledged_and_every_acknowledgement_is_used(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    app, recorder = record(name, monkeypatch, tmp_path)
    violations = AwsSolutionsChecks(app).validate_scope(app).violations
    findings = [
        (violation.rule_name, resource.construct_path or "")
        for violation in violations
        for resource in violation.violating_resources
    ]
    assert findings
    assert not [finding for finding in findings if not any(seen.covers(*finding) for seen in recorder.seen)]
    assert not [seen for seen in recorder.seen if not any(seen.covers(*finding) for finding in findings)]
    assert not [seen for seen in recorder.seen if len(seen.reason) < SHORTEST_REASON]


def test_report_is_written_and_clean(assembly: Assembly) -> None:
    plugins = {plugin["pluginName"]: plugin for plugin in assembly.report["pluginReports"]}
    assert plugins
    for name, plugin in plugins.items():
        assert plugin["conclusion"] == "success", name
        assert plugin["violations"] == [], name


def test_a_finding_nobody_acknowledged_stops_the_synthesis(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    app, _ = record("local", monkeypatch, tmp_path)
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    with pytest.raises(RuntimeError, match="ValidationFailed"):
        app.synth()
    report = json.loads((tmp_path / "validation-report.json").read_text())
    assert "AwsSolutions" in {plugin["pluginName"] for plugin in report["pluginReports"]}
