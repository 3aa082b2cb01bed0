"""Mistakes with buckets, deployments, the recovery region and permissions."""

import json
from collections.abc import Callable
from typing import Any

from recovery.guards.templates import Json, Resource
from tests.infrastructure.guard_mistakes import (
    ACCOUNT,
    PRIMARY,
    Value,
    adding,
    changing,
    elsewhere,
    in_recovery,
    of_type,
    setting,
)

# Buckets.
BUCKET = "AWS::S3::Bucket"
COPY = "ReplicationConfiguration.Rules.*"
KEY_OF_COPY = f"{COPY}.Destination.EncryptionConfiguration.ReplicaKmsKeyID"


def versioned(resource: Resource) -> bool:
    return resource.get("VersioningConfiguration.Status") == "Enabled"


for wrong in (None, "Suspended"):
    setting("replication-without-versions", BUCKET, "VersioningConfiguration.Status", wrong, where=versioned)
setting("replication-repeats-deletions", BUCKET, f"{COPY}.DeleteMarkerReplication.Status", "Enabled")
setting("replication-switched-off", BUCKET, f"{COPY}.Status", "Disabled")
setting("replication-unmeasured", BUCKET, f"{COPY}.Destination.Metrics", None)
setting("replication-without-key", BUCKET, f"{COPY}.Destination.EncryptionConfiguration", None)
setting("replication-key-elsewhere", BUCKET, KEY_OF_COPY, f"arn:aws:kms:{PRIMARY}:{ACCOUNT}:key/own")
setting(
    "replication-stays-in-region",
    BUCKET,
    f"{COPY}.Destination.Bucket",
    lambda it: f"arn:aws:s3:::{it.get('BucketName')}",
)
LIFECYCLE = "LifecycleConfiguration.Rules.*"


def expires(resource: Resource) -> bool:
    return versioned(resource) and "ExpirationInDays" in str(resource.get("LifecycleConfiguration"))


setting("versions-never-expire", BUCKET, f"{LIFECYCLE}.NoncurrentVersionExpiration", None, where=expires)
setting("uploads-never-aborted", BUCKET, f"{LIFECYCLE}.AbortIncompleteMultipartUpload", None, where=versioned)
setting(
    "lock-without-retention", BUCKET, "ObjectLockConfiguration.Rule", None, where=lambda it: it.get("ObjectLockEnabled")
)

# Deployments.
SERVICE, TASK, REPOSITORY = "AWS::ECS::Service", "AWS::ECS::TaskDefinition", "AWS::ECR::Repository"
DEPLOYMENT = "DeploymentConfiguration"
for wrong in (None, {"Enable": False, "Rollback": True}, {"Enable": True, "Rollback": False}):
    setting("service-without-circuit-breaker", SERVICE, f"{DEPLOYMENT}.DeploymentCircuitBreaker", wrong)
for switch in ("Enable", "Rollback"):
    setting("service-alarms-do-not-roll-back", SERVICE, f"{DEPLOYMENT}.Alarms.{switch}", value=False)
setting("service-halves-itself", SERVICE, f"{DEPLOYMENT}.MinimumHealthyPercent", 50)
for count in (0, 1):
    setting("service-count-in-template", SERVICE, "DesiredCount", count)
for wrong in (None, "Delete"):
    setting("rollback-target-deregistered", TASK, "^UpdateReplacePolicy", wrong)


def image(tag: str) -> Callable[[Resource], str]:
    return lambda it: f"{ACCOUNT}.dkr.ecr.{it.region}.amazonaws.com/duskspendr-api{tag}"


for tag in (":latest", ""):
    setting("image-tag-moves", TASK, "ContainerDefinitions.*.Image", image(tag))
setting(
    "image-from-another-region",
    TASK,
    "ContainerDefinitions.*.Image",
    lambda it: f"{ACCOUNT}.dkr.ecr.{elsewhere('ecr', '')(it).split(':')[3]}.amazonaws.com/duskspendr-api:1.0.0",
)
for status in ("any", "tagged"):
    text = json.dumps({"rules": [{"selection": {"tagStatus": status}, "action": {"type": "expire"}}]})
    setting("image-expires", REPOSITORY, "LifecyclePolicy", {"LifecyclePolicyText": text})
for wrong in (None, "MUTABLE"):
    setting("image-tags-can-be-overwritten", REPOSITORY, "ImageTagMutability", wrong)
COPIES = "ReplicationConfiguration.Rules"


