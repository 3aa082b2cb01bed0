"""``dr restore`` against the lab's RDS, which replays real archives into real databases."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from botocore.session import Session
from botocore.stub import Stubber

from lab.cloud import running_cloud
from lab.polling import wait_for
from recovery.names import PRIMARY_REGION, RECOVERY_REGION, Names
from recovery.point_in_time import run, settings
from recovery.point_in_time.backups import AutomatedBackup, choose_backup, read_backups
from tests.operations.conftest import Dr, error_of, sign_in
from tests.operations.deployed import Deployed, deploy

if TYPE_CHECKING:
    from mypy_boto3_rds.type_defs import DBInstanceTypeDef


@pytest.fixture(scope="module")
def deployed() -> Iterator[tuple[Deployed, datetime]]:
    with running_cloud() as cloud:
        made = deploy(cloud, "prod")
        yield made, made.write_around_a_moment()


@pytest.fixture
def prod(deployed: tuple[Deployed, datetime], monkeypatch: pytest.MonkeyPatch) -> Deployed:
    monkeypatch.setattr(run, "POLL_SECONDS", 0.1)
    sign_in(deployed[0].cloud, monkeypatch)
    return deployed[0]


@pytest.fixture
def moment(deployed: tuple[Deployed, datetime]) -> datetime:
    return deployed[1]


def restore(dr: Dr, at: datetime | str, *more: str) -> Any:
    time = at if isinstance(at, str) else at.isoformat()
    result = dr("restore", "--environment", "prod", "--at", time, "--json", *more)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def instance(prod: Deployed, region: str, identifier: str) -> "DBInstanceTypeDef":
    [found] = prod.cloud.clients(region).rds.describe_db_instances(DBInstanceIdentifier=identifier)["DBInstances"]
    return found


def test_database_is_restored_to_the_moment_beside_itself(dr: Dr, prod: Deployed, moment: datetime) -> None:
    facts = restore(dr, moment)
    assert facts["instance"] == f"duskspendr-prod-at-{moment:%Y%m%dt%H%M%Sz}"
    assert (facts["region"], facts["status"], facts["replicated"]) == (PRIMARY_REGION, "available", False)
    assert prod.read(facts["instance"]) == [1]
    assert 2 in prod.read("duskspendr-prod")


def test_restored_instance_has_the_settings_of_the_source(dr: Dr, prod: Deployed, moment: datetime) -> None:
    facts = restore(dr, moment)
    source = instance(prod, PRIMARY_REGION, "duskspendr-prod")
    restored = instance(prod, PRIMARY_REGION, facts["instance"])
    for name in (
        "DBInstanceClass",
        "MultiAZ",
        "StorageType",
        "IAMDatabaseAuthenticationEnabled",
        "DeletionProtection",
        "CopyTagsToSnapshot",
        "PubliclyAccessible",
        "CACertificateIdentifier",
        "MaxAllocatedStorage",
    ):
        assert restored[name] == source[name], name  # type: ignore[literal-required]
    assert restored.get("DBParameterGroups", [{}])[0].get("DBParameterGroupName") == "money-parameters"
    assert {"Key": "Project", "Value": "DuskSpendr"} in restored.get("TagList", [])
    groups = prod.cloud.clients(PRIMARY_REGION).ec2.describe_security_groups(
        Filters=[{"Name": "group-name", "Values": ["duskspendr-prod-restored"]}]
    )["SecurityGroups"]
    proof = groups[0].get("GroupId")
    assert proof in [each.get("VpcSecurityGroupId") for each in restored.get("VpcSecurityGroups", [])]


def test_second_call_finds_the_restore_of_the_first(dr: Dr, prod: Deployed, moment: datetime) -> None:
    first = restore(dr, moment)
    count = len(prod.cloud.listing("instances"))
    again = restore(dr, moment)
    assert again["resumed"] is True
    assert again["requested_at"] == first["requested_at"]
    assert len(prod.cloud.listing("instances")) == count


def test_lost_answer_to_the_request_is_no_second_restore(
    dr: Dr, prod: Deployed, moment: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The look before finds nothing, and RDS says that the instance exists: it is the one asked for."""
    first, looks = restore(dr, moment), 0
    real = run.describe_instance

    def late(rds: Any, name: str) -> Any:
        nonlocal looks
        looks += 1
        return None if looks == 1 else real(rds, name)

    monkeypatch.setattr(run, "describe_instance", late)
    assert restore(dr, moment)["instance"] == first["instance"]
    del prod


