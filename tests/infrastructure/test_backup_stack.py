"""Vaults, snapshots, copies and restore tests, in both regions."""

import json
from typing import Any

import pytest

from continuity.restore_test_watch import HOURS_TO_VERDICT, watch_schedule
from recovery import objectives
from tests.infrastructure.assemblies import RECOVERY, Assembly, text_of

VAULTS = [("Backup", "primary"), ("RecoveryFoundation", "recovery")]
TESTS = [("Backup", "primary"), ("RecoveryStandby", "recovery")]


def rules(assembly: Assembly) -> dict[str, dict[str, Any]]:
    plan = assembly.only("Backup", "AWS::Backup::BackupPlan")["BackupPlan"]
    return {rule["RuleName"]: rule for rule in plan["BackupPlanRule"]}


@pytest.mark.parametrize(("stack", "name"), VAULTS)
def test_vault_is_locked_in_governance_mode(assembly: Assembly, stack: str, name: str) -> None:
    vault = assembly.only(stack, "AWS::Backup::BackupVault")
    assert vault["BackupVaultName"] == f"duskspendr-{assembly.environment}-{name}"
    assert vault["LockConfiguration"] == {"MinRetentionDays": 7, "MaxRetentionDays": 365}


@pytest.mark.parametrize("stack", [stack for stack, _ in VAULTS])
def test_nobody_may_delete_recovery_points(assembly: Assembly, stack: str) -> None:
    (statement,) = assembly.only(stack, "AWS::Backup::BackupVault")["AccessPolicy"]["Statement"]
    assert statement["Effect"] == "Deny"
    assert statement["Principal"] == {"AWS": "*"}
    assert {"backup:DeleteRecoveryPoint", "backup:UpdateRecoveryPointLifecycle"} <= set(statement["Action"])


@pytest.mark.parametrize("stack", [stack for stack, _ in VAULTS])
def test_vault_has_a_key_of_its_own(assembly: Assembly, stack: str) -> None:
    key = assembly.only(stack, "AWS::Backup::BackupVault")["EncryptionKeyArn"]["Fn::GetAtt"][0]
    assert key.startswith("VaultKey")


@pytest.mark.parametrize(
    ("rule", "schedule"),
    [("weekly", objectives.WEEKLY_SNAPSHOT_SCHEDULE), ("monthly", objectives.MONTHLY_SNAPSHOT_SCHEDULE)],
)
def test_snapshots_are_taken_and_kept_as_the_spec_says(assembly: Assembly, rule: str, schedule: str) -> None:
    found = rules(assembly)[rule]
    assert found["ScheduleExpression"] == schedule
    assert found["Lifecycle"] == {"DeleteAfterDays": objectives.SNAPSHOT_RETENTION_DAYS}


@pytest.mark.parametrize("rule", ["weekly", "monthly"])
def test_snapshot_is_copied_to_the_recovery_vault(assembly: Assembly, rule: str) -> None:
    (copy,) = rules(assembly)[rule]["CopyActions"]
    vault = assembly.only("RecoveryFoundation", "AWS::Backup::BackupVault")["BackupVaultName"]
    assert copy["DestinationBackupVaultArn"].endswith(
        f":{RECOVERY}:{_account(assembly)}:backup-vault:{vault}".split(":", 2)[2]
    )
    assert RECOVERY in copy["DestinationBackupVaultArn"]
    assert copy["Lifecycle"] == {"DeleteAfterDays": objectives.SNAPSHOT_RETENTION_DAYS}


@pytest.mark.parametrize("rule", ["weekly", "monthly"])
def test_rule_leaves_point_in_time_recovery_to_rds(assembly: Assembly, rule: str) -> None:
    assert not rules(assembly)[rule].get("EnableContinuousBackup")


@pytest.mark.parametrize("rule", ["weekly", "monthly"])
def test_windows_are_what_aws_backup_accepts(assembly: Assembly, rule: str) -> None:
    found = rules(assembly)[rule]
    assert found["StartWindowMinutes"] >= 60
    assert found["CompletionWindowMinutes"] > found["StartWindowMinutes"]


def test_database_is_selected_by_its_arn(assembly: Assembly) -> None:
    selection = assembly.only("Backup", "AWS::Backup::BackupSelection")["BackupSelection"]
    assert selection["Resources"] == [
        f"arn:aws:rds:ap-south-1:{_account(assembly)}:db:duskspendr-{assembly.environment}"
    ]
    assert "ListOfTags" not in selection


@pytest.mark.parametrize(("stack", "name"), TESTS)
def test_newest_snapshot_of_the_vault_is_restored_monthly(assembly: Assembly, stack: str, name: str) -> None:
    plan = assembly.only(stack, "AWS::Backup::RestoreTestingPlan")
    assert plan["RestoreTestingPlanName"] == f"duskspendr_{assembly.environment}_{name}_restore_test"
    assert plan["RecoveryPointSelection"]["Algorithm"] == "LATEST_WITHIN_WINDOW"
    assert plan["RecoveryPointSelection"]["RecoveryPointTypes"] == ["SNAPSHOT"]
    schedule = {
        "primary": objectives.PRIMARY_RESTORE_TEST_SCHEDULE,
        "recovery": objectives.RECOVERY_RESTORE_TEST_SCHEDULE,
    }
    assert plan["ScheduleExpression"] == schedule[name]


