"""The guards as a plugin: an app of bad templates does not synthesize, an acknowledged one does."""

import json
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, CfnDeletionPolicy, Environment, Stack, Validations
from aws_cdk import aws_kms as kms

from continuity.acknowledgement import acknowledge_guards
from continuity.recovery_guards import RecoveryGuards
from recovery.guards.checking import check
from recovery.guards.reading import read

# Its value does not matter here, and nothing else is wrong with the key.
REASON = "A key of this test alone, which encrypts nothing at all."
POLICY: dict[str, list[str]] = {"Statement": []}


def app_with_a_key(folder: Path, *, window: int, acknowledged: bool = False) -> App:
    app = App(outdir=str(folder))
    stack = Stack(app, "Keys", env=Environment(account="111122223333", region="ap-south-1"))
    key = kms.CfnKey(stack, "Key", key_policy=POLICY, pending_window_in_days=window, enable_key_rotation=True)
    key.cfn_options.deletion_policy = CfnDeletionPolicy.RETAIN
    key.cfn_options.update_replace_policy = CfnDeletionPolicy.RETAIN
    if acknowledged:
        acknowledge_guards(key, {"key-deleted-in-a-hurry": REASON})
    Validations.of(app).add_plugins(RecoveryGuards())
    return app


def report_of(folder: Path) -> dict[str, Any]:
    plugins = json.loads((folder / "validation-report.json").read_text())["pluginReports"]
    return next(plugin for plugin in plugins if plugin["pluginName"] == "Recovery Guards")


def test_a_bad_template_never_leaves_synth(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="ValidationFailed"):
        app_with_a_key(tmp_path, window=7).synth()
    (violation,) = report_of(tmp_path)["violations"]
    assert violation["ruleName"] == "key-deleted-in-a-hurry"
    assert violation["violatingConstructs"][0]["constructPath"] == "Keys/Key"
    assert "expected 30 days" in violation["description"]


def test_a_good_template_leaves_synth(tmp_path: Path) -> None:
    app_with_a_key(tmp_path, window=30).synth()
    assert check(read(tmp_path)).findings == ()


def test_what_is_acknowledged_beside_the_resource_passes_in_synth_and_in_the_command(tmp_path: Path) -> None:
    app_with_a_key(tmp_path, window=7, acknowledged=True).synth()
    assert report_of(tmp_path)["violations"] == []
    report = check(read(tmp_path))
    assert report.findings == ()
    assert [(each.rule, each.reason) for each in report.acknowledged] == [("key-deleted-in-a-hurry", REASON)]
