"""AWS Backup Audit Manager asks for what the objectives promise."""

import re
from datetime import timedelta
from typing import Any

import pytest
from botocore.session import Session

from recovery import objectives
from recovery.names import RECOVERY_REGION
from tests.infrastructure.assemblies import Assembly

STACKS = [("Backup", "primary"), ("RecoveryStandby", "recovery")]


@pytest.fixture(params=["staging", "prod"])
def audited(request: pytest.FixtureRequest, staging: Assembly, prod: Assembly) -> Assembly:
    return {"staging": staging, "prod": prod}[request.param]


def controls(assembly: Assembly, stack: str) -> dict[str, dict[str, Any]]:
    framework = assembly.only(stack, "AWS::Backup::Framework")
    return {control["ControlName"]: control for control in framework["FrameworkControls"]}


def parameters(control: dict[str, Any]) -> dict[str, str]:
    return {each["ParameterName"]: each["ParameterValue"] for each in control.get("ControlInputParameters", [])}


def test_controls_ask_for_what_the_objectives_promise(audited: Assembly) -> None:
    found = {name: parameters(control) for name, control in controls(audited, "Backup").items()}
    days = str(objectives.SNAPSHOT_RETENTION_DAYS)
    assert found == {
        "BACKUP_RESOURCES_PROTECTED_BY_BACKUP_PLAN": {},
        "BACKUP_PLAN_MIN_FREQUENCY_AND_MIN_RETENTION_CHECK": {
            "requiredFrequencyUnit": "days",
            "requiredFrequencyValue": str(objectives.SNAPSHOT_INTERVAL // timedelta(days=1)),
            "requiredRetentionDays": days,
        },
        "BACKUP_RESOURCES_PROTECTED_BY_CROSS_REGION": {"crossRegionList": RECOVERY_REGION},
        "BACKUP_RESOURCES_PROTECTED_BY_BACKUP_VAULT_LOCK": {
            "minRetentionDays": str(objectives.VAULT_LOCK_MIN_DAYS),
            "maxRetentionDays": str(objectives.VAULT_LOCK_MAX_DAYS),
        },
        "BACKUP_LAST_RECOVERY_POINT_CREATED": {"recoveryPointAgeUnit": "days", "recoveryPointAgeValue": "8"},
        "BACKUP_RECOVERY_POINT_MINIMUM_RETENTION_CHECK": {"requiredRetentionDays": days},
        "BACKUP_RECOVERY_POINT_ENCRYPTED": {},
        "BACKUP_RECOVERY_POINT_MANUAL_DELETION_DISABLED": {},
        "RESTORE_TIME_FOR_RESOURCES_MEET_TARGET": {"maxRestoreTime": "240"},
    }


def test_age_that_is_asked_for_is_no_less_than_a_recovery_point_may_reach() -> None:
    asked = timedelta(days=8)
    assert objectives.NEWEST_RECOVERY_POINT_MAX_AGE <= asked < objectives.NEWEST_RECOVERY_POINT_MAX_AGE + timedelta(1)


def test_recovery_region_is_asked_of_its_vault_and_of_no_plan(audited: Assembly) -> None:
    assert set(controls(audited, "RecoveryStandby")) == {
        "BACKUP_RECOVERY_POINT_MINIMUM_RETENTION_CHECK",
        "BACKUP_RECOVERY_POINT_ENCRYPTED",
        "BACKUP_RECOVERY_POINT_MANUAL_DELETION_DISABLED",
        "RESTORE_TIME_FOR_RESOURCES_MEET_TARGET",
    }


@pytest.mark.parametrize(("stack", "vault"), STACKS)
def test_frameworks_of_two_environments_are_never_alike(
    staging: Assembly, prod: Assembly, stack: str, vault: str
) -> None:
    scopes = [
        controls(assembly, stack)["BACKUP_RECOVERY_POINT_MANUAL_DELETION_DISABLED"]["ControlScope"]
        for assembly in (staging, prod)
    ]
    assert [scope["ComplianceResourceIds"] for scope in scopes] == [
        [f"duskspendr-{name}-{vault}"] for name in ("staging", "prod")
    ]


@pytest.mark.parametrize("stack", [stack for stack, _ in STACKS])
def test_names_are_those_that_aws_backup_takes(audited: Assembly, stack: str) -> None:
    model = Session().get_service_model("backup")
    named = [(audited.only(stack, "AWS::Backup::Framework")["FrameworkName"], "FrameworkName")] + [
        (plan["ReportPlanName"], "ReportPlanName") for plan in audited.properties(stack, "AWS::Backup::ReportPlan")
    ]
    assert len(named) > 1
    for name, shape in named:
        rules = model.shape_for(shape).metadata
        assert re.fullmatch(rules["pattern"], name)
        assert rules["min"] <= len(name) <= rules["max"]


@pytest.mark.parametrize(
    ("stack", "templates"),
    [
        ("Backup", {"CONTROL_COMPLIANCE_REPORT", "BACKUP_JOB_REPORT", "COPY_JOB_REPORT", "RESTORE_JOB_REPORT"}),
        ("RecoveryStandby", {"CONTROL_COMPLIANCE_REPORT", "RESTORE_JOB_REPORT"}),
    ],
)
def test_reports_are_delivered_in_their_own_region(audited: Assembly, stack: str, templates: set[str]) -> None:
    plans = audited.properties(stack, "AWS::Backup::ReportPlan")
    assert {plan["ReportSetting"]["ReportTemplate"] for plan in plans} == templates
    assert {plan["ReportDeliveryChannel"]["S3BucketName"]["Ref"] for plan in plans} <= set(
        audited.resources(stack, "AWS::S3::Bucket")
    )


@pytest.mark.parametrize("stack", [stack for stack, _ in STACKS])
def test_policy_of_the_reports_waits_for_the_role_that_it_names(audited: Assembly, stack: str) -> None:
    plans = set(audited.resources(stack, "AWS::Backup::ReportPlan"))
    (policy,) = [
        resource
        for resource in audited.resources(stack, "AWS::S3::BucketPolicy").values()
        if "AWSServiceRoleForBackupReports" in str(resource)
    ]
    assert set(policy["DependsOn"]) == plans


def test_environment_that_is_not_audited_has_none_of_it(local: Assembly) -> None:
    assert not [kind for _, _, each in local.all_resources() if (kind := each["Type"]).startswith("AWS::Backup::F")]
