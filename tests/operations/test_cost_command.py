"""``dr cost`` on small assemblies of its own making."""

import json
import tomllib
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from typer.testing import CliRunner, Result

from operations.cli import app
from operations.cost.assembly import Resource
from operations.cost.charges import Deployment
from operations.cost.database_charges import days_between, instance, restore_test, snapshots
from operations.cost.estimate import Line, Sum, estimate
from operations.cost.prices import FILE, PriceTable, price_table
from operations.cost.protection import ALARMS, PILOT_LIGHT, REPLICA, SERVICE, STANDBY, TASKS, protection_of

MUMBAI, SINGAPORE = "ap-south-1", "ap-southeast-1"
DATABASE: dict[str, Any] = {
    "DBInstanceClass": "db.t4g.medium",
    "AllocatedStorage": "100",
    "MaxAllocatedStorage": 500,
    "MultiAZ": True,
}
SCALING = "AWS::ApplicationAutoScaling::ScalableTarget"
NAT: dict[str, Any] = {"Type": "AWS::EC2::NatGateway", "Properties": {}}


def resource(type_: str, *, stack: str = "Database", region: str = MUMBAI, **properties: Any) -> Resource:
    return Resource(
        environment="prod", stack=stack, region=region, logical_id=f"Id{stack}", type=type_, properties=properties
    )


def assembly(folder: Path, **resources: dict[str, Any]) -> Path:
    """A cloud assembly of one environment with one stack, as `cdk synth` lays it out."""
    inner = folder / "assembly-prod"
    inner.mkdir(parents=True)
    stack = {
        "type": "aws:cloudformation:stack",
        "environment": f"aws://111111111111/{MUMBAI}",
        "displayName": "prod/Network",
        "properties": {"templateFile": "network.template.json"},
    }
    nested = {"type": "cdk:cloud-assembly", "properties": {"directoryName": "assembly-prod"}}
    (folder / "manifest.json").write_text(json.dumps({"artifacts": {"prod": nested}}))
    (inner / "manifest.json").write_text(json.dumps({"artifacts": {"network": stack}}))
    (inner / "network.template.json").write_text(json.dumps({"Resources": resources}))
    return folder


def price(name: str) -> Decimal:
    found = price_table().quote(name, MUMBAI)
    assert found is not None
    return found.usd


def dr(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["cost", *map(str, arguments)])