def test_instance_of_that_name_that_is_not_ours_is_never_touched(dr: Dr, prod: Deployed, moment: datetime) -> None:
    rds = prod.cloud.clients(PRIMARY_REGION).rds
    other = moment + timedelta(seconds=1)
    rds.restore_db_instance_to_point_in_time(
        SourceDbiResourceId=instance(prod, PRIMARY_REGION, "duskspendr-prod").get("DbiResourceId", ""),
        TargetDBInstanceIdentifier=f"duskspendr-prod-at-{other:%Y%m%dt%H%M%Sz}",
        RestoreTime=moment,
    )
    refusal = error_of(dr("restore", "--environment", "prod", "--at", other.isoformat()), 1)
    assert refusal.startswith("refused: expected no instance duskspendr-prod-at-")


def test_recovery_region_restores_the_replicated_backup_with_its_replicas_settings(
    dr: Dr, prod: Deployed, moment: datetime
) -> None:
    facts = restore(dr, moment, "--region", RECOVERY_REGION)
    assert (facts["replicated"], facts["settings_of"]) == (True, "duskspendr-prod-replica")
    assert facts["settings"]["DBParameterGroupName"] == "replica-parameters"
    assert prod.read(facts["instance"]) == [1]


def test_next_commands_can_be_pasted(dr: Dr, prod: Deployed, moment: datetime) -> None:
    del prod
    facts = restore(dr, moment)
    [prove] = facts["next"]["prove"]
    assert "stateMachine:duskspendr-prod-restore-verification --input '{" in prove
    assert json.loads(prove.split("'")[1])["dbInstanceIdentifier"] == facts["instance"]
    assert "dr verify --dsn" in facts["next"]["prove from inside the network"][1]
    assert [command.split()[2] for command in facts["next"]["remove"]] == ["modify-db-instance", "delete-db-instance"]
    shown = dr("restore", "--environment", "prod", "--at", moment.isoformat()).stdout
    assert all(command in shown for commands in facts["next"].values() for command in commands)


@pytest.mark.parametrize("days", [-30, -1])
def test_time_outside_the_window_is_told_with_the_window(dr: Dr, prod: Deployed, days: int) -> None:
    del prod
    at = (datetime.now(UTC) + timedelta(days=days)).isoformat()
    error = error_of(dr("restore", "--environment", "prod", "--at", at))
    assert "--at: expected a time that can be restored in ap-south-1 (duskspendr-prod from 20" in error


@pytest.mark.parametrize(
    ("at", "finding"),
    [
        ("yesterday", "--at: expected an ISO 8601 time, found 'yesterday'"),
        ("2026-11-01T04:05:06", "--at: expected a time with its zone"),
        ("2999-01-01T00:00:00Z", "--at: expected a time in the past"),
        ("", "--at: expected an ISO 8601 time"),
    ],
)
def test_time_that_is_no_moment_is_refused(dr: Dr, prod: Deployed, at: str, finding: str) -> None:
    del prod
    assert finding in error_of(dr("restore", "--environment", "prod", f"--at={at}"))


def test_region_that_is_neither_is_refused(dr: Dr, prod: Deployed, moment: datetime) -> None:
    del prod
    error = error_of(dr("restore", "--environment", "prod", "--at", moment.isoformat(), "--region", "eu-west-1"))
    assert "--region: expected ap-south-1 or ap-southeast-1, found 'eu-west-1'" in error


def test_environment_without_backups_is_refused(dr: Dr, prod: Deployed, moment: datetime) -> None:
    del prod
    refusal = error_of(dr("restore", "--environment", "qa", "--at", moment.isoformat()), 1)
    assert "expected automated backups of the database in ap-south-1, found none" in refusal


