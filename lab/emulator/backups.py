"""AWS Backup in the lab: recovery points are base backups of the clusters, and jobs copy and restore them.

Plans, vaults and restore-testing plans are those of the deployed templates. Nothing fires their schedules: a drill does
(``POST /_lab/backup-plans/...``, ``POST /_lab/restore-testing-plans/...``), and from there on the lab does what AWS
Backup does, up to the events on the default bus and the one validation result of a restore job.
"""

import logging
import secrets
import shutil
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from lab.archive import base_backup
from lab.emulator import hooks
from lab.emulator.instances import Instances
from lab.postgres import Cluster
from lab.server import make_run_folder

log = logging.getLogger("lab.backup")

RESTORE_ROLE_PLACEHOLDER = "arn:aws:iam::000000000000:role/on-demand"
FINAL_VALIDATIONS = {"SUCCESSFUL", "FAILED", "TIMED_OUT"}


@dataclass
class RecoveryPoint:
    """One snapshot in a vault."""

    arn: str
    vault: str
    region: str
    resource_arn: str
    created: datetime
    folder: Path
    record: dict[str, Any]
    delete_after_days: int | None
    status: str = "COMPLETED"
    status_message: str | None = None

    def summary(self) -> dict[str, Any]:
        """As ListRecoveryPointsByBackupVault shows it."""
        return {
            "RecoveryPointArn": self.arn,
            "BackupVaultName": self.vault,
            "BackupVaultArn": _vault_arn(self.vault, self.region),
            "ResourceArn": self.resource_arn,
            "ResourceType": "RDS",
            "Status": self.status,
            "CreationDate": self.created.timestamp(),
            "CompletionDate": self.created.timestamp(),
            "BackupSizeInBytes": _size(self.folder),
            "IsEncrypted": True,
        } | self._about_its_life()

    def _about_its_life(self) -> dict[str, Any]:
        told: dict[str, Any] = {"StatusMessage": self.status_message} if self.status_message else {}
        if self.delete_after_days:
            deletion = self.created + timedelta(days=self.delete_after_days)
            told["Lifecycle"] = {"DeleteAfterDays": self.delete_after_days}
            told["CalculatedLifecycle"] = {"DeleteAt": deletion.timestamp()}
        return told


