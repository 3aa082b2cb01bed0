"""``dr rollback`` against the lab's ECS, which answers for the history of a service and ends deployments as told.

Which way back fits is decided on the history alone: tests/recovery/test_rollback_plan.py has every branch of it.
"""

import json
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import EndpointConnectionError

from lab.cloud import Cloud
from operations import aws
from recovery.instances import Instance
from recovery.names import CLUSTER, SCHEMA_VERSION_LABEL, SERVICE
from recovery.rollback import history, run
from tests.operations.conftest import Dr, error_of

if TYPE_CHECKING:
    from mypy_boto3_ecs import ECSClient

REGION, RECOVERY = "ap-south-1", "ap-southeast-1"
ROLLBACK = ("rollback", "--environment", "prod")
SCHEMA_PARAMETER = "/duskspendr-prod/database/schema-version"


@dataclass
class Service:
    """The application's service, deployed by hand as the templates would."""

    cloud: Cloud
    ecs: "ECSClient"

    def register(self, schema_version: int | None = 1) -> str:
        labels = {} if schema_version is None else {SCHEMA_VERSION_LABEL: str(schema_version)}
        container = {"name": "Api", "image": "api:1", "dockerLabels": labels}
        found = self.ecs.register_task_definition(family=SERVICE, containerDefinitions=[container])  # type: ignore[list-item]
        return found["taskDefinition"].get("taskDefinitionArn", "")

    def create(self, schema_version: int | None = 1) -> None:
        self.ends("succeeds")
        self.ecs.create_cluster(clusterName=CLUSTER)
        self.ecs.create_service(
            cluster=CLUSTER, serviceName=SERVICE, taskDefinition=self.register(schema_version), desiredCount=1
        )
        self.wait_for("SUCCESSFUL")

    def deploy(self, schema_version: int | None = 1, *, ends: str = "succeeds", wait: str = "SUCCESSFUL") -> None:
        self.ends(ends)
        self.ecs.update_service(cluster=CLUSTER, service=SERVICE, taskDefinition=self.register(schema_version))
        self.wait_for(wait)

    def ends(self, ending: str) -> None:
        self.cloud.press("next-deployments", REGION, ending=ending)

    @property
    def statuses(self) -> list[str]:
        """Of every deployment, the newest first."""
        found = self.ecs.list_service_deployments(cluster=CLUSTER, service=SERVICE)["serviceDeployments"]
        return [str(each.get("status")) for each in found]

    def wait_for(self, status: str) -> None:
        deadline = time.monotonic() + 10
        while self.statuses[0] != status:
            assert time.monotonic() < deadline, self.statuses
            time.sleep(0.02)

    @property
    def revision(self) -> int:
        """The revision that the service is set to."""
        [found] = self.ecs.describe_services(cluster=CLUSTER, services=[SERVICE])["services"]
        return int(found.get("taskDefinition", "").rpartition(":")[2])


@pytest.fixture
def service(cloud: Cloud, account: str, monkeypatch: pytest.MonkeyPatch) -> Service:
    """Revisions 1 and 2, each deployed well."""
    monkeypatch.setattr(run, "POLL_SECONDS", 0.02)
    service = Service(cloud, cloud.clients_of(account, REGION).ecs)
    service.create()
    service.deploy()
    return service


def test_service_is_updated_and_the_measured_time_is_kept_as_evidence(
    dr: Dr, service: Service, cloud: Cloud, account: str
) -> None:
    """Without the evidence `dr status` could never tell what tier 2 took."""
    s3, bucket = cloud.clients_of(account, RECOVERY).s3, f"duskspendr-prod-evidence-{account}"
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": RECOVERY})
    began = time.monotonic()
    facts = json.loads(dr(*ROLLBACK, "--json").stdout)
    assert (facts["way"], facts["to"], facts["status"]) == ("update", f"{SERVICE}:1", "SUCCESSFUL")
    assert (service.revision, service.statuses[0]) == (1, "SUCCESSFUL")
    assert 0 < facts["rto_measured_seconds"] <= time.monotonic() - began
    assert (facts["rto_target_seconds"], facts["verdict"]) == (1800, "PASS")
    place = ("--bucket", bucket, "--region", RECOVERY, "--database", "duskspendr-prod", "--json")
    assert json.loads(dr("evidence", "verify", *place).stdout)["records"] == 1
    record = json.loads(dr("evidence", "show", facts["evidence"], *place).stdout)
    assert (record["drill"], record["verdict"], record["lab"]) == ("rollback", "PASS", True)
    [objective] = record["objectives"]
    assert (objective["tier"], objective["rto_measured_seconds"]) == (2, facts["rto_measured_seconds"])


