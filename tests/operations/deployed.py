"""As much of an environment as ``dr restore`` and ``dr status`` need, deployed by hand: real databases behind RDS."""

import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, LiteralString

import psycopg

from lab.cloud import Cloud
from lab.polling import wait_for
from recovery.names import PRIMARY_REGION, RECOVERY_REGION, Names

INSTANCE = {
    "DBInstanceClass": "db.m7g.large",
    "StorageType": "gp3",
    "AllocatedStorage": "100",
    "MaxAllocatedStorage": 500,
    "Engine": "postgres",
    "EngineVersion": "18",
    "MultiAZ": True,
    "EnableIAMDatabaseAuthentication": True,
    "DeletionProtection": True,
    "CopyTagsToSnapshot": True,
    "BackupRetentionPeriod": 7,
    "DBParameterGroupName": "money-parameters",
    "Tags": [{"Key": "Project", "Value": "DuskSpendr"}],
}


@dataclass
class Deployed:
    """An environment's two instances, and the cloud they live in."""

    cloud: Cloud
    names: Names

    def dsn(self, identifier: str) -> str:
        """The superuser's way into an instance."""
        return next(each["dsn"] for each in self.cloud.listing("instances") if each["identifier"] == identifier)

    def write(self, value: int) -> None:
        with psycopg.connect(self.dsn(self.names.instance_identifier), autocommit=True) as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS paid (id int)")
            connection.execute("INSERT INTO paid VALUES (%s)", (value,))

    def read(self, identifier: str) -> list[int]:
        with psycopg.connect(self.dsn(identifier)) as connection:
            return [row[0] for row in connection.execute("SELECT id FROM paid ORDER BY id").fetchall()]

    def write_around_a_moment(self) -> datetime:
        """Write 1, and 2 after the moment that is returned: a whole second that both regions can restore by now.

        The two seconds after it can be restored, too: a later write is archived, where a recovery to them ends.
        """
        self.write(1)
        moment = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=1)
        self._wait_beyond(moment)
        self.write(2)
        last = moment + timedelta(seconds=2)
        self._wait_beyond(last)
        self.write(3)
        with psycopg.connect(self.dsn(self.names.instance_identifier), autocommit=True) as connection:
            segment = _value(connection, "SELECT pg_walfile_name(pg_current_wal_lsn())")
            connection.execute("SELECT pg_switch_wal()")
            archived = "SELECT true FROM pg_stat_archiver WHERE last_archived_wal >= %s"
            wait_for("the archives", lambda: _value(connection, archived, segment))
        assert all(self._latest(region) > last for region in (PRIMARY_REGION, RECOVERY_REGION))
        return moment

    def _wait_beyond(self, moment: datetime) -> None:
        while datetime.now(UTC) <= moment:
            time.sleep(0.05)

    def _latest(self, region: str) -> datetime:
        rds = self.cloud.clients(region).rds
        [found] = rds.describe_db_instance_automated_backups(DBInstanceIdentifier=self.names.instance_identifier)[
            "DBInstanceAutomatedBackups"
        ]
        latest = found.get("RestoreWindow", {}).get("LatestTime")
        return latest or datetime.min.replace(tzinfo=UTC)


def _value(connection: psycopg.Connection, query: LiteralString, *parameters: str) -> Any:
    found = connection.execute(query, parameters).fetchone()
    return None if found is None else found[0]


def deploy(cloud: Cloud, environment: str) -> Deployed:
    """The primary with replicated backups, its replica, and the group of restored instances in both regions."""
    names = Names(environment=environment, account=cloud.account)
    primary = INSTANCE | {
        "DBInstanceIdentifier": names.instance_identifier,
        "DBName": "duskspendr",
        "MasterUsername": "owner",
        "MasterUserPassword": "not-a-secret-of-anyone",
        "AutomaticBackupReplicationRegion": RECOVERY_REGION,
    }
    replica = INSTANCE | {
        "DBInstanceIdentifier": names.replica_identifier,
        "SourceDBInstanceIdentifier": names.instance_arn,
        "DBParameterGroupName": "replica-parameters",
        "BackupRetentionPeriod": 0,
    }
    _create(cloud, PRIMARY_REGION, names, primary)
    _create(cloud, RECOVERY_REGION, names, replica)
    return Deployed(cloud, names)


def _create(cloud: Cloud, region: str, names: Names, instance: dict[str, Any]) -> None:
    group = {"GroupName": names.restored_name, "GroupDescription": "restored"}
    resources = {
        "Instance": {"Type": "AWS::RDS::DBInstance", "Properties": instance},
        "Group": {"Type": "AWS::EC2::SecurityGroup", "Properties": group},
    }
    cloudformation = cloud.clients(region).cloudformation
    cloudformation.create_stack(StackName=names.prefix, TemplateBody=json.dumps({"Resources": resources}))
    cloudformation.get_waiter("stack_create_complete").wait(StackName=names.prefix, WaiterConfig={"Delay": 1})
