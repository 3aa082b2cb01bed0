"""What a region's new replica gets from the instance that stepped aside, whenever RDS makes it available."""

from types import SimpleNamespace
from typing import Any, cast

from botocore.exceptions import ClientError

from recovery.failover.replication import replicate
from recovery.failover.site import Clients, Site
from recovery.names import PRIMARY_REGION, RECOVERY_REGION, Names

NAMES = Names(environment="prod", account="123456789012")
BACKUPS = {
    "BackupRetentionPeriod": 7,
    "PreferredBackupWindow": "03:00-04:00",
    "PreferredMaintenanceWindow": "sun:04:00-sun:05:00",
}
SOURCE = NAMES.instance_arn_in(RECOVERY_REGION)


class StubRds:
    """Two instances; the replica becomes ``available`` after so many looks at it. Changes are noted and made."""

    def __init__(self, looks: int) -> None:
        self.looks, self.changes = looks, list[dict[str, Any]]()
        self.replica: dict[str, Any] = {
            "DBInstanceIdentifier": NAMES.instance_identifier,
            "ReadReplicaSourceDBInstanceIdentifier": SOURCE,
            "BackupRetentionPeriod": 0,
        }
        self.aside: dict[str, Any] | None = {"DBInstanceStatus": "available", **BACKUPS}

    def describe_db_instances(self, DBInstanceIdentifier: str) -> dict[str, Any]:  # noqa: N803 - as boto3 has it
        if DBInstanceIdentifier != NAMES.instance_identifier:
            if self.aside is None:
                raise ClientError({"Error": {"Code": "DBInstanceNotFound"}}, "DescribeDBInstances")
            return {"DBInstances": [self.aside]}
        self.looks -= 1
        return {"DBInstances": [self.replica | {"DBInstanceStatus": "available" if self.looks < 0 else "creating"}]}

    def modify_db_instance(self, **asked: Any) -> None:
        self.changes.append(asked)
        self.replica |= {name: asked[name] for name in BACKUPS if name in asked}


def site_of(rds: StubRds) -> Site:
    return Site(
        names=NAMES,
        region=PRIMARY_REGION,
        clients=cast(Clients, SimpleNamespace(rds=rds)),
        connect=lambda: cast(Any, None),
        clients_group="",
        instances_group="",
        full_tasks=(1, 2),
    )


def test_replica_is_not_called_available_before_it_has_its_settings() -> None:
    for looks in range(4):
        rds = StubRds(looks)
        answers = [replicate(site_of(rds), 2).status for _ in range(looks + 3)]
        first = answers.index("available")
        assert set(answers[:first]) <= {"creating", "modifying"}
        assert "modifying" in answers[:first]
        assert {name: rds.replica.get(name) for name in BACKUPS} == BACKUPS


def test_settings_are_asked_for_once() -> None:
    rds = StubRds(looks=0)
    for _ in range(4):
        replicate(site_of(rds), 2)
    assert len(rds.changes) == 1
    assert rds.changes[0]["ApplyImmediately"] is True


def test_replica_of_which_no_predecessor_is_left_keeps_what_it_has() -> None:
    rds = StubRds(looks=0)
    rds.aside = None
    assert replicate(site_of(rds), 2).status == "available"
    assert not rds.changes