def test_bucket_that_cannot_be_written_to_fails_no_rollback(dr: Dr, service: Service) -> None:
    result = dr(*ROLLBACK, "--to", "1")
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[-1].startswith("no evidence was kept")
    assert service.revision == 1


def test_deployment_under_way_is_stopped_and_rolled_back(dr: Dr, service: Service) -> None:
    service.deploy(ends="hangs", wait="IN_PROGRESS")
    facts = json.loads(dr(*ROLLBACK, "--json").stdout)
    assert (facts["way"], facts["to"], facts["status"]) == ("stop", f"{SERVICE}:2", "ROLLBACK_SUCCESSFUL")
    assert (service.revision, service.statuses[0]) == (2, "ROLLBACK_SUCCESSFUL")


def test_a_rollback_that_runs_already_is_waited_for_and_not_stopped(dr: Dr, service: Service) -> None:
    """Stopping it would bring the faulty revision back."""
    service.deploy(ends="hangs", wait="IN_PROGRESS")
    [deployment, *_] = service.ecs.list_service_deployments(cluster=CLUSTER, service=SERVICE)["serviceDeployments"]
    service.ecs.stop_service_deployment(
        serviceDeploymentArn=deployment.get("serviceDeploymentArn", ""), stopType="ROLLBACK"
    )
    result = dr(*ROLLBACK)
    assert result.exit_code == 0, result.output
    assert f"wait for the rollback to {SERVICE}:2" in result.stdout
    assert len(service.statuses) == 3


def test_dry_run_changes_nothing(dr: Dr, service: Service) -> None:
    result = dr(*ROLLBACK, "--dry-run")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[-1] == "nothing was done: this was --dry-run"
    assert (service.revision, len(service.statuses)) == (2, 2)


def test_revision_older_than_the_recorded_schema_is_refused_unless_forced(
    dr: Dr, service: Service, cloud: Cloud, account: str
) -> None:
    cloud.clients_of(account, REGION).ssm.put_parameter(Name=SCHEMA_PARAMETER, Value="2", Type="String")
    refusal = error_of(dr(*ROLLBACK), 1)
    assert refusal.startswith("refused: the database is at schema version 2, and DuskSpendr-api:1 declares no newer")
    assert service.revision == 2
    result = dr(*ROLLBACK, "--force")
    assert result.exit_code == 0, result.output
    assert "overruled: the database is at schema version 2" in result.stdout
    assert service.revision == 1


def test_schema_version_that_is_no_number_is_refused(dr: Dr, service: Service, cloud: Cloud, account: str) -> None:
    del service
    cloud.clients_of(account, REGION).ssm.put_parameter(Name=SCHEMA_PARAMETER, Value="v2", Type="String")
    assert f"expected a whole number in the SSM parameter {SCHEMA_PARAMETER}, found 'v2'" in error_of(dr(*ROLLBACK), 1)


def test_rollback_that_ecs_rolls_back_itself_is_a_failure(dr: Dr, service: Service) -> None:
    service.ends("fails")
    result = dr(*ROLLBACK)
    assert result.exit_code == 1
    assert "the deployment is ROLLBACK_SUCCESSFUL, expected SUCCESSFUL" in result.stdout
    assert service.revision == 2


