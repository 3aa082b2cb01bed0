"""Buckets, all private, encrypted, versioned where they hold data, and reachable over TLS only."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, cast

from aws_cdk import Duration
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from continuity.acknowledgement import acknowledge, acknowledge_expendable
from continuity.deployment import Deployment
from continuity.interfaces import allow
from continuity.keys import encryption_key
from recovery import objectives

# Manifests, what is known of restores, the results of parts on their way from one step to the next, what a failover has
# done, and who is primary.
Folder = Literal["manifests", "evidence", "parts", "failovers", "epochs"]

ABORT_UPLOADS_AFTER = Duration.days(1)


def log_bucket(scope: Construct, id: str, *, deployment: Deployment) -> s3.Bucket:  # noqa: A002
    """Access logs of buckets and load balancers. S3-managed encryption: ELB can write with no other."""
    bucket = s3.Bucket(
        scope,
        id,
        encryption=s3.BucketEncryption.S3_MANAGED,
        block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
        enforce_ssl=True,
        lifecycle_rules=[
            s3.LifecycleRule(
                id="ExpireLogs",
                expiration=Duration.days(deployment.log_retention_days),
                abort_incomplete_multipart_upload_after=ABORT_UPLOADS_AFTER,
            )
        ],
        removal_policy=deployment.keep,
    )
    acknowledge_expendable(bucket, deployment)
    return bucket


@dataclass(frozen=True, kw_only=True)
class EvidenceStore:
    """The evidence bucket as the functions of either region reach it; the bucket lives in the recovery region."""

    bucket_name: str
    region: str
    key_arn: str

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables of functions that use the store."""
        return {"EVIDENCE_BUCKET": self.bucket_name, "EVIDENCE_REGION": self.region}

    def grant_list(self, role: iam.IRole, folder: Folder) -> None:
        """May see what there is in ``folder``."""
        self._grant_listing(role, folder, "s3:ListBucket")

    def grant_versions(self, role: iam.IRole, folder: Folder) -> None:
        """May see what was written again or deleted in ``folder``."""
        self._grant_listing(role, folder, "s3:ListBucketVersions")

    def grant_read(self, role: iam.IRole, folder: Folder) -> None:
        """May read what lies in ``folder``."""
        self._grant(role, folder, objects=["s3:GetObject"], key=["kms:Decrypt"])

    def grant_write(self, role: iam.IRole, folder: Folder) -> None:
        """May add to ``folder``; the lock keeps what is there."""
        self._grant(role, folder, objects=["s3:PutObject"], key=["kms:GenerateDataKey"])

    def _grant_listing(self, role: iam.IRole, folder: Folder, action: str) -> None:
        here = {"StringLike": {"s3:prefix": f"{folder}/*"}}
        allow(role, [action], [f"arn:aws:s3:::{self.bucket_name}"], conditions=here)

    def _grant(self, role: iam.IRole, folder: str, *, objects: Sequence[str], key: Sequence[str]) -> None:
        objects_arn = f"arn:aws:s3:::{self.bucket_name}/{folder}/*"
        allow(role, objects, [objects_arn])
        allow(role, key, [self.key_arn])
        acknowledge(
            role, {f"IAM5[Resource::{objects_arn}]": "Object names hold times and job ids: only the folder is known."}
        )


class EvidenceBucket(Construct):
    """Manifests and evidence under object lock: nobody rewrites what a drill found before ``retention_days``."""

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002
        *,
        deployment: Deployment,
        region: str,
        access_logs: s3.IBucket,
        retention_days: int,
    ) -> None:
        super().__init__(scope, id)
        self.key = key = encryption_key(
            self,
            "Key",
            deployment=deployment,
            description="Manifests and evidence of restores",
            alias=deployment.names.recovery_key_alias("evidence"),
        )
        self.bucket = s3.Bucket(
            self,
            "Bucket",
            bucket_name=deployment.names.evidence_bucket_name,
            encryption=s3.BucketEncryption.KMS,
            encryption_key=key,
            bucket_key_enabled=True,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            enforce_ssl=True,
            versioned=True,
            # Governance, because compliance could not be undone by anyone, after a trial deployment either. The policy
            # below takes the one way around it away from everybody.
            object_lock_default_retention=s3.ObjectLockRetention.governance(Duration.days(retention_days)),
            server_access_logs_bucket=access_logs,
            server_access_logs_prefix="evidence/",
            lifecycle_rules=[
                s3.LifecycleRule(
                    id="ExpireManifests",
                    prefix="manifests/",
                    # As long as any backup they may have to vouch for, and not before their lock opens.
                    expiration=Duration.days(max(retention_days, objectives.VAULT_LOCK_MAX_DAYS) + 1),
                    noncurrent_version_expiration=Duration.days(1),
                ),
                s3.LifecycleRule(
                    id="ExpireParts",
                    prefix="parts/",
                    # Nobody needs them once they are put together, but the lock holds them like everything here.
                    expiration=Duration.days(retention_days + 1),
                    noncurrent_version_expiration=Duration.days(1),
                ),
                s3.LifecycleRule(id="AbortUploads", abort_incomplete_multipart_upload_after=ABORT_UPLOADS_AFTER),
            ],
            removal_policy=deployment.keep,
        )
        acknowledge_expendable(self.bucket, deployment)
        self.bucket.add_to_resource_policy(
            iam.PolicyStatement(
                sid="NobodyBypassesTheLock",
                effect=iam.Effect.DENY,
                principals=[cast(iam.IPrincipal, iam.AnyPrincipal())],
                actions=["s3:BypassGovernanceRetention"],
                resources=[self.bucket.arn_for_objects("*")],
            )
        )
        self.store = EvidenceStore(
            bucket_name=deployment.names.evidence_bucket_name, region=region, key_arn=key.key_arn
        )