def facts(*arguments: str | Path) -> Any:
    result = dr(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def priced(lines: list[Line]) -> dict[str, tuple[Decimal | None, Decimal | None]]:
    return {line.what: (line.low, line.high) for line in lines}


def test_gateway_is_charged_for_every_hour(tmp_path: Path) -> None:
    (hours, _) = facts("--templates", assembly(tmp_path / "out", Nat=NAT))["environments"]["prod"]["charges"]
    assert (hours["low"], hours["high"]) == (40.88, 40.88)  # 730 hours of 0.056
    assert hours["source"] == "files"


def test_type_that_nobody_knows_is_named_and_is_in_no_sum(tmp_path: Path) -> None:
    folder = assembly(tmp_path / "out", Moon={"Type": "AWS::Moon::Base"})
    prod = facts("--templates", folder)["environments"]["prod"]
    assert prod["total"] == {"low": 0, "high": 0, "unpriced": 1}
    assert "AWS::Moon::Base: a type that the table does not know" in dr("--templates", folder).stdout


def test_price_of_one_region_is_not_taken_for_another() -> None:
    (line,) = [
        line
        for line in estimate([resource("AWS::StepFunctions::StateMachine", region=SINGAPORE)], price_table())
        if line.what == "transitions"
    ]
    assert line.low is None
    assert line.reason == f"no price of state transition in {SINGAPORE}"


def test_standby_costs_what_multi_az_adds() -> None:
    lines = priced(estimate([resource("AWS::RDS::DBInstance", **DATABASE)], price_table()))
    assert lines["db.t4g.medium"] == (Decimal("0.084") * 730,) * 2
    assert lines["its standby"] == (Decimal("0.083") * 730,) * 2  # 0.167 - 0.084
    assert lines["the standby's storage"] == (Decimal("13.1"), Decimal("65.5"))  # 100 to 500 GiB of 0.262 - 0.131


def test_each_step_of_the_database_has_its_own_protection() -> None:
    replica = resource(
        "AWS::RDS::DBInstance",
        stack="RecoveryStandby",
        region=SINGAPORE,
        **DATABASE | {"SourceDBInstanceIdentifier": "arn"},
    )
    primary = resource("AWS::RDS::DBInstance", **DATABASE)
    of = Deployment(price_table(), [primary, replica])
    assert {charge.protection for charge in instance(primary, of)} == {None, STANDBY}
    sent = [charge for charge in instance(replica, of) if charge.protection == REPLICA]
    assert [charge.region for charge in sent] == [MUMBAI]  # who sends pays


def test_copies_of_snapshots_are_charged_where_they_lie_and_where_they_leave() -> None:
    plan = {
        "BackupPlanRule": [
            {
                "RuleName": "weekly",
                "ScheduleExpression": "cron(0 18 ? * SAT *)",
                "Lifecycle": {"DeleteAfterDays": 90},
                "CopyActions": [{"DestinationBackupVaultArn": f"arn:aws:backup:{SINGAPORE}:1:backup-vault:v"}],
            }
        ]
    }
    found = resource("AWS::Backup::BackupPlan", stack="Backup", BackupPlan=plan)
    of = Deployment(price_table(), [found, resource("AWS::RDS::DBInstance", **DATABASE)])
    regions = {charge.what: charge.region for charge in snapshots(found, of)}
    assert regions == {"weekly snapshots": None, "weekly copies": SINGAPORE, "weekly copies on their way": None}


def test_restore_test_is_at_most_the_validation_window_and_an_hour() -> None:
    plan = resource("AWS::Backup::RestoreTestingPlan", stack="Backup", ScheduleExpression="cron(0 6 3 * ? *)")
    selection = resource("AWS::Backup::RestoreTestingSelection", stack="Backup", ValidationWindowHours=4)
    database = resource("AWS::RDS::DBInstance", **DATABASE)
    of = Deployment(price_table(), [plan, selection, database])
    hours = next(charge for charge in restore_test(plan, of) if charge.what == "restored instance")
    assert (hours.low, hours.high) == (1, 5)


@pytest.mark.parametrize(
    ("schedule", "days"),
    [("cron(0 18 ? * SAT *)", 7), ("cron(0 21 1 * ? *)", 30), ("cron(0 2 * * ? *)", 1)],
)
def test_schedule_says_how_often_it_runs(schedule: str, days: int) -> None:
    assert days_between(schedule) == days


def test_schedule_of_another_form_is_refused() -> None:
    with pytest.raises(ValueError, match=r"expected a schedule of the form cron\(...\), found 'rate\(1 day\)'"):
        days_between("rate(1 day)")


@pytest.mark.parametrize(
    ("stack", "protections"), [("Application", {SERVICE, TASKS}), ("RecoveryStandby", {PILOT_LIGHT})]
)
def test_tasks_beyond_one_are_tier_two_where_the_application_serves(stack: str, protections: set[str]) -> None:
    scaling = resource(SCALING, stack=stack, MinCapacity=3, MaxCapacity=10)
    task = resource("AWS::ECS::TaskDefinition", stack=stack, Cpu="512", Memory="1024")
    service = replace(resource("AWS::ECS::Service", stack=stack), logical_id="ApiService")
    lines = estimate([service, task, scaling], price_table())
    assert {line.protection for line in lines} == protections
    whole = Decimal(730) * (Decimal("0.5") * price("Fargate vCPU") + price("Fargate GiB"))
    assert (Sum.of(lines).low, Sum.of(lines).high) == (3 * whole, 10 * whole)
    assert Sum.of(line for line in lines if line.protection == TASKS).low == (2 * whole if TASKS in protections else 0)


def test_alarm_is_an_alarm_in_every_stack() -> None:
    assert protection_of("Application", "ApiServerErrors", "AWS::CloudWatch::Alarm") == ALARMS
    assert protection_of("Application", "ApiService", "AWS::ECS::Service") == SERVICE


def test_sum_leaves_out_what_has_no_price() -> None:
    lines = estimate([resource("AWS::SQS::Queue"), resource("AWS::EC2::EIP")], price_table())
    assert Sum.of(lines) == Sum(Decimal("3.650"), Decimal("3.650"), 1)


@pytest.mark.parametrize(
    ("line", "instead", "message"),
    [
        (
            'unit = "hour", source = "files"',
            'unit = "hour", source = "hearsay"',
            "expected sources of .sources., found hea",
        ),
        ("low = 10, high = 100,", "low = 100, high = 10,", "expected 0 <= low <= high, found 100 and 10"),
    ],
)
def test_table_that_cannot_be_believed_is_refused(line: str, instead: str, message: str) -> None:
    text = FILE.read_text()
    assert line in text
    with pytest.raises(ValidationError, match=message):
        PriceTable.model_validate(tomllib.loads(text.replace(line, instead), parse_float=Decimal))


def test_type_is_priced_free_or_unpriced_and_only_one_of_them() -> None:
    table = price_table()
    assert not set(table.free) & set(table.unpriced)


def test_folder_without_an_assembly_is_one_clear_error(tmp_path: Path) -> None:
    result = dr("--templates", tmp_path)
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1
    assert "run `cdk synth`" in result.stderr


def test_assembly_that_is_no_json_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text("{")
    result = dr("--templates", tmp_path)
    assert result.exit_code == 2
    assert "expected JSON in" in result.stderr


def test_environment_that_was_not_synthesized_is_refused_with_those_that_were(tmp_path: Path) -> None:
    result = dr("--templates", assembly(tmp_path / "out", Nat=NAT), "--environment", "moon")
    assert result.exit_code == 2
    assert "(prod), found 'moon'" in result.stderr


def test_page_is_written_whole(tmp_path: Path) -> None:
    page = tmp_path / "cost.md"
    result = dr("--templates", assembly(tmp_path / "out", Nat=NAT), "--page", page)
    assert result.exit_code == 0, result.output
    assert page.read_text().startswith("# What it costs\n")
    assert not list(tmp_path.glob("*.partial"))
