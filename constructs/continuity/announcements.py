"""Events that no metric shows, as messages a person can act on."""

from collections.abc import Mapping, Sequence
from typing import Any

from aws_cdk import aws_events as events
from aws_cdk import aws_sns as sns
from constructs import Construct

from continuity.interfaces import publish
from recovery import objectives
from recovery.names import CLUSTER, SERVICE

# Event ids of an instance that tell of its availability, of its replication, or that only a restore may help.
# https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_Events.Messages.html
RDS_EVENTS = {
    "RDS-EVENT-0013": "failover to the standby began",
    "RDS-EVENT-0049": "failover to the standby is complete",
    "RDS-EVENT-0034": "failover was abandoned",
    "RDS-EVENT-0031": "the instance failed; AWS advises a point-in-time restore",
    "RDS-EVENT-0089": "storage is almost full",
    "RDS-EVENT-0045": "replication stopped",
    "RDS-EVENT-0057": "replication was terminated",
}


class Announcements(Construct):
    """Rules whose events go to ``topic``; each method announces one kind of event."""

    def __init__(self, scope: Construct, id: str, *, environment: str, topic: sns.ITopic) -> None:  # noqa: A002
        super().__init__(scope, id)
        self._environment = environment
        self._topic = topic

    def failed_backup_jobs(self, vault_name: str) -> None:
        """A snapshot was not taken. What was missed is taken again only at the next schedule."""
        self._announce(
            "BackupJobFailed",
            source="aws.backup",
            detail_type="Backup Job State Change",
            detail={"state": ["FAILED", "ABORTED", "EXPIRED", "PARTIAL"], "backupVaultName": [vault_name]},
            message=f"Backup job {_field('detail.backupJobId')} ended {_field('detail.state')}:"
            f" {_field('detail.statusMessage')}. Start one by hand: aws backup start-backup-job. At stake:"
            f" {objectives.SNAPSHOT_RETENTION_DAYS} days of snapshots.",
        )

    def failed_copy_jobs(self, source_vault_arn: str) -> None:
        """A snapshot exists in the primary region only."""
        self._announce(
            "CopyJobFailed",
            source="aws.backup",
            detail_type="Copy Job State Change",
            detail={"state": ["FAILED", "ABORTED", "PARTIAL"], "sourceBackupVaultArn": [source_vault_arn]},
            message=f"Copy job {_field('detail.copyJobId')} ended {_field('detail.state')}: a snapshot is missing in"
            f" the recovery region. Copy it by hand: aws backup start-copy-job. At stake: {objectives.FULL.label}.",
        )

    def unproven_restores(self, state_machine_arns: Sequence[str]) -> None:
        """A restore is not proven, or the month's restore test did not happen."""
        self._announce(
            "RestoreNotProven",
            source="aws.states",
            detail_type="Step Functions Execution Status Change",
            detail={"stateMachineArn": list(state_machine_arns), "status": ["FAILED", "TIMED_OUT", "ABORTED"]},
            message=f"A restore is not proven: {_field('detail.error')}: {_field('detail.cause')}. See execution"
            f" {_field('detail.executionArn')}. At stake: {objectives.FULL.label}.",
        )

    def doubtful_recovery_points(self, state_machine_arn: str) -> None:
        """The daily look through a vault found something, or could not be had."""
        self._announce(
            "RecoveryPointsDoubtful",
            source="aws.states",
            detail_type="Step Functions Execution Status Change",
            detail={"stateMachineArn": [state_machine_arn], "status": ["FAILED", "TIMED_OUT", "ABORTED"]},
            message=f"Recovery points need attention: {_field('detail.error')}: {_field('detail.cause')}. Look again"
            f" with dr recovery-points. At stake: {objectives.FULL.label}.",
        )

    def failed_deployments(self) -> None:
        """ECS gave a deployment up; the circuit breaker or an alarm has rolled it back, the reason says which."""
        self._announce(
            "DeploymentFailed",
            source="aws.ecs",
            detail_type="ECS Deployment State Change",
            detail={"eventName": ["SERVICE_DEPLOYMENT_FAILED"]},
            resources=events.Match.suffix(f":service/{CLUSTER}/{SERVICE}"),
            message=f"Deployment {_field('detail.deploymentId')} of {SERVICE} failed: {_field('detail.reason')}."
            f" At stake: {objectives.APPLICATION.label}.",
        )

    def database_events(self, identifier: str) -> None:
        """What RDS tells of an instance, as far as it touches an objective."""
        self._announce(
            "DatabaseEvent",
            source="aws.rds",
            detail_type="RDS DB Instance Event",
            detail={"EventID": sorted(RDS_EVENTS), "SourceIdentifier": [identifier]},
            message=f"RDS tells of {_field('detail.SourceIdentifier')}: {_field('detail.Message')}"
            f" ({_field('detail.EventID')}). At stake: {objectives.DATABASE.label} and {objectives.FULL.label}.",
        )

    def _announce(
        self,
        id: str,  # noqa: A002
        *,
        source: str,
        detail_type: str,
        detail: Mapping[str, Any],
        message: str,
        resources: list[str] | None = None,
    ) -> None:
        events.Rule(
            self,
            id,
            event_pattern=events.EventPattern(
                source=[source], detail_type=[detail_type], detail=detail, resources=resources
            ),
            targets=[publish(self._topic, f"[{self._environment} {_field('region')}] {message}")],
        )


def _field(path: str) -> str:
    return events.EventField.from_path(f"$.{path}")
