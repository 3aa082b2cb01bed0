"""What must stand in the recovery region before the primary can copy anything there."""

from aws_cdk import CfnOutput
from constructs import Construct

from continuity.buckets import EvidenceBucket, log_bucket
from continuity.deployment import Deployment
from continuity.device_api import DeviceApi, DeviceLimits, DeviceReads
from continuity.device_bucket import DeviceBackupBucket
from continuity.image_registry import ImageRepository
from continuity.keys import encryption_key
from continuity.network import RegionNetwork
from continuity.sign_in import DeviceUserPool, SignIn
from continuity.vault import LockedVault
from stacks.regional_stack import RegionalStack


class RecoveryFoundationStack(RegionalStack):
    """Network, keys under fixed aliases, the copy vault, the buckets and the image repository.

    Devices sign in here, and read the copies of their backups here, so that both outlive the primary region: without a
    ``sign_in`` of its own an environment gets a user pool in this region.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002
        *,
        deployment: Deployment,
        region: str,
        image_repository: str,
        evidence_retention_days: int,
        sign_in: SignIn | None,
        device_limits: DeviceLimits,
    ) -> None:
        super().__init__(scope, id, deployment=deployment, region=region)
        names = deployment.names
        self.vpc = RegionNetwork(self, "Network", deployment=deployment, second_octet=1).vpc
        self.database_key = encryption_key(
            self,
            "DatabaseKey",
            deployment=deployment,
            description="Replica, replicated backups and credentials of the database",
            alias=names.recovery_key_alias("database"),
        )
        device_key = encryption_key(
            self,
            "DeviceBackupsKey",
            deployment=deployment,
            description="Replicated backups of devices",
            alias=names.recovery_key_alias("device-backups"),
        )
        locked = LockedVault(self, "Vault", deployment=deployment, vault_name=names.recovery_vault_name)
        self.vault = locked.vault
        access_logs = log_bucket(self, "AccessLogs", deployment=deployment)
        evidence = EvidenceBucket(
            self,
            "Evidence",
            deployment=deployment,
            region=region,
            access_logs=access_logs,
            retention_days=evidence_retention_days,
        )
        self.evidence = evidence.store
        self.protected_keys = [self.database_key, device_key, locked.key, evidence.key]
        devices = DeviceBackupBucket(
            self,
            "DeviceBackups",
            deployment=deployment,
            bucket_name=names.device_replica_bucket_name,
            key=device_key,
            access_logs=access_logs,
        )
        reads = DeviceReads(self, "DeviceReads", deployment=deployment, access=devices.access)
        api = DeviceApi(
            self,
            "DeviceApi",
            deployment=deployment,
            sign_in=sign_in or DeviceUserPool(self, "DeviceUsers", deployment=deployment, region=region).sign_in,
            limits=device_limits,
            routes=reads.routes,
        )
        self.device_api = api.api
        ImageRepository(self, "Images", deployment=deployment, repository_name=image_repository)
        CfnOutput(self, "RecoveryVaultName", value=self.vault.backup_vault_name)
        CfnOutput(self, "EvidenceBucketName", value=evidence.bucket.bucket_name)
        CfnOutput(self, "DeviceReplicaBucketName", value=devices.bucket.bucket_name)
        api.name_outputs(self)
