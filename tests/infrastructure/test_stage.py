"""An environment as a whole: its stacks, their order, and what the regions may know of each other."""

import re
from pathlib import Path

import constructs
import pytest

from tests.infrastructure.assemblies import (
    PRIMARY,
    PRIMARY_STACKS,
    RECOVERY,
    RECOVERY_STACKS,
    STACKS,
    Assembly,
    text_of,
)


def dependencies(assembly: Assembly, stack: str) -> set[str]:
    names = {
        artifact: name for name, found in assembly.stacks.items() for artifact in [found["properties"]["templateFile"]]
    }
    manifest = assembly.manifest["artifacts"]
    artifact = next(a for a in manifest.values() if a.get("displayName") == f"{assembly.environment}/{stack}")
    files = {manifest[name].get("properties", {}).get("templateFile") for name in artifact["dependencies"]}
    return {names[file] for file in files if file in names}


def test_the_constructs_library_is_the_published_one() -> None:
    assert "site-packages" in Path(constructs.__file__ or "").parts


def test_all_eight_stacks_exist(assembly: Assembly) -> None:
    assert set(assembly.stacks) == set(STACKS)


def test_each_stack_lies_in_its_region(assembly: Assembly) -> None:
    regions = {name: stack["environment"].rpartition("/")[2] for name, stack in assembly.stacks.items()}
    assert regions == dict.fromkeys(PRIMARY_STACKS, PRIMARY) | dict.fromkeys(RECOVERY_STACKS, RECOVERY)


def test_foundation_deploys_before_the_primary(assembly: Assembly) -> None:
    assert all("RecoveryFoundation" in dependencies(assembly, stack) for stack in PRIMARY_STACKS)
    assert not dependencies(assembly, "RecoveryFoundation")


def test_standby_deploys_after_the_primary(assembly: Assembly) -> None:
    assert dependencies(assembly, "RecoveryStandby") >= set(PRIMARY_STACKS)


@pytest.mark.parametrize("stack", STACKS)
def test_no_export_crosses_regions(prod: Assembly, stack: str) -> None:
    own = RECOVERY_STACKS if stack in RECOVERY_STACKS else PRIMARY_STACKS
    imports = re.findall(r'"Fn::ImportValue": "prod-(\w+):', text_of(prod.templates[stack]))
    assert set(imports) <= set(own)


def test_recovery_region_names_the_primary_only_as_source_and_for_the_failover(assembly: Assembly) -> None:
    found = {
        (stack, resource["Type"], name)
        for stack, _, resource in assembly.all_resources()
        if stack in RECOVERY_STACKS
        for name, value in resource.get("Properties", {}).items()
        if re.search(rf"{PRIMARY}(?!east)", text_of(value))
    }
    assert found == {
        ("RecoveryStandby", "AWS::RDS::DBInstance", "SourceDBInstanceIdentifier"),
        ("RecoveryStandby", "AWS::RDS::DBInstance", "SourceRegion"),
        # Words for a person.
        ("RecoveryStandby", "AWS::CloudWatch::Alarm", "AlarmDescription"),
        ("RecoveryStandby", "AWS::CloudWatch::CompositeAlarm", "AlarmDescription"),
        # Of the failover's functions; tests/infrastructure/test_failover_machine.py says what they may do there.
        ("RecoveryStandby", "AWS::Lambda::Function", "Environment"),
        ("RecoveryStandby", "AWS::IAM::Policy", "PolicyDocument"),
    }


def test_nothing_runs_on_node(assembly: Assembly) -> None:
    runtimes = {
        resource["Properties"]["Runtime"]
        for _, _, resource in assembly.all_resources()
        if resource["Type"] == "AWS::Lambda::Function"
    }
    assert runtimes == {"python3.13"}


def test_no_context_was_looked_up(assembly: Assembly) -> None:
    assert not assembly.manifest.get("missing")


def test_stateful_resources_outlive_their_stack(assembly: Assembly) -> None:
    stateful = {
        "AWS::RDS::DBInstance",
        "AWS::S3::Bucket",
        "AWS::KMS::Key",
        "AWS::Backup::BackupVault",
        "AWS::SecretsManager::Secret",
        "AWS::ECR::Repository",
        "AWS::SQS::Queue",
        "AWS::Cognito::UserPool",
        "AWS::DynamoDB::Table",
        "AWS::Logs::LogGroup",
    }
    kept = {"Delete"} if assembly.environment == "local" else {"Retain", "Snapshot"}
    wrong = [
        (stack, name, resource.get("DeletionPolicy"), resource.get("UpdateReplacePolicy"))
        for stack, name, resource in assembly.all_resources()
        if resource["Type"] in stateful
        and not {resource.get("DeletionPolicy"), resource.get("UpdateReplacePolicy")} <= kept
    ]
    assert not wrong


def test_stacks_are_protected_against_deletion(assembly: Assembly) -> None:
    protected = {bool(stack["properties"].get("terminationProtection")) for stack in assembly.stacks.values()}
    assert protected == {assembly.environment != "local"}


def test_only_what_somebody_looks_for_has_a_name(assembly: Assembly) -> None:
    named = {
        ("AWS::Lambda::Function", "FunctionName"),
        ("AWS::IAM::Role", "RoleName"),
        ("AWS::EC2::SecurityGroup", "GroupName"),
        ("AWS::SQS::Queue", "QueueName"),
        ("AWS::Events::Rule", "Name"),
        ("AWS::RDS::DBParameterGroup", "DBParameterGroupName"),
        ("AWS::ElasticLoadBalancingV2::LoadBalancer", "Name"),
    }
    found = {
        resource["Properties"][key].removeprefix(f"duskspendr-{assembly.environment}-")
        for _, _, resource in assembly.all_resources()
        for kind, key in named
        if resource["Type"] == kind and key in resource.get("Properties", {})
    }
    # What `dr restore` restores into, and what the other region's failover calls.
    assert found == {"restored", "guard", "check-instance", "failover-step", "heartbeat", "manifest"}


@pytest.mark.parametrize(
    ("stack", "names"),
    [
        (
            "Database",
            {
                "InstanceIdentifier",
                "InstanceEndpoint",
                "MasterSecretArn",
                "HeartbeatFunctionName",
                "ManifestStateMachineArn",
            },
        ),
        ("Backup", {"PlanId", "VaultName", "RestoreTestingPlanName", "VerificationStateMachineArn"}),
        (
            "RecoveryFoundation",
            {
                "RecoveryVaultName",
                "EvidenceBucketName",
                "DeviceReplicaBucketName",
                "DeviceApiUrl",
                "SignInIssuer",
                "SignInAudience",
            },
        ),
        (
            "RecoveryStandby",
            {
                "RestoreTestingPlanName",
                "VerificationStateMachineArn",
                "ReplicaIdentifier",
                "FailoverStateMachineArn",
                "FailoverFunctionName",
            },
        ),
        ("DeviceBackups", {"BucketName", "DeviceApiUrl", "SignInIssuer", "SignInAudience"}),
        ("Application", {"ServiceUrl"}),
    ],
)
def test_outputs_that_operations_read(assembly: Assembly, stack: str, names: set[str]) -> None:
    assert names <= assembly.outputs(stack)