def test_recovery_region_tests_the_copied_vault(assembly: Assembly) -> None:
    plan = assembly.only("RecoveryStandby", "AWS::Backup::RestoreTestingPlan")
    assert "RecoveryFoundation" in text_of(plan["RecoveryPointSelection"]["IncludeVaults"])


@pytest.mark.parametrize("stack", [stack for stack, _ in TESTS])
def test_restored_instance_is_reachable_and_verifiable(assembly: Assembly, stack: str) -> None:
    selection = assembly.only(stack, "AWS::Backup::RestoreTestingSelection")
    overrides = selection["RestoreMetadataOverrides"]
    assert selection["ProtectedResourceType"] == "RDS"
    assert "SubnetGroup" in text_of(overrides["dbSubnetGroupName"])
    assert overrides["enableIamDatabaseAuthentication"] == "true"
    assert "ProofTargetParameters" in text_of(overrides["dbParameterGroupName"])
    subnets = {g.get("DBSubnetGroupName") for g in assembly.properties(stack, "AWS::RDS::DBSubnetGroup")}
    assert f"duskspendr-{assembly.environment}-restored" in subnets


@pytest.mark.parametrize("stack", [stack for stack, _ in TESTS])
def test_security_groups_are_given_as_a_json_array(assembly: Assembly, stack: str) -> None:
    overrides = assembly.only(stack, "AWS::Backup::RestoreTestingSelection")["RestoreMetadataOverrides"]
    separator, parts = overrides["vpcSecurityGroupIds"]["Fn::Join"]
    written = separator.join(part if isinstance(part, str) else "sg-0123" for part in parts)
    assert json.loads(written) == ["sg-0123"]


@pytest.mark.parametrize("stack", [stack for stack, _ in TESTS])
def test_restored_instances_admit_the_checks_only(assembly: Assembly, stack: str) -> None:
    into_restored = [
        rule
        for rule in assembly.properties(stack, "AWS::EC2::SecurityGroupIngress")
        if "ProofTarget" in text_of(rule["GroupId"])
    ]
    (rule,) = into_restored
    assert "ProofTargetAccessClients" in text_of(rule["SourceSecurityGroupId"])
    users = [
        function["Handler"]
        for function in assembly.properties(stack, "AWS::Lambda::Function")
        if "ProofTargetAccessClients" in text_of(function.get("VpcConfig", {}))
    ]
    assert users == ["lambdas.check_restore.handler.handler"]


@pytest.mark.parametrize("stack", [stack for stack, _ in TESTS])
def test_a_test_that_never_happened_is_looked_for_when_its_verdict_is_due(assembly: Assembly, stack: str) -> None:
    plan = assembly.only(stack, "AWS::Backup::RestoreTestingPlan")
    schedules = [rule.get("ScheduleExpression") for rule in assembly.properties(stack, "AWS::Events::Rule")]
    assert watch_schedule(plan["ScheduleExpression"]) in schedules


def test_watch_that_would_fall_on_the_next_day_is_refused() -> None:
    with pytest.raises(ValueError, match=f"at least {HOURS_TO_VERDICT} hours left in the day"):
        watch_schedule("cron(0 20 3 * ? *)")


def _account(assembly: Assembly) -> str:
    return next(iter(assembly.stacks.values()))["environment"].split("/")[2]


@pytest.mark.parametrize(("stack", "name"), [("Backup", "primary"), ("RecoveryStandby", "recovery")])
def test_each_vault_is_looked_through_every_day(assembly: Assembly, stack: str, name: str) -> None:
    (rule,) = (
        rule
        for rule in assembly.properties(stack, "AWS::Events::Rule")
        if rule.get("ScheduleExpression") == objectives.RECOVERY_POINT_REVIEW_SCHEDULE
    )
    assert "ProofRecoveryPointWatchMachine" in text_of(rule["Targets"])
    (function,) = (
        function
        for function in assembly.properties(stack, "AWS::Lambda::Function")
        if "review_recovery_points" in function["Handler"]
    )
    vault = function["Environment"]["Variables"]["VAULT_NAME"]
    assert name in text_of(vault) or "Vault" in text_of(vault)
    assert "VpcConfig" not in function


@pytest.mark.parametrize("stack", ["Backup", "RecoveryStandby"])
def test_the_look_through_a_vault_may_only_read(prod: Assembly, stack: str) -> None:
    (policy,) = (
        policy
        for policy in prod.properties(stack, "AWS::IAM::Policy")
        if "WatchFunctionRole" in text_of(policy["Roles"])
    )
    actions = {
        action
        for statement in policy["PolicyDocument"]["Statement"]
        for action in ([statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"])
        if not action.startswith("logs:")
    }
    assert actions == {
        "backup:DescribeBackupVault",
        "backup:ListBackupJobs",
        "backup:ListCopyJobs",
        "backup:ListRecoveryPointsByBackupVault",
        "rds:DescribeDBInstances",
    }