def test_rollback_that_does_not_end_in_time_fails_unmeasured(
    dr: Dr, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.ends("hangs")
    ticks = iter(range(0, 10**6, 600))
    monkeypatch.setattr(run.time, "monotonic", lambda: next(ticks))
    facts = json.loads(dr(*ROLLBACK, "--json").stdout)
    assert (facts["verdict"], facts["status"], facts["rto_measured_seconds"]) == ("FAIL", "IN_PROGRESS", None)


def test_history_of_many_deployments_is_read_to_its_end(
    dr: Dr, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of more pages than one, and of more revisions than are described at a time."""
    monkeypatch.setattr(history, "_DEPLOYMENTS_A_CALL", 10)
    service.ends("hangs")
    for _ in range(22):
        service.ecs.update_service(cluster=CLUSTER, service=SERVICE, taskDefinition=service.register())
    service.wait_for("IN_PROGRESS")
    service.deploy()
    facts = json.loads(dr(*ROLLBACK, "--dry-run", "--json").stdout)
    assert (facts["from"], facts["to"]) == (f"{SERVICE}:25", f"{SERVICE}:2")


@pytest.mark.parametrize("revision", ["0", "-1", "latest", "other:3", "3.5", ""])
def test_what_is_no_revision_is_refused_before_anything_is_asked(dr: Dr, revision: str) -> None:
    assert "--to: expected a revision such as 41" in error_of(dr(*ROLLBACK, f"--to={revision}"))


def test_revision_that_does_not_exist_is_status_2(dr: Dr, service: Service) -> None:
    del service
    assert f"found none {SERVICE}:99" in error_of(dr(*ROLLBACK, "--to", "99"))


@pytest.mark.parametrize("environment", ["", "Prod", "prod;", "a" * 30])
def test_what_is_no_environment_is_refused(dr: Dr, account: str, environment: str) -> None:
    del account
    assert "--environment: expected a name such as prod" in error_of(dr("rollback", f"--environment={environment}"))


def test_environment_without_the_service_is_refused(dr: Dr, account: str) -> None:
    del account
    assert f"expected the service {SERVICE} in the cluster {CLUSTER} in {REGION}, found none" in error_of(
        dr(*ROLLBACK), 1
    )


def test_after_a_failover_the_recovery_regions_service_is_rolled_back(
    dr: Dr, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    del service

    def promoted(*_: object) -> Instance:
        return Instance(identifier="duskspendr-prod-replica", status="available", source=None)

    monkeypatch.setattr(aws, "find_instance", promoted)
    assert f"in the cluster {CLUSTER} in {RECOVERY}, found none" in error_of(dr(*ROLLBACK), 1)


def test_recovery_region_that_does_not_answer_holds_no_rollback_up(
    dr: Dr, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    del service

    def silent(*_: object) -> Instance:
        raise EndpointConnectionError(endpoint_url="https://rds.ap-southeast-1.amazonaws.com")

    monkeypatch.setattr(aws, "find_instance", silent)
    assert json.loads(dr(*ROLLBACK, "--dry-run", "--json").stdout)["region"] == REGION


def test_missing_credentials_are_one_line(dr: Dr, account: str, monkeypatch: pytest.MonkeyPatch) -> None:
    del account
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    assert "found: no usable AWS credentials" in error_of(dr(*ROLLBACK))


def test_ctrl_c_ends_only_the_waiting(service: Service) -> None:
    service.ends("hangs")  # so that there is something to wait for, however slow this machine is
    command = [str(Path(sys.executable).with_name("dr")), *ROLLBACK]
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a script's background job ignores it, and its children
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        deadline = time.monotonic() + 30
        while len(service.statuses) == 2:
            assert time.monotonic() < deadline
        while process.poll() is None:  # as people do: a busy program may miss the first
            assert time.monotonic() < deadline + 30
            process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):  # one more while Python ends would kill it
                process.wait(timeout=10)
        _, errors = process.communicate(timeout=10)
    finally:
        process.kill()
    assert process.returncode == 130
    assert "Traceback" not in errors
    service.wait_for("IN_PROGRESS")
    assert service.revision == 1
