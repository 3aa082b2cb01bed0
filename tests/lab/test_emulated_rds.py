"""RDS and AWS Backup in the lab, driven through boto3 as any tool would."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from botocore.exceptions import ClientError

from lab.cloud import Cloud, LabError
from lab.polling import wait_for
from recovery.recovery_points import review
from recovery.vault_inventory import read_inventory

PRIMARY, RECOVERY = "ap-south-1", "ap-southeast-1"

# A vault, an instance with replicated backups, and a secret for it: the least that shows the behaviour.
TEMPLATE: dict[str, Any] = {
    "Vault": {
        "Type": "AWS::Backup::BackupVault",
        "Properties": {
            "BackupVaultName": "weekly",
            "LockConfiguration": {"MinRetentionDays": 7, "MaxRetentionDays": 365},
        },
    },
    "Database": {
        "Type": "AWS::RDS::DBInstance",
        "Properties": {
            "DBInstanceIdentifier": "money",
            "Engine": "postgres",
            "EngineVersion": "18",
            "DBName": "money",
            "MasterUsername": "owner",
            "MasterUserPassword": "not-a-secret-of-anyone",
            "BackupRetentionPeriod": 7,
            "AutomaticBackupReplicationRegion": RECOVERY,
            "EnableIAMDatabaseAuthentication": True,
        },
    },
}
RECOVERY_TEMPLATE: dict[str, Any] = {
    "Vault": {"Type": "AWS::Backup::BackupVault", "Properties": {"BackupVaultName": "copies"}},
    "Address": {"Type": "AWS::EC2::EIP", "Properties": {"Domain": "vpc"}},
}


@dataclass
class Money:
    """The deployed instance and the cloud it lives in."""

    cloud: Cloud

    def dsn(self, identifier: str = "money") -> str:
        return next(each["dsn"] for each in self.cloud.listing("instances") if each["identifier"] == identifier)

    def write(self, value: int) -> None:
        with psycopg.connect(self.dsn(), autocommit=True) as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS paid (id int)")
            connection.execute("INSERT INTO paid VALUES (%s)", (value,))

    def read(self, identifier: str) -> list[int]:
        with psycopg.connect(self.dsn(identifier)) as connection:
            return [row[0] for row in connection.execute("SELECT id FROM paid ORDER BY id").fetchall()]

    def backup(self) -> str:
        backup = self.cloud.clients(PRIMARY).backup
        job = backup.start_backup_job(
            BackupVaultName="weekly",
            ResourceArn=f"arn:aws:rds:{PRIMARY}:{self.cloud.account}:db:money",
            IamRoleArn="arn:aws:iam::123456789012:role/backup",
            Lifecycle={"DeleteAfterDays": 90},
        )["BackupJobId"]
        done = ended(lambda: backup.describe_backup_job(BackupJobId=job), "State")
        assert done["State"] == "COMPLETED", done
        return done["RecoveryPointArn"]

    def copy(self, point: str) -> str:
        backup = self.cloud.clients(PRIMARY).backup
        job = backup.start_copy_job(
            RecoveryPointArn=point,
            SourceBackupVaultName="weekly",
            DestinationBackupVaultArn=f"arn:aws:backup:{RECOVERY}:{self.cloud.account}:backup-vault:copies",
            IamRoleArn="arn:aws:iam::123456789012:role/backup",
        )["CopyJobId"]
        done = ended(lambda: backup.describe_copy_job(CopyJobId=job)["CopyJob"], "State")
        assert done["State"] == "COMPLETED", done
        return done["DestinationRecoveryPointArn"]

    def restore(self, point: str, identifier: str) -> dict[str, Any]:
        backup = self.cloud.clients(RECOVERY).backup
        job = backup.start_restore_job(
            RecoveryPointArn=point,
            Metadata={"dbSubnetGroupName": "recovery", "dbInstanceIdentifier": identifier},
            IamRoleArn="arn:aws:iam::123456789012:role/backup",
        )["RestoreJobId"]
        return ended(lambda: backup.describe_restore_job(RestoreJobId=job), "Status")


def ended(look: Callable[[], Any], field: str) -> dict[str, Any]:
    def found() -> dict[str, Any] | None:
        record = look()
        return record if record[field] not in ("RUNNING", "PENDING", "CREATED") else None

    return wait_for(field, found)


@pytest.fixture(scope="module")
def money(cloud: Cloud) -> Iterator[Money]:
    stacks = ((PRIMARY, "money", TEMPLATE), (RECOVERY, "copies", RECOVERY_TEMPLATE))
    for region, name, resources in stacks:
        cloudformation = cloud.clients(region).cloudformation
        cloudformation.create_stack(StackName=name, TemplateBody=json.dumps({"Resources": resources}))
        cloudformation.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
    yield Money(cloud)
    for region, name, _ in stacks:
        cloudformation = cloud.clients(region).cloudformation
        cloudformation.delete_stack(StackName=name)
        cloudformation.get_waiter("stack_delete_complete").wait(StackName=name, WaiterConfig={"Delay": 1})


def test_instance_of_a_template_is_a_database_that_answers(money: Money) -> None:
    rds = money.cloud.clients(PRIMARY).rds
    [instance] = rds.describe_db_instances(DBInstanceIdentifier="money")["DBInstances"]
    endpoint = instance.get("Endpoint", {})
    with psycopg.connect(
        host=endpoint.get("Address"), port=endpoint.get("Port"), dbname="money", user="owner",
        password="not-a-secret-of-anyone",
    ) as connection:  # fmt: skip
        assert connection.execute("SELECT current_database()").fetchone() == ("money",)


def test_master_user_may_add_amcheck_and_let_others_use_it(money: Money) -> None:
    with psycopg.connect(money.dsn(), autocommit=True) as connection:
        connection.execute("SET ROLE owner")
        connection.execute("CREATE EXTENSION amcheck")
        connection.execute("CREATE ROLE auditor")
        connection.execute("GRANT EXECUTE ON FUNCTION bt_index_check(regclass, boolean) TO auditor")
        allowed = "SELECT has_function_privilege('auditor', 'bt_index_check(regclass, boolean)', 'EXECUTE')"
        assert connection.execute(allowed).fetchone() == (True,)


def test_copied_recovery_point_restores_the_rows_in_the_other_region(money: Money) -> None:
    money.write(1)
    point = money.backup()
    money.write(2)  # after the snapshot: not in it
    done = money.restore(money.copy(point), "from-copy")
    assert done["Status"] == "COMPLETED"
    assert 1 in money.read("from-copy")
    assert 2 not in money.read("from-copy")


def test_copy_keeps_the_creation_date_of_the_original(money: Money) -> None:
    point = money.backup()
    original = money.cloud.clients(PRIMARY).backup.describe_recovery_point(
        BackupVaultName="weekly", RecoveryPointArn=point
    )
    copy = money.cloud.clients(RECOVERY).backup.describe_recovery_point(
        BackupVaultName="copies", RecoveryPointArn=money.copy(point)
    )
    assert original["CreationDate"] == copy["CreationDate"]


def test_point_in_time_restore_replays_the_archive_kept_in_the_other_region(money: Money) -> None:
    money.write(3)
    before = datetime.now(UTC)
    time.sleep(1.1)
    money.write(4)
    rds = money.cloud.clients(RECOVERY).rds

    def archived() -> dict[str, Any] | None:
        [found] = rds.describe_db_instance_automated_backups(DBInstanceIdentifier="money")["DBInstanceAutomatedBackups"]
        latest = found.get("RestoreWindow", {}).get("LatestTime")
        return dict(found) if latest and (latest - before).total_seconds() > 2.5 else None

    time.sleep(1.5)
    money.write(5)  # archiving is by segment: something has to follow
    backup = wait_for("the archive", archived)
    rds.restore_db_instance_to_point_in_time(
        TargetDBInstanceIdentifier="earlier",
        SourceDBInstanceAutomatedBackupsArn=backup["DBInstanceAutomatedBackupsArn"],
        RestoreTime=before,
    )
    ended(lambda: {"Status": _status(money, "earlier").replace("creating", "RUNNING")}, "Status")
    assert _status(money, "earlier") == "available", money.cloud.log_tail(40)
    assert 3 in money.read("earlier")
    assert 4 not in money.read("earlier")


def test_validation_of_a_restore_job_is_final(money: Money) -> None:
    job = money.restore(money.copy(money.backup()), "validated")["RestoreJobId"]
    backup = money.cloud.clients(RECOVERY).backup
    backup.put_restore_validation_result(RestoreJobId=job, ValidationStatus="FAILED")
    with pytest.raises(ClientError, match="already FAILED"):
        backup.put_restore_validation_result(RestoreJobId=job, ValidationStatus="SUCCESSFUL")


def test_recovery_point_that_aws_backup_could_not_delete_is_found(money: Money) -> None:
    point, region = money.backup(), money.cloud.clients(PRIMARY)
    assert review(read_inventory(region.backup, region.rds, "weekly"), now=datetime.now(UTC)).findings == ()
    money.cloud.press("change-recovery-point", PRIMARY, arn=point, status="EXPIRED", message="Access denied")
    found = review(read_inventory(region.backup, region.rds, "weekly"), now=datetime.now(UTC))
    money.cloud.press("change-recovery-point", PRIMARY, arn=point, status="COMPLETED", message="")
    assert [(finding.kind, finding.subject) for finding in found.findings] == [("expired", point)]


def test_locked_vault_refuses_a_retention_outside_its_bounds(money: Money) -> None:
    with pytest.raises(ClientError, match="expected a retention of 7 to 365 days, found 1"):
        money.cloud.clients(PRIMARY).backup.start_backup_job(
            BackupVaultName="weekly",
            ResourceArn=f"arn:aws:rds:{PRIMARY}:{money.cloud.account}:db:money",
            IamRoleArn="arn:aws:iam::123456789012:role/backup",
            Lifecycle={"DeleteAfterDays": 1},
        )


def test_restore_without_a_subnet_group_is_refused(money: Money) -> None:
    point = money.copy(money.backup())
    with pytest.raises(ClientError, match="expected dbSubnetGroupName"):
        money.cloud.clients(RECOVERY).backup.start_restore_job(
            RecoveryPointArn=point, Metadata={}, IamRoleArn="arn:aws:iam::123456789012:role/backup"
        )


def test_recovery_point_cannot_be_restored_from_another_region(money: Money) -> None:
    point = money.backup()
    with pytest.raises(ClientError, match=f"lies in {PRIMARY}, not {RECOVERY}"):
        money.cloud.clients(RECOVERY).backup.start_restore_job(
            RecoveryPointArn=point, Metadata={"dbSubnetGroupName": "x"}, IamRoleArn="arn:aws:iam::123456789012:role/b"
        )


def test_unknown_type_is_recorded_with_its_properties(money: Money) -> None:
    [address] = [each for each in money.cloud.listing("recorded") if each["type"] == "AWS::EC2::EIP"]
    assert (address["region"], address["properties"]) == (RECOVERY, {"Domain": "vpc"})


def test_button_without_its_object_says_what_is_missing(money: Money) -> None:
    with pytest.raises(LabError, match="no backup plan nonsense"):
        money.cloud.press("run-backup-plan", PRIMARY, plan_id="nonsense", rule="Weekly")


def _status(money: Money, identifier: str) -> str:
    [instance] = money.cloud.clients(RECOVERY).rds.describe_db_instances(DBInstanceIdentifier=identifier)["DBInstances"]
    return instance.get("DBInstanceStatus", "")