def test_restore_that_fails_is_status_1_and_says_how_to_remove_it(
    dr: Dr, prod: Deployed, moment: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    restore(dr, moment)
    real = run.describe_instance

    def failed(rds: Any, name: str) -> Any:
        return (real(rds, name) or {}) | {"DBInstanceStatus": "incompatible-network"}

    monkeypatch.setattr(run, "describe_instance", failed)
    result = dr("restore", "--environment", "prod", "--at", moment.isoformat(), "--json")
    assert result.exit_code == 1
    assert list(json.loads(result.stdout)["next"]) == ["remove"]
    del prod


def a_backup(identifier: str, *, hours: tuple[int, int]) -> AutomatedBackup:
    noon = datetime(2026, 11, 1, 12, tzinfo=UTC)
    return AutomatedBackup(
        arn=f"arn:{identifier}",
        identifier=identifier,
        resource_id="db-1",
        replicated=False,
        earliest=noon + timedelta(hours=hours[0]),
        latest=noon + timedelta(hours=hours[1]),
    )


def test_of_two_backups_that_reach_the_time_the_serving_instances_is_taken() -> None:
    """After a failover both may reach it; only one of the two databases went on."""
    backups = [a_backup("old", hours=(-9, 9)), a_backup("new", hours=(-1, 2))]
    at = datetime(2026, 11, 1, 13, tzinfo=UTC)
    assert choose_backup(backups, at, region="r", serving="new").identifier == "new"
    assert choose_backup(backups, at - timedelta(hours=4), region="r", serving="new").identifier == "old"


def test_restored_name_is_one_that_rds_takes(prod: Deployed, moment: datetime) -> None:
    name = settings.restored_identifier(prod.names, moment)
    assert name == name.lower()
    assert len(name) <= 63
    assert "--" not in name


def test_instance_that_never_had_a_backup_is_no_error() -> None:
    """RDS may say so with an empty list or with a fault of its own."""
    rds: Any = Session().create_client("rds", region_name="r", aws_access_key_id="x", aws_secret_access_key="x")
    with Stubber(rds) as stubber:
        stubber.add_response("describe_db_instance_automated_backups", {"DBInstanceAutomatedBackups": []})
        stubber.add_client_error("describe_db_instance_automated_backups", "DBInstanceAutomatedBackupNotFound")
        assert read_backups(rds, Names(environment="prod", account="1")) == []


# From here on the primary's region is gone: what stands below runs last, on the same deployment.


@pytest.fixture(scope="module")
def lost(deployed: tuple[Deployed, datetime]) -> Deployed:
    """The same environment, after its primary region was lost."""
    prod = deployed[0]
    prod.cloud.press("lose-region", PRIMARY_REGION)
    with pytest.raises(ClientError):
        prod.cloud.clients(PRIMARY_REGION).rds.describe_db_instances()
    return prod


def test_primary_region_that_is_lost_is_not_needed(dr: Dr, prod: Deployed, lost: Deployed, moment: datetime) -> None:
    del lost
    later = moment + timedelta(seconds=1)  # which nobody restored before
    facts = restore(dr, later, "--region", RECOVERY_REGION)
    assert facts["resumed"] is False
    assert 1 in prod.read(facts["instance"])


def test_restore_in_the_region_that_is_lost_says_where_else(
    dr: Dr, prod: Deployed, lost: Deployed, moment: datetime
) -> None:
    del prod, lost
    error = error_of(dr("restore", "--environment", "prod", "--at", moment.isoformat()))
    assert "ap-south-1 does not answer (HTTP 503)" in error
    assert "`--region ap-southeast-1` restores from the backups there" in error


def test_without_the_replica_either_what_has_a_fixed_name_is_enough(
    dr: Dr, prod: Deployed, lost: Deployed, moment: datetime
) -> None:
    del lost
    drop_replica(prod)
    facts = restore(dr, moment + timedelta(seconds=2), "--region", RECOVERY_REGION)
    assert facts["settings_of"] is None
    assert facts["settings"]["DBSubnetGroupName"] == "duskspendr-prod-restored"
    assert facts["settings"]["DeletionProtection"] is True
    assert 1 in prod.read(facts["instance"])


def drop_replica(prod: Deployed) -> None:
    """Leave the recovery region the group of restored instances alone."""
    cloudformation = prod.cloud.clients(RECOVERY_REGION).cloudformation
    group = {"GroupName": prod.names.restored_name, "GroupDescription": "restored"}
    resources = {"Group": {"Type": "AWS::EC2::SecurityGroup", "Properties": group}}
    cloudformation.update_stack(StackName=prod.names.prefix, TemplateBody=json.dumps({"Resources": resources}))

    def gone() -> bool | None:
        return (
            all(each["identifier"] != prod.names.replica_identifier for each in prod.cloud.listing("instances")) or None
        )

    wait_for("the end of the replica", gone)