class RefusedError(Exception):
    """A request that AWS Backup would refuse; becomes the API's error answer."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.status = status


@dataclass
class Backups:
    """Recovery points and jobs of all regions, on the lab's instances."""

    folder: Path
    instances: Instances
    points: dict[str, RecoveryPoint] = field(default_factory=dict[str, RecoveryPoint])
    jobs: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict[tuple[str, str], dict[str, Any]])

    def run_backup(self, resource_arn: str, vault: str, delete_after_days: int | None, plan_id: str | None) -> str:
        """Start a backup job of an instance into a vault of the current region; returns the job's id."""
        self._within_lock(vault, delete_after_days)
        region, identifier = resource_arn.split(":")[3], resource_arn.split(":")[-1]
        cluster = self.instances.cluster(region, identifier)
        job = self._job("backup", BackupVaultName=vault, ResourceArn=resource_arn, ResourceType="RDS", State="RUNNING")
        job["BackupVaultArn"] = _vault_arn(vault, region)
        if plan_id:
            job["CreatedBy"] = {"BackupPlanId": plan_id}

        def work() -> None:
            created = datetime.now(UTC)
            arn = f"arn:aws:rds:{region}:{hooks.account()}:snapshot:awsbackup:job-{job['BackupJobId'].lower()}"
            folder = self._point_folder()
            base_backup(cluster, folder)
            record = self.instances.source_record(region, identifier)
            self.points[arn] = RecoveryPoint(
                arn, vault, region, resource_arn, created, folder, record, delete_after_days
            )
            self._finish(job, RecoveryPointArn=arn)
            self._emit_backup_event(job)

        hooks.in_background(lambda: self._guarded(job, work), name=f"backup-{identifier}")
        return str(job["BackupJobId"])

    def run_copy(self, point_arn: str, destination_vault_arn: str, delete_after_days: int | None) -> str:
        """Start a copy of a recovery point into a vault of another region; returns the job's id."""
        point = self.point(point_arn)
        destination_region, vault = destination_vault_arn.split(":")[3], destination_vault_arn.split(":")[-1]
        with hooks.in_region(destination_region):
            self._within_lock(vault, delete_after_days)
        job = self._job(
            "copy",
            SourceBackupVaultArn=_vault_arn(point.vault, point.region),
            SourceRecoveryPointArn=point_arn,
            DestinationBackupVaultArn=destination_vault_arn,
            ResourceArn=point.resource_arn,
            ResourceType="RDS",
            State="RUNNING",
        )

        def work() -> None:
            folder = self._point_folder()
            shutil.copytree(point.folder, folder, symlinks=True)
            identifier = job["CopyJobId"].lower()
            arn = f"arn:aws:rds:{destination_region}:{hooks.account()}:snapshot:awsbackup:copyjob-{identifier}"
            # A copy keeps the creation date of the original.
            self.points[arn] = RecoveryPoint(
                arn, vault, destination_region, point.resource_arn, point.created, folder, point.record,
                delete_after_days,
            )  # fmt: skip
            self._finish(job, DestinationRecoveryPointArn=arn)
            hooks.emit_event("aws.backup", "Copy Job State Change", _lower_first(job), [arn])

        hooks.in_background(lambda: self._guarded(job, work), name="copy")
        return str(job["CopyJobId"])

    def run_restore(
        self, point_arn: str, metadata: dict[str, str], role_arn: str, testing_plan_arn: str | None = None
    ) -> str:
        """Start a restore job in the current region; returns the job's id.

        Metadata is what RDS restores take: without ``dbSubnetGroupName`` the instance would land in the default VPC,
        where nothing can reach it, so the lab refuses that as a mistake.
        """
        point = self.point(point_arn)
        if point.region != hooks.region():
            raise RefusedError(
                "InvalidParameterValueException", f"{point_arn} lies in {point.region}, not {hooks.region()}"
            )
        folded = {name.lower(): value for name, value in metadata.items()}
        if not folded.get("dbsubnetgroupname"):
            raise RefusedError(
                "InvalidParameterValueException", "expected dbSubnetGroupName in the metadata, found none"
            )
        identifier = folded.get("dbinstanceidentifier") or f"awsbackup-restore-test-{secrets.token_hex(6)}"
        iam = folded.get("enableiamdatabaseauthentication", "").lower() == "true"
        record = point.record | {"IAMDatabaseAuthenticationEnabled": iam}
        job = self._job(
            "restore",
            RecoveryPointArn=point_arn,
            SourceResourceArn=point.resource_arn,
            BackupVaultArn=_vault_arn(point.vault, point.region),
            RecoveryPointCreationDate=point.created.timestamp(),
            ResourceType="RDS",
            IamRoleArn=role_arn,
            Status="RUNNING",
            PercentDone="0.00%",
        )
        if testing_plan_arn:
            job["CreatedBy"] = {"RestoreTestingPlanArn": testing_plan_arn}

        def work() -> None:
            self.instances.restore(identifier, record, lambda cluster: _adopt(cluster, point.folder))
            created_arn = f"arn:aws:rds:{hooks.region()}:{hooks.account()}:db:{identifier}"
            self._finish(job, CreatedResourceArn=created_arn, PercentDone="100.00%")
            self._emit_restore_event(job)

        hooks.in_background(lambda: self._guarded(job, work), name=f"restore-{identifier}")
        return str(job["RestoreJobId"])

    def validate(self, job_id: str, status: str, message: str) -> None:
        """Record the validation result of a restore job; once final, it cannot change."""
        job = self.job("restore", job_id)
        if job.get("ValidationStatus") in FINAL_VALIDATIONS:
            raise RefusedError(
                "InvalidRequestException", f"validation of {job_id} is already {job['ValidationStatus']}"
            )
        job["ValidationStatus"] = status
        job["ValidationStatusMessage"] = message

    def job(self, kind: str, job_id: str) -> dict[str, Any]:
        """The record of a job of the current region. Raises :class:`RefusedError` when there is none."""
        job = self.jobs.get((hooks.region(), unquote(job_id)))
        if job is None or _id_name(kind) not in job:
            raise RefusedError("ResourceNotFoundException", f"no {kind} job {job_id} in {hooks.region()}", 404)
        return job

    def change_point(self, arn: str, status: str, message: str) -> dict[str, Any]:
        """Give a recovery point the status that AWS Backup would give it after a mishap; returns it as it is then."""
        point = self.point(arn)
        point.status, point.status_message = status, message
        return point.summary()

    def jobs_of(self, kind: str) -> list[dict[str, Any]]:
        """All jobs of a kind in the current region, newest first."""
        found = [job for (region, _), job in self.jobs.items() if region == hooks.region() and _id_name(kind) in job]
        return sorted(found, key=lambda job: -job["CreationDate"])

    def points_in(self, vault: str) -> list[RecoveryPoint]:
        """The recovery points of a vault of the current region, newest first."""
        found = [point for point in self.points.values() if (point.region, point.vault) == (hooks.region(), vault)]
        return sorted(found, key=lambda point: point.created, reverse=True)

    def point(self, arn: str) -> RecoveryPoint:
        """The recovery point of that ARN, in any region. Raises :class:`RefusedError` when there is none."""
        if arn not in self.points:
            raise RefusedError("ResourceNotFoundException", f"no recovery point {arn}", 404)
        return self.points[arn]

    def _point_folder(self) -> Path:
        make_run_folder(self.folder)
        return self.folder / uuid.uuid4().hex

    def _job(self, kind: str, **values: Any) -> dict[str, Any]:  # noqa: ANN401 - a job's fields differ by kind
        job_id = str(uuid.uuid4()).upper()
        job = {_id_name(kind): job_id, "AccountId": hooks.account(), "CreationDate": datetime.now(UTC).timestamp()}
        self.jobs[hooks.region(), job_id] = job | values
        return self.jobs[hooks.region(), job_id]

    def _finish(self, job: dict[str, Any], **values: Any) -> None:  # noqa: ANN401
        job.update(values, CompletionDate=datetime.now(UTC).timestamp())
        job["Status" if "RestoreJobId" in job else "State"] = "COMPLETED"

    def _guarded(self, job: dict[str, Any], work: Any) -> None:  # noqa: ANN401
        try:
            work()
        except Exception as error:
            log.exception("job failed: %s", job)
            state = "Status" if "RestoreJobId" in job else "State"
            job.update({state: "FAILED", "StatusMessage": str(error)[:1000]})
            if "RestoreJobId" in job:
                self._emit_restore_event(job)

    def _within_lock(self, vault: str, delete_after_days: int | None) -> None:
        record = hooks.backup._vaults.get(vault)
        if record is None:
            raise RefusedError("ResourceNotFoundException", f"no vault {vault} in {hooks.region()}", 404)
        least, most = record.get("MinRetentionDays") or 0, record.get("MaxRetentionDays") or 36_500
        if record.get("Locked") and not least <= (delete_after_days or 36_501) <= most:
            raise RefusedError(
                "InvalidParameterValueException",
                f"vault {vault} is locked: expected a retention of {least} to {most} days, found {delete_after_days}",
            )

    def _emit_backup_event(self, job: dict[str, Any]) -> None:
        hooks.emit_event("aws.backup", "Backup Job State Change", _lower_first(job), [job["RecoveryPointArn"]])

    def _emit_restore_event(self, job: dict[str, Any]) -> None:
        detail = _lower_first({name: value for name, value in job.items() if name != "CreatedBy"})
        detail["backupSizeInBytes"] = str(_size(self.point(job["RecoveryPointArn"]).folder))
        for name in ("creationDate", "completionDate"):
            if name in detail:
                detail[name] = datetime.fromtimestamp(detail[name], UTC).isoformat().replace("+00:00", "Z")
        detail["percentDone"] = 0  # as AWS sends it, even when all is done
        if "CreatedBy" in job:
            detail["restoreTestingPlanArn"] = job["CreatedBy"]["RestoreTestingPlanArn"]
        hooks.emit_event("aws.backup", "Restore Job State Change", detail, [job["RecoveryPointArn"]])


def _adopt(cluster: Cluster, folder: Path) -> None:
    cluster.adopt(folder)


def _id_name(kind: str) -> str:
    return f"{kind.title()}JobId"


def _vault_arn(vault: str, region: str) -> str:
    return f"arn:aws:backup:{region}:{hooks.account()}:backup-vault:{vault}"


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _lower_first(values: dict[str, Any]) -> dict[str, Any]:
    return {name[0].lower() + name[1:]: value for name, value in values.items()}
