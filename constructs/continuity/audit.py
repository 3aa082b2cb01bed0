"""AWS Backup Audit Manager: what the plan promises, asked of AWS every day, and the answers as reports in S3.

A framework needs an AWS Config recorder in its account and region that records backup plans, selections, vaults,
recovery points and compliance; without one AWS Backup has nothing to evaluate. An account has one recorder for
everything, so it is not deployed here (docs/compliance.md).
https://docs.aws.amazon.com/aws-backup/latest/devguide/turning-on-resource-tracking.html
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from math import ceil
from typing import cast

from aws_cdk import aws_backup as backup
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from continuity.acknowledgement import acknowledge
from continuity.buckets import log_bucket
from continuity.deployment import Deployment
from recovery import objectives

REPORTS_ROLE = "aws-service-role/reports.backup.amazonaws.com/AWSServiceRoleForBackupReports"


@dataclass(frozen=True, kw_only=True)
class Control:
    """One question to AWS: its name in AWS's words, what counts as compliant, and of which resources it is asked."""

    name: str
    parameters: Mapping[str, str | int]
    types: Sequence[str] = ()
    id: str | None = None
    tag: tuple[str, str] | None = None

    def rendered(self) -> backup.CfnFramework.FrameworkControlProperty:
        """As CloudFormation takes it. Parameters are text, also where they are numbers."""
        parameters = [
            backup.CfnFramework.ControlInputParameterProperty(parameter_name=name, parameter_value=str(value))
            for name, value in self.parameters.items()
        ]
        scope: dict[str, object] = {}
        if self.types:
            scope["ComplianceResourceTypes"] = list(self.types)
        if self.id:
            scope["ComplianceResourceIds"] = [self.id]
        if self.tag:
            scope["Tags"] = [{"Key": self.tag[0], "Value": self.tag[1]}]
        return backup.CfnFramework.FrameworkControlProperty(
            control_name=self.name, control_input_parameters=parameters or None, control_scope=scope or None
        )


def vault_controls(vault_name: str) -> list[Control]:
    """What holds for either vault: retention, encryption, nobody deletes, and restores within the tier's RTO."""
    return [
        Control(
            name="BACKUP_RECOVERY_POINT_MINIMUM_RETENTION_CHECK",
            parameters={"requiredRetentionDays": objectives.SNAPSHOT_RETENTION_DAYS},
        ),
        Control(name="BACKUP_RECOVERY_POINT_ENCRYPTED", parameters={}),
        Control(
            name="BACKUP_RECOVERY_POINT_MANUAL_DELETION_DISABLED",
            parameters={},
            types=["AWS::Backup::BackupVault"],
            id=vault_name,
        ),
        Control(
            name="RESTORE_TIME_FOR_RESOURCES_MEET_TARGET",
            parameters={"maxRestoreTime": int(objectives.FULL.rto / timedelta(minutes=1))},  # minutes
            types=["RDS"],
        ),
    ]


def plan_controls(*, environment: str, copy_region: str) -> list[Control]:
    """What holds where the snapshots are taken: the database is in a plan, often enough, copied, and locked."""
    return [
        Control(name="BACKUP_RESOURCES_PROTECTED_BY_BACKUP_PLAN", parameters={}, types=["RDS"]),
        Control(
            name="BACKUP_PLAN_MIN_FREQUENCY_AND_MIN_RETENTION_CHECK",
            parameters={
                "requiredFrequencyUnit": "days",
                "requiredFrequencyValue": objectives.SNAPSHOT_INTERVAL.days,
                "requiredRetentionDays": objectives.SNAPSHOT_RETENTION_DAYS,
            },
            tag=("Environment", environment),
        ),
        Control(
            name="BACKUP_RESOURCES_PROTECTED_BY_CROSS_REGION",
            parameters={"crossRegionList": copy_region},
            types=["RDS"],
        ),
        Control(
            name="BACKUP_RESOURCES_PROTECTED_BY_BACKUP_VAULT_LOCK",
            parameters={
                "minRetentionDays": objectives.VAULT_LOCK_MIN_DAYS,
                "maxRetentionDays": objectives.VAULT_LOCK_MAX_DAYS,
            },
            types=["RDS"],
        ),
        Control(
            name="BACKUP_LAST_RECOVERY_POINT_CREATED",
            parameters={
                "recoveryPointAgeUnit": "days",
                "recoveryPointAgeValue": ceil(objectives.NEWEST_RECOVERY_POINT_MAX_AGE / timedelta(days=1)),
            },
            types=["RDS"],
        ),
    ]


class BackupAudit(Construct):
    """A framework of ``controls`` over the vault called ``label``, and daily reports of it and of the jobs.

    AWS takes no two frameworks with the same controls and parameters in one account and region: a control that names
    the vault keeps environments apart. The bucket's policy follows the report plans, because it names a role that AWS
    makes with the first of them and S3 refuses a principal that is not there.
    https://docs.aws.amazon.com/aws-backup/latest/devguide/create-report-plan-console.html
    """

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002
        *,
        deployment: Deployment,
        label: str,
        controls: Sequence[Control],
        job_reports: Sequence[str],
    ) -> None:
        super().__init__(scope, id)
        names = deployment.names
        self.framework = backup.CfnFramework(
            self,
            "Framework",
            framework_name=names.framework_name(label),
            framework_description=f"What the backups of {names.environment} in the vault {label} have to be",
            framework_controls=[control.rendered() for control in controls],
        )
        reports = log_bucket(self, "Reports", deployment=deployment)
        acknowledge(
            reports, {"S1": "It holds what AWS says of the backups, once a day; the jobs themselves are in CloudTrail."}
        )
        plans = [
            self._plan(
                deployment, label, "CONTROL_COMPLIANCE_REPORT", reports, frameworks=[self.framework.attr_framework_arn]
            ),
            *(self._plan(deployment, label, template, reports) for template in job_reports),
        ]
        reports.add_to_resource_policy(
            iam.PolicyStatement(
                sid="AuditManagerDelivers",
                principals=[
                    cast(iam.IPrincipal, iam.ArnPrincipal(f"arn:aws:iam::{names.account}:role/{REPORTS_ROLE}"))
                ],
                actions=["s3:PutObject"],
                resources=[reports.arn_for_objects("Backup/*")],
                conditions={"StringEquals": {"s3:x-amz-acl": "bucket-owner-full-control"}},
            )
        )
        for plan in plans:
            reports.policy.node.add_dependency(plan)  # pyright: ignore[reportOptionalMemberAccess]

    def _plan(
        self,
        deployment: Deployment,
        label: str,
        template: str,
        reports: s3.IBucket,
        *,
        frameworks: list[str] | None = None,
    ) -> backup.CfnReportPlan:
        setting: dict[str, object] = {"ReportTemplate": template}
        if frameworks:
            setting["FrameworkArns"] = frameworks
        return backup.CfnReportPlan(
            self,
            template.title().replace("_", ""),
            report_plan_name=deployment.names.report_plan_name(label, template),
            report_delivery_channel={"S3BucketName": reports.bucket_name, "Formats": ["CSV", "JSON"]},
            report_setting=setting,
        )
