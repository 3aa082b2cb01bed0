"""``dr status`` against an environment in the lab: real databases, a vault, alarms, a metric and evidence."""

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.stub import Stubber
from typer.testing import Result

from lab.cloud import Cloud, running_cloud
from lab.polling import wait_for
from operations import aws
from recovery import instances
from recovery.evidence import judge
from recovery.evidence.bucket import EvidenceBucket
from recovery.evidence.chain import keep, record_key
from recovery.names import PRIMARY_REGION, RECOVERY_REGION
from recovery.objectives import APPLICATION, FULL
from tests.operations.conftest import Dr, error_of, sign_in
from tests.operations.deployed import Deployed, deploy
from tests.recovery.evidence_files import a_record

SCREEN_COLUMNS = 80


@pytest.fixture(scope="module")
def deployed() -> Iterator[Deployed]:
    with running_cloud() as cloud:
        prod = deploy(cloud, "prod")
        for region, vault in ((PRIMARY_REGION, "primary"), (RECOVERY_REGION, "recovery")):
            for name in prod.names.stacks_in(region):
                if name != "prod-Observability":
                    make_stack(cloud, region, name)
            cloud.clients(region).backup.create_backup_vault(BackupVaultName=f"duskspendr-prod-{vault}")
        take_snapshot(prod)
        put_lag(prod, 7)
        raise_alarm(prod)
        keep_evidence(prod)
        yield prod


@pytest.fixture
def prod(deployed: Deployed, monkeypatch: pytest.MonkeyPatch) -> Deployed:
    sign_in(deployed.cloud, monkeypatch)
    return deployed


def make_stack(cloud: Cloud, region: str, name: str) -> None:
    cloudformation = cloud.clients(region).cloudformation
    template = json.dumps({"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}})
    cloudformation.create_stack(StackName=name, TemplateBody=template)

    def created() -> bool | None:
        [stack] = cloudformation.describe_stacks(StackName=name)["Stacks"]
        return True if stack["StackStatus"] == "CREATE_COMPLETE" else None

    wait_for(name, created)


def take_snapshot(prod: Deployed) -> None:
    backup = prod.cloud.clients(PRIMARY_REGION).backup
    job = backup.start_backup_job(
        BackupVaultName="duskspendr-prod-primary",
        ResourceArn=prod.names.instance_arn,
        IamRoleArn="arn:aws:iam::123456789012:role/backup",
    )["BackupJobId"]
    wait_for("the snapshot", lambda: backup.describe_backup_job(BackupJobId=job)["State"] == "COMPLETED" or None)


def put_lag(prod: Deployed, seconds: float) -> None:
    prod.cloud.clients(RECOVERY_REGION).cloudwatch.put_metric_data(
        Namespace="AWS/RDS",
        MetricData=[
            {
                "MetricName": "ReplicaLag",
                "Dimensions": [{"Name": "DBInstanceIdentifier", "Value": "duskspendr-prod-replica"}],
                "Timestamp": datetime.now(UTC) - timedelta(seconds=1),
                "Value": seconds,
            }
        ],
    )


def raise_alarm(prod: Deployed) -> None:
    cloudwatch = prod.cloud.clients(PRIMARY_REGION).cloudwatch
    # The canary's is meant to be on, and what keeps another quiet says nothing: neither is to be shown.
    of_prod = ("free-storage", "canary", "quiet-storage")
    for name in (*(f"duskspendr-prod-{subject}" for subject in of_prod), "duskspendr-staging-free-storage"):
        cloudwatch.put_metric_alarm(
            AlarmName=name,
            MetricName="FreeStorageSpace",
            Namespace="AWS/RDS",
            Period=3600,
            EvaluationPeriods=1,
            Threshold=1,
            Statistic="Minimum",
            ComparisonOperator="LessThanThreshold",
            TreatMissingData="ignore",
        )
        cloudwatch.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="test")


def keep_evidence(prod: Deployed) -> None:
    """A restore test a day, the last of which failed unmeasured, and a rollback before them."""
    bucket = prod.names.evidence_bucket_name
    s3 = prod.cloud.clients(RECOVERY_REGION).s3
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": RECOVERY_REGION})
    rollback = a_record(1).model_copy(
        update={"drill": "rollback", "objectives": (judge(APPLICATION, rto=timedelta(seconds=123), rpo=None),)}
    )
    failed = a_record(3, passed=False).model_copy(update={"objectives": (judge(FULL, rto=None, rpo=None),)})
    for number, each in enumerate((rollback, a_record(2), failed), start=1):
        keep(EvidenceBucket(s3, bucket), record_key("duskspendr-prod", f"job-{number}"), each)


def facts_of(result: Result) -> Any:
    assert result.exit_code in (0, 1), result.output
    return json.loads(result.stdout)


def status(dr: Dr) -> Any:
    return facts_of(dr("status", "--environment", "prod", "--json"))


def test_every_tier_shows_its_last_measurement_and_none_is_made_up(dr: Dr, prod: Deployed) -> None:
    """The newest record measured nothing, so the one before it counts."""
    del prod
    tiers = {each["name"]: each for each in status(dr)["tiers"]}
    assert tiers["database"]["rto_measured"] is None
    assert tiers["application"]["rto_measured"]["seconds"] == 123
    assert tiers["full"]["rto_measured"] == {"seconds": 1200, "at": "2026-01-02T07:00:00+00:00", "lab": False}
    assert tiers["full"]["rpo_measured"]["seconds"] == 30


def test_newest_backup_of_each_kind_in_each_region_is_shown(dr: Dr, prod: Deployed) -> None:
    del prod
    regions = status(dr)["regions"]
    for region, kind in (
        (PRIMARY_REGION, "newest_automated_backup"),
        (PRIMARY_REGION, "newest_snapshot"),
        (RECOVERY_REGION, "newest_automated_backup"),
    ):
        assert datetime.now(UTC) - datetime.fromisoformat(regions[region][kind]) < timedelta(minutes=10)
    assert regions[RECOVERY_REGION]["newest_snapshot"] is None


def test_lag_alarms_drill_evidence_and_active_region_are_shown(dr: Dr, prod: Deployed) -> None:
    del prod
    facts = status(dr)
    assert facts["active_region"] == PRIMARY_REGION
    assert facts["regions"][RECOVERY_REGION]["replica_lag_seconds"] == 7
    assert facts["open_alarms"] == [f"{PRIMARY_REGION} duskspendr-prod-free-storage"]
    assert (facts["last_evidence"]["name"], facts["last_evidence"]["verdict"]) == ("job-3", "FAIL")
    assert facts["last_drill"]["drill"] == "restore-test"


def test_what_is_wrong_is_one_line_each_and_status_1(dr: Dr, prod: Deployed) -> None:
    del prod
    result = dr("status", "--environment", "prod", "--json")
    assert result.exit_code == 1
    found = json.loads(result.stdout)["findings"]
    assert f"{PRIMARY_REGION}: the stack prod-Observability is missing: `cdk deploy 'prod/Observability'`" in found
    assert f"{RECOVERY_REGION}: there is no snapshot to restore" in found
    assert "tier 1 (database): RTO and RPO unmeasured: `dr drill instance --environment prod` measures it" in found
    assert len([line for line in found if "stack" in line]) == 1
    assert all("\n" not in line for line in found)


def run_dr(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("dr")), *arguments]
    kept = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR")}
    return subprocess.run(
        command, env=kept | environment, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )


