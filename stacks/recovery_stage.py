"""One environment in two regions: the screen on which all stacks are wired."""

from aws_cdk import Duration, Stage, Tags
from constructs import Construct

from continuity.api_service import Image, PublicName, Scale
from continuity.buckets import EvidenceStore
from continuity.deployment import Deployment
from continuity.device_api import DeviceLimits
from continuity.notifier import OnCall
from continuity.postgres import Calendar, InstanceSize
from continuity.sign_in import SignIn
from environments import Environment
from recovery import objectives
from recovery.names import Names
from stacks.application import ApplicationStack
from stacks.backup import BackupStack
from stacks.database import DatabaseStack
from stacks.device_backups import DeviceBackupsStack
from stacks.network import NetworkStack
from stacks.observability import ObservabilityStack
from stacks.recovery_foundation import RecoveryFoundationStack
from stacks.recovery_standby import RecoveryStandbyStack
from stacks.regional_stack import Place


class RecoveryStage(Stage):
    """All stacks of one environment. The foundation deploys before the primary's stacks, the standby after them."""

    def __init__(self, scope: Construct, environment: Environment) -> None:
        super().__init__(scope, environment.name)
        e = environment
        names = Names(
            environment=e.name,
            account=e.account or "",
            primary_region=e.primary_region,
            recovery_region=e.recovery_region,
        )
        deployment = Deployment(
            names=names,
            log_retention_days=e.log_retention_days,
            database_tls=e.database.tls,
            bundle_lambda_dependencies=e.bundle_lambda_dependencies,
            optional_checks=e.optional_checks,
            explained_faults=e.explained_faults,
            runbooks_url=e.runbooks_url,
            destroyable=e.destroyable,
        )
        primary = Place(deployment=deployment, region=e.primary_region)
        recovery = Place(deployment=deployment, region=e.recovery_region)
        size = InstanceSize(
            instance_class=e.database.instance_class,
            allocated_gib=e.database.allocated_gib,
            max_allocated_gib=e.database.max_allocated_gib,
        )
        calendar = Calendar(
            backup_retention_days=e.database.backup_retention_days,
            backup_window=e.database.backup_window,
            maintenance_window=e.database.maintenance_window,
        )
        image = Image(
            repository_name=e.service.repository, version=e.service.image, schema_version=e.service.schema_version
        )
        full_scale = Scale(minimum=e.service.min_tasks, maximum=e.service.max_tasks)
        pilot_light = Scale(minimum=objectives.PILOT_LIGHT_TASKS, maximum=e.service.max_tasks)
        asleep = Scale(minimum=0, maximum=0)  # beside a fenced database no task does any good
        sign_in = SignIn(issuer=e.sign_in.issuer, audience=e.sign_in.audience) if e.sign_in else None
        device_limits = DeviceLimits(
            max_backup_bytes=e.device_backups.max_backup_bytes,
            uploads_per_day=e.device_backups.uploads_per_day,
            requests_per_second=e.device_backups.requests_per_second,
            burst=e.device_backups.burst,
        )
        on_call = OnCall(emails=e.alarm_emails, pagerduty_url=e.pagerduty_url)

        foundation = RecoveryFoundationStack(
            self,
            "RecoveryFoundation",
            **recovery,
            image_repository=e.service.repository,
            evidence_retention_days=e.evidence_retention_days,
            sign_in=sign_in,
            device_limits=device_limits,
        )
        network = NetworkStack(self, "Network", **primary, image_repository=e.service.repository)
        evidence = EvidenceStore(
            bucket_name=names.evidence_bucket_name,
            region=e.recovery_region,
            key_arn=network.recovery_evidence_key_arn,
        )
        database = DatabaseStack(
            self,
            "Database",
            **primary,
            vpc=network.vpc,
            size=size,
            calendar=calendar,
            recovery_key_arn=network.recovery_database_key_arn,
            evidence=evidence,
            scale=full_scale,
            image_repository=image.repository_name,
            serving=not e.serves_from_recovery,
        )
        backup = BackupStack(
            self,
            "Backup",
            **primary,
            vpc=network.vpc,
            evidence=evidence,
            weekly_schedule=e.snapshots.weekly_schedule,
            monthly_schedule=e.snapshots.monthly_schedule,
            start_window=_duration(e.snapshots.start_window.total_seconds()),
            completion_window=_duration(e.snapshots.completion_window.total_seconds()),
            retention=Duration.days(e.snapshots.retention_days),
            audited=e.audited,
        )
        application = ApplicationStack(
            self,
            "Application",
            **primary,
            image=image,
            scale=asleep if e.serves_from_recovery else full_scale,
            database=database.connection,
            secret_arn=database.secret.secret_arn,
            secret_key_arn=database.key.key_arn,
            public_name=_public_name(e, serving=not e.serves_from_recovery),
        )
        devices = DeviceBackupsStack(
            self,
            "DeviceBackups",
            **primary,
            recovery_key_arn=network.recovery_device_backups_key_arn,
            sign_in=sign_in,
            limits=device_limits,
        )
        observability = ObservabilityStack(
            self,
            "Observability",
            **primary,
            on_call=on_call,
            allocated_gib=e.database.allocated_gib,
            manifest=database.manifest,
            proof=backup.proof,
            evidence=evidence,
            protected_keys=[database.key, backup.vault_key, devices.key],
            device_api=devices.api,
            lost_device_events=devices.lost_events,
            serving=not e.serves_from_recovery,
            fault_experiments=e.fault_experiments,
        )
        # Whose alarms a composite counts on, and an experiment is stopped by.
        observability.add_stack_dependency(application)
        standby = RecoveryStandbyStack(
            self,
            "RecoveryStandby",
            **recovery,
            vpc=foundation.vpc,
            database_key=foundation.database_key,
            vault=foundation.vault,
            evidence=foundation.evidence,
            size=size,
            calendar=calendar,
            image=image,
            scale=full_scale if e.serves_from_recovery else pilot_light,
            full_scale=full_scale,
            public_name=_public_name(e, serving=e.serves_from_recovery),
            on_call=on_call,
            protected_keys=foundation.protected_keys,
            device_api=foundation.device_api,
            serving=e.serves_from_recovery,
            audited=e.audited,
        )
        for stack in (network, database, backup, application, devices, observability):
            stack.add_stack_dependency(foundation)
            standby.add_stack_dependency(stack)
        Tags.of(self).add("Project", "DuskSpendr")
        Tags.of(self).add("Environment", e.name)


def _public_name(environment: Environment, *, serving: bool) -> PublicName | None:
    domain = environment.domain
    if domain is None:
        return None
    return PublicName(name=domain.name, zone_id=domain.zone_id, zone_name=domain.zone_name, serving=serving)


def _duration(seconds: float) -> Duration:
    return Duration.minutes(seconds // 60)
