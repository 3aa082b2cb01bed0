"""The primary database and its pulse."""

import json
from typing import Any

from recovery import objectives
from tests.infrastructure.assemblies import RECOVERY, Assembly, text_of


def test_postgresql_at_a_pinned_major_and_no_minor(assembly: Assembly) -> None:
    instance = assembly.only("Database", "AWS::RDS::DBInstance")
    assert (instance["Engine"], instance["EngineVersion"]) == ("postgres", "18")


def test_instance_is_multi_az_under_an_explicit_name(assembly: Assembly) -> None:
    instance = assembly.only("Database", "AWS::RDS::DBInstance")
    assert instance["MultiAZ"] is True
    assert instance["DBInstanceIdentifier"] == f"duskspendr-{assembly.environment}"
    assert instance["DBName"] == "duskspendr"


def test_storage_is_gp3_and_grows(assembly: Assembly) -> None:
    instance = assembly.only("Database", "AWS::RDS::DBInstance")
    assert (instance["StorageType"], instance["AllocatedStorage"], instance["MaxAllocatedStorage"]) == (
        "gp3",
        "100",
        500,
    )


def test_storage_is_encrypted_with_a_rotated_key_of_its_own(prod: Assembly) -> None:
    instance = prod.only("Database", "AWS::RDS::DBInstance")
    key = prod.templates["Database"]["Resources"][instance["KmsKeyId"]["Fn::GetAtt"][0]]
    assert instance["StorageEncrypted"] is True
    assert key["Properties"]["EnableKeyRotation"] is True


def test_automated_backups_are_kept_as_the_spec_says(assembly: Assembly) -> None:
    instance = assembly.only("Database", "AWS::RDS::DBInstance")
    assert instance["BackupRetentionPeriod"] == objectives.AUTOMATED_BACKUP_RETENTION_DAYS
    assert instance["PreferredBackupWindow"] == "03:00-04:00"
    assert instance["PreferredMaintenanceWindow"] == "sun:04:00-sun:05:00"
    assert instance["DeleteAutomatedBackups"] is False


def test_automated_backups_are_replicated_under_a_key_of_the_recovery_region(assembly: Assembly) -> None:
    instance = assembly.only("Database", "AWS::RDS::DBInstance")
    assert instance["AutomaticBackupReplicationRegion"] == RECOVERY
    assert instance["AutomaticBackupReplicationRetentionPeriod"] == objectives.AUTOMATED_BACKUP_RETENTION_DAYS
    assert "RecoveryKeysDatabaseKey" in text_of(instance["AutomaticBackupReplicationKmsKeyId"])


def test_a_replication_slot_keeps_back_a_quarter_of_the_storage_at_most(assembly: Assembly) -> None:
    parameters = assembly.only("Database", "AWS::RDS::DBParameterGroup")
    assert parameters["Parameters"]["max_slot_wal_keep_size"] == "{AllocatedStorage/4194304}"
    assert objectives.REPLICATION_SLOT_ALARM_FRACTION < 1 / objectives.REPLICATION_SLOT_LIMIT_DIVISOR


def test_connections_sign_in_with_iam_over_tls(assembly: Assembly) -> None:
    instance = assembly.only("Database", "AWS::RDS::DBInstance")
    parameters = assembly.only("Database", "AWS::RDS::DBParameterGroup")
    assert instance["EnableIAMDatabaseAuthentication"] is True
    assert parameters["Parameters"]["rds.force_ssl"] == "1"
    assert instance["CACertificateIdentifier"] == "rds-ca-rsa2048-g1"
    assert instance["PubliclyAccessible"] is False


def test_log_exports_go_to_groups_that_expire(assembly: Assembly) -> None:
    instance = assembly.only("Database", "AWS::RDS::DBInstance")
    assert instance["EnableCloudwatchLogsExports"] == ["postgresql", "upgrade"]
    groups = {
        group.get("LogGroupName"): group["RetentionInDays"]
        for group in assembly.properties("Database", "AWS::Logs::LogGroup")
    }
    identifier = instance["DBInstanceIdentifier"]
    assert {f"/aws/rds/instance/{identifier}/{name}" for name in ("postgresql", "upgrade")} <= set(groups)
    assert all(groups.values())


def test_deletion_is_refused_and_would_leave_a_snapshot(prod: Assembly) -> None:
    (resource,) = prod.resources("Database", "AWS::RDS::DBInstance").values()
    assert resource["Properties"]["DeletionProtection"] is True
    assert resource["DeletionPolicy"] == "Snapshot"


def test_credentials_are_generated_and_replicated(assembly: Assembly) -> None:
    secret = assembly.only("Database", "AWS::SecretsManager::Secret")
    (replica,) = secret["ReplicaRegions"]
    assert secret["GenerateSecretString"]["GenerateStringKey"] == "password"
    assert replica["Region"] == RECOVERY
    assert "RecoveryKeysDatabaseKey" in text_of(replica["KmsKeyId"])
    instance = assembly.only("Database", "AWS::RDS::DBInstance")
    assert "ManageMasterUserPassword" not in instance