def images_here(resource: Resource) -> list[Resource]:
    return [each for each in of_type(resource, REPOSITORY) if each.region == resource.region]


wrongs: tuple[tuple[str, Value], ...] = (
    (f"{COPIES}.*.Destinations.*.Region", "eu-west-1"),
    (f"{COPIES}.*.RepositoryFilters.*.Filter", "another"),
    (COPIES, []),
)
for path, wrong in wrongs:
    setting("images-stay-in-region", "AWS::ECR::ReplicationConfiguration", path, wrong, at=images_here)

# The recovery region on its own.
ARN = f"{PRIMARY}:{ACCOUNT}"
setting(
    "recovery-needs-secret-of-primary",
    TASK,
    "ContainerDefinitions.*.Secrets.*.ValueFrom",
    f"arn:aws:secretsmanager:{ARN}:secret:duskspendr-prod/database/master",
    where=in_recovery,
)
OWN_KEY = f"arn:aws:kms:{ARN}:key/primary"
setting("recovery-needs-key-of-primary", "AWS::SNS::Topic", "KmsMasterKeyId", OWN_KEY, where=in_recovery)
ENCRYPTION = "BucketEncryption.ServerSideEncryptionConfiguration.*.ServerSideEncryptionByDefault.KMSMasterKeyID"
setting("recovery-needs-key-of-primary", BUCKET, ENCRYPTION, OWN_KEY, where=in_recovery)
setting(
    "recovery-needs-certificate-of-primary",
    "AWS::ElasticLoadBalancingV2::Listener",
    "Certificates.*.CertificateArn",
    f"arn:aws:acm:{ARN}:certificate/0123",
    where=in_recovery,
)
FUNCTION = "AWS::Lambda::Function"
setting(
    "recovery-needs-primary", FUNCTION, "Layers.*", f"arn:aws:lambda:{ARN}:layer:x:1", where=in_recovery, at_once=True
)
setting(
    "recovery-needs-primary",
    FUNCTION,
    "Environment.Variables.TOPIC",
    f"arn:aws:sns:{ARN}:duskspendr-prod-alarms",
    where=in_recovery,
    at_once=True,
)
for name in ("Reader", "Writer"):
    kind = f"Custom::CrossRegionExport{name}"
    adding("references-across-regions", lambda _, kind=kind: {"Type": kind, "Properties": {}}, name=name)


def an_export_of_the_other_region(resource: Resource) -> Json:
    stacks = (stack for stack in resource.assembly.stacks if stack.region != resource.region)
    return {"Fn::ImportValue": next(name for stack in stacks for name in stack.exports if "Subnet" in name)}


setting("import-from-another-region", FUNCTION, "VpcConfig.SubnetIds.*", an_export_of_the_other_region, at_once=True)

# Permissions.
POLICY = "AWS::IAM::Policy"
for rule, actions in {
    "may-delete-recovery-points": ("backup:DeleteRecoveryPoint", "backup:*", "backup:Update*"),
    "may-delete-databases": ("rds:DeleteDBInstanceAutomatedBackup", "rds:Delete*", "RDS:deleteDBSnapshot"),
    "may-delete-evidence": ("s3:DeleteObjectVersion", "s3:Bypass*", "s3:PutLifecycleConfiguration"),
    "may-delete-keys": ("kms:ScheduleKeyDeletion", "kms:Disable*"),
}.items():
    for action in actions:
        statement = {"Effect": "Allow", "Action": action, "Resource": "*"}
        setting(rule, POLICY, "PolicyDocument.Statement.999", statement, at_once=True)
        inline = [{"PolicyName": "inline", "PolicyDocument": {"Statement": [statement]}}]
        setting(rule, "AWS::IAM::Role", "Policies", inline, at_once=True)
for name in ("AdministratorAccess", "AWSBackupFullAccess"):
    arn = f"arn:aws:iam::aws:policy/{name}"
    setting("may-do-everything", "AWS::IAM::Role", "ManagedPolicyArns.999", arn, at_once=True)


def _for_anybody(principal: Any) -> Any:
    def change(body: Json) -> None:
        for statement in body["Properties"]["AssumeRolePolicyDocument"]["Statement"]:
            statement.pop("Condition", None)
            statement["Principal"] = principal

    return change


for principal in ("*", {"AWS": "*"}, {"AWS": ["*"]}):
    changing("role-for-anybody", "AWS::IAM::Role", str(principal), _for_anybody(principal), at_once=True)
