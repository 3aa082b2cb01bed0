"""One deployed verification, its vault, and restores for it to prove; shared by the tests of a module."""

from dataclasses import dataclass
from typing import Any

import psycopg
from mypy_boto3_stepfunctions.type_defs import ExecutionListItemTypeDef
from psycopg.sql import SQL, Identifier

from lab.cloud import Cloud
from lab.deployment import Deployment, bootstrap, deploy, synthesize
from lab.drill import master_dsn
from lab.executions import execute
from lab.polling import wait_for
from recovery.evidence import Evidence

Fault = dict[str, Any]
ENDED = {"SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"}


@dataclass
class Proving:
    """The primary region of a deployed lab."""

    cloud: Cloud
    deployment: Deployment
    point: str = ""

    @property
    def region(self) -> str:
        return self.deployment.primary_region

    @property
    def machine(self) -> str:
        return self.deployment.output("Backup", "VerificationStateMachineArn")

    def restore(self, *, metadata: dict[str, str] | None = None) -> str:
        """Restore the recovery point by hand; returns the job's id. Its event starts the verification."""
        return self.cloud.clients(self.region).backup.start_restore_job(
            RecoveryPointArn=self.point,
            Metadata={"dbSubnetGroupName": "restored", "enableIamDatabaseAuthentication": "true"} | (metadata or {}),
            IamRoleArn="arn:aws:iam::123456789012:role/restore",
        )["RestoreJobId"]

    def inject(self, *faults: Fault) -> None:
        self.cloud.press("inject-faults", self.region, faults=list(faults))

    def pending_faults(self) -> list[Fault]:
        return self.cloud.listing("faults")

    def executions(self, job: str) -> list[ExecutionListItemTypeDef]:
        """The executions that this job's events have started."""
        states = self.cloud.clients(self.region).states
        found = states.list_executions(stateMachineArn=self.machine, maxResults=1000)["executions"]
        return [each for each in found if job in states.describe_execution(executionArn=each["executionArn"])["input"]]

    def ended(self, job: str, *, times: int = 1) -> list[str]:
        """Wait until so many executions of the job have ended; returns how."""

        def look() -> list[str] | None:
            found = [each["status"] for each in self.executions(job)]
            return found if len(found) == times and set(found) <= ENDED else None

        return wait_for(f"{times} executions for {job}", look)

    def evidence(self, job: str) -> Evidence:
        """The one record of a restore. Waits for it, and fails when there is another."""
        records = wait_for("the evidence", lambda: self.records(job) or None)
        assert len(records) == 1, records
        found = self.cloud.clients(self.deployment.recovery_region).s3.get_object(Bucket=self.bucket, Key=records[0])
        return Evidence.model_validate_json(found["Body"].read())

    @property
    def bucket(self) -> str:
        return self.deployment.output("RecoveryFoundation", "EvidenceBucketName")

    def records(self, job: str) -> list[str]:
        """The keys of the records of a restore job, whatever their versions: a second version would be a second one."""
        s3 = self.cloud.clients(self.deployment.recovery_region).s3
        versions = s3.list_object_versions(Bucket=self.bucket, Prefix="evidence/").get("Versions", [])
        return [key for each in versions if (key := each.get("Key", "")).endswith(f"/{job}.json")]

    def validation(self, job: str) -> str | None:
        """What AWS Backup was told of a restore job."""
        return self.cloud.clients(self.region).backup.describe_restore_job(RestoreJobId=job).get("ValidationStatus")

    def validated(self, job: str) -> str:
        return wait_for("the validation", lambda: self.validation(job))

    def send(self, job: str, **detail: Any) -> None:
        """The job's event once more, as EventBridge may deliver it."""
        account = self.cloud.account
        known = {
            "restoreJobId": job,
            "status": "COMPLETED",
            "resourceType": "RDS",
            "sourceResourceArn": f"arn:aws:rds:{self.region}:{account}:db:duskspendr-local",
        }
        self.cloud.press("send-event", self.region, detail=known | detail)


def deploy_verification(cloud: Cloud) -> Proving:
    """Deploy the primary's database and vault, take a manifest and a recovery point of a small database."""
    assembly = synthesize(cloud)
    bootstrap(cloud, assembly)
    deployment = deploy(cloud, assembly, lambda _: None, only=["Database", "Backup"])
    proving = Proving(cloud, deployment)
    with psycopg.connect(master_dsn(cloud, deployment), autocommit=True) as connection:
        connection.execute("CREATE TABLE notes (id int PRIMARY KEY, body text NOT NULL)")
        for gone in ("sessions", "auth_otps"):  # the deployed settings name them
            connection.execute(SQL("CREATE TABLE {} (id int PRIMARY KEY)").format(Identifier(gone)))
        connection.execute("INSERT INTO notes SELECT n, 'note ' || n FROM generate_series(1, 100) n")
    execute(cloud, proving.region, deployment.output("Database", "ManifestStateMachineArn"))
    backup = cloud.clients(proving.region).backup
    job = backup.start_backup_job(
        BackupVaultName=deployment.output("Backup", "VaultName"),
        ResourceArn=f"arn:aws:rds:{proving.region}:{cloud.account}:db:duskspendr-local",
        IamRoleArn="arn:aws:iam::123456789012:role/backup",
        Lifecycle={"DeleteAfterDays": 90},
    )["BackupJobId"]
    done = wait_for("the backup", lambda: _completed(backup.describe_backup_job(BackupJobId=job)))
    proving.point = done["RecoveryPointArn"]
    return proving


def _completed(job: Any) -> Any:
    assert job["State"] != "FAILED", job
    return job if job["State"] == "COMPLETED" else None