def test_screen_fits_a_terminal_and_a_pipe_has_no_colour(prod: Deployed) -> None:
    del prod
    piped = run_dr("status", "--environment", "prod", COLUMNS=str(SCREEN_COLUMNS))
    assert "\x1b" not in piped.stdout + piped.stderr
    screen, _, wrong = piped.stdout.partition("to look at:")
    assert max(map(len, screen.splitlines())) <= SCREEN_COLUMNS
    assert len(screen.splitlines()) < 24
    assert "unmeasured" in screen
    assert wrong


def test_colour_is_for_who_wants_it(prod: Deployed) -> None:
    del prod
    arguments = ("status", "--environment", "prod")
    assert "\x1b" in run_dr(*arguments, FORCE_COLOR="1").stdout
    assert "\x1b[3" not in run_dr(*arguments, FORCE_COLOR="1", NO_COLOR="1").stdout


def test_works_without_the_cdk_on_the_machine(prod: Deployed, tmp_path: Path) -> None:
    del prod
    for name in ("aws_cdk", "constructs", "jsii"):
        (tmp_path / f"{name}.py").write_text("raise ImportError('not on this machine')")
    result = run_dr("status", "--environment", "prod", "--json", PYTHONPATH=str(tmp_path))
    assert json.loads(result.stdout)["environment"] == "prod", result.stderr


def test_environment_that_does_not_exist_is_one_line(dr: Dr, prod: Deployed) -> None:
    error = error_of(dr("status", "--environment", "qa"))
    assert f"expected the environment qa in account {prod.cloud.account}, found no stack of it" in error


def test_half_deployed_environment_is_one_line_for_each_part(dr: Dr, prod: Deployed) -> None:
    make_stack(prod.cloud, RECOVERY_REGION, "half-RecoveryFoundation")
    result = dr("status", "--environment", "half")
    assert result.exit_code == 1
    assert "served from unknown; there is no replica in ap-southeast-1" in result.stdout
    assert "- ap-south-1: the stack half-Database is missing: `cdk deploy 'half/Database'`" in result.stdout
    assert "RecoveryFoundation is missing" not in result.stdout
    bucket = f"duskspendr-half-evidence-{prod.cloud.account}"
    why = f"there is no bucket {bucket}: it comes with half-RecoveryFoundation"
    assert f"- ap-southeast-1: the evidence cannot be read: {why}" in result.stdout