def test_only_clients_and_the_guard_reach_the_database(prod: Assembly) -> None:
    rules = prod.properties("Database", "AWS::EC2::SecurityGroupIngress")
    assert {(rule["FromPort"], rule["ToPort"]) for rule in rules} == {(5432, 5432)}
    clients, guards = sorted(text_of(rule["SourceSecurityGroupId"]) for rule in rules)
    assert "Clients" in clients
    assert "Guards" in guards


def test_clients_reach_nothing_but_the_database_and_https(prod: Assembly) -> None:
    groups = prod.properties("Database", "AWS::EC2::SecurityGroup")
    (clients,) = (group for group in groups if group["GroupDescription"].endswith("clients"))
    assert [(rule["FromPort"], rule["ToPort"]) for rule in clients["SecurityGroupEgress"]] == [(443, 443)]
    to_database = prod.properties("Database", "AWS::EC2::SecurityGroupEgress")
    assert {(rule["FromPort"], rule["ToPort"]) for rule in to_database} == {(5432, 5432)}


def test_bootstrap_runs_again_when_its_source_changes(assembly: Assembly) -> None:
    resource = assembly.only("Database", "Custom::DatabaseBootstrap")
    assert len(resource["SchemaVersion"]) == 12


def test_pulse_waits_for_the_bootstrap(prod: Assembly) -> None:
    (bootstrap,) = prod.resources("Database", "Custom::DatabaseBootstrap")
    for rule in prod.resources("Database", "AWS::Events::Rule").values():
        assert bootstrap in rule["DependsOn"]


def test_heartbeat_is_written_every_minute_and_not_repeated(assembly: Assembly) -> None:
    (rule,) = (
        rule
        for rule in assembly.properties("Database", "AWS::Events::Rule")
        if rule["ScheduleExpression"] == "rate(1 minute)" and rule.get("Name", "").endswith("-heartbeat")
    )
    assert rule["State"] == "ENABLED"
    (target,) = rule["Targets"]
    assert target["RetryPolicy"] == {"MaximumEventAgeInSeconds": 60, "MaximumRetryAttempts": 0}


def test_manifest_is_taken_before_the_backup_window(assembly: Assembly) -> None:
    (rule,) = (
        rule
        for rule in assembly.properties("Database", "AWS::Events::Rule")
        if rule["ScheduleExpression"] == objectives.MANIFEST_SCHEDULE
    )
    assert "ManifestMachine" in text_of(rule["Targets"])


def manifest_machine(assembly: Assembly) -> dict[str, Any]:
    definition = assembly.only("Database", "AWS::StepFunctions::StateMachine")["DefinitionString"]
    separator, parts = definition["Fn::Join"]
    return json.loads(separator.join(part if isinstance(part, str) else "token" for part in parts))


def test_manifest_is_there_or_given_up_when_the_backup_window_opens(prod: Assembly) -> None:
    opens = int(objectives.BACKUP_WINDOW[:2]) * 3600
    begins = int(objectives.MANIFEST_SCHEDULE.removeprefix("cron(").split()[1]) * 3600
    assert begins + manifest_machine(prod)["TimeoutSeconds"] <= opens


def test_manifest_that_lacks_a_slice_is_not_put_together(prod: Assembly) -> None:
    states = manifest_machine(prod)["States"]
    for kind in ("Slices", "ManySlices"):
        (slice_,) = states[kind]["ItemProcessor"]["States"].values()
        assert "Catch" not in slice_
        assert "Catch" not in states[kind]
        assert states[kind]["Next"] == "Assemble"


def test_every_step_of_the_manifest_is_bounded_and_repeated(prod: Assembly) -> None:
    states = manifest_machine(prod)["States"]
    steps = [states["PlanSlices"], states["Assemble"], states["Slices"]["ItemProcessor"]["States"]["SlicesPart"]]
    for step in steps:
        assert step["TimeoutSeconds"] > 0
        assert step["Retry"][-1]["ErrorEquals"] == ["States.ALL"]


def test_functions_sign_in_as_their_own_user_only(prod: Assembly) -> None:
    users = {
        text_of(statement["Resource"]).rpartition("/")[2].rstrip('"]}')
        for policy in prod.properties("Database", "AWS::IAM::Policy")
        for statement in policy["PolicyDocument"]["Statement"]
        if statement["Action"] == "rds-db:connect"
    }
    assert users == {"heartbeat", "restore_verifier"}


def test_only_the_laboratory_signs_in_without_tls(assembly: Assembly) -> None:
    modes = {
        function["Environment"]["Variables"]["DATABASE_TLS"]
        for function in assembly.properties("Database", "AWS::Lambda::Function")
    }
    assert modes == {"disable" if assembly.environment == "local" else "verify-full"}