def test_missing_credentials_are_one_line(dr: Dr, prod: Deployed, monkeypatch: pytest.MonkeyPatch) -> None:
    del prod
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    assert "found: no usable AWS credentials" in error_of(dr("status", "--environment", "prod"))


@pytest.mark.parametrize(
    ("code", "finding"),
    [
        ("ExpiredToken", "AWS refuses the credentials (ExpiredToken): sign in again"),
        ("InvalidClientTokenId", "AWS refuses the credentials (InvalidClientTokenId): sign in again"),
        ("AccessDenied", "the credentials may not do this"),
    ],
)
def test_refused_credentials_are_one_line(
    dr: Dr, prod: Deployed, monkeypatch: pytest.MonkeyPatch, code: str, finding: str
) -> None:
    del prod
    refuse(monkeypatch, "sts", "get_caller_identity", code)
    assert finding in error_of(dr("status", "--environment", "prod"))


def refuse(monkeypatch: pytest.MonkeyPatch, service: str, operation: str, code: str) -> None:
    """Let one operation of one service be refused, by botocore's own stubber, and everything else be real."""
    real = aws.client

    def client(name: Any, region: str) -> Any:
        made = real(name, region)
        if name == service:
            stubber = Stubber(made)
            stubber.add_client_error(operation, code, "no", http_status_code=403)
            stubber.activate()
        return made

    monkeypatch.setattr(aws, "client", client)
    monkeypatch.setattr("operations.status.client", client)


def test_one_question_that_is_refused_takes_no_other_along(
    dr: Dr, prod: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    del prod
    refuse(monkeypatch, "cloudformation", "describe_stacks", "AccessDenied")
    facts = status(dr)
    lines = [line for line in facts["findings"] if "cannot be read" in line]
    assert len(lines) == 2
    assert lines[0].startswith(f"{PRIMARY_REGION}: the stacks cannot be read: the credentials may not do this")
    assert facts["regions"][RECOVERY_REGION]["replica_lag_seconds"] == 7


def test_promoted_replica_makes_its_region_the_active_one(
    dr: Dr, prod: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    del prod
    real = instances.describe_instance

    def promoted(rds: Any, name: str) -> Any:
        return {**(real(rds, name) or {}), "ReadReplicaSourceDBInstanceIdentifier": ""}

    monkeypatch.setattr(instances, "describe_instance", promoted)
    facts = status(dr)
    assert facts["active_region"] == RECOVERY_REGION
    assert facts["findings"][0].endswith("both take writes: fence the one that does not serve")


def test_region_that_never_answers_does_not_hold_the_command_up(
    dr: Dr, prod: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its packets vanish: only the time-outs end the waiting, and every question waits at the same time."""
    with socket.create_server(("127.0.0.1", 0)) as mute:
        port = mute.getsockname()[1]
        real = aws.client
        local = f"http://127.0.0.1:{port}"

        def client(service: Any, region: str) -> Any:
            if region != PRIMARY_REGION:
                return real(service, region)
            monkeypatch.setenv("AWS_ENDPOINT_URL", local)
            try:
                return real(service, region, read_seconds=1)
            finally:
                monkeypatch.setenv("AWS_ENDPOINT_URL", prod.cloud.endpoint)

        monkeypatch.setattr("operations.status.client", client)
        began = time.monotonic()
        facts = status(dr)
        assert time.monotonic() - began < 10  # one after the other, six questions twice would take twelve
        assert "does not answer (ReadTimeoutError)" in facts["findings"][0]
    assert threading.active_count() < 50


def test_both_regions_that_are_silent_are_status_2(dr: Dr, monkeypatch: pytest.MonkeyPatch, cloud: Cloud) -> None:
    sign_in(cloud, monkeypatch)
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
    assert "does not answer" in error_of(dr("status", "--environment", "prod"))


# From here on the primary's region is gone: what stands below runs last, on the same deployment.


@pytest.fixture(scope="module")
def lost(deployed: Deployed) -> Deployed:
    """The same environment, after its primary region was lost."""
    deployed.cloud.press("lose-region", PRIMARY_REGION)
    return deployed


def test_region_that_is_lost_is_one_line_and_the_other_is_shown(dr: Dr, prod: Deployed, lost: Deployed) -> None:
    del lost
    facts = status(dr)
    lines = [line for line in facts["findings"] if line.startswith(PRIMARY_REGION)]
    assert lines == ["ap-south-1 does not answer (HTTP 503): see whether the region is down"]
    assert facts["regions"][RECOVERY_REGION]["instance"]["identifier"] == prod.names.replica_identifier
    screen = dr("status", "--environment", "prod").stdout
    assert "unknown" in screen
