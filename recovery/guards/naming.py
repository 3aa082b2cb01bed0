"""Names and ARNs of resources, as CloudFormation's return values give them.

Sources: "Return values" of each type in the CloudFormation template reference. A name that CloudFormation generates
is a token, ``<stack|logical id|Name>``, so that ARNs keep their region and lead back to their resource.
"""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from recovery.guards.values import Value

if TYPE_CHECKING:
    from recovery.guards.templates import Resource

TOKEN = re.compile(r"<([^<>|]+)\|([^<>|]+)\|([^<>|]*)>")


@dataclass(frozen=True)
class Kind:
    """How a type of resource is named: the property, its ARN, and what Ref gives (name, arn or other)."""

    name: str
    arn: str
    ref: str = "name"
    arn_attributes: tuple[str, ...] = ("Arn",)
    name_attributes: tuple[str, ...] = ()


KINDS = {
    "AWS::Backup::BackupVault": Kind(
        "BackupVaultName", "backup:{0}:backup-vault:{1}", "name", ("BackupVaultArn",), ("BackupVaultName",)
    ),
    "AWS::Backup::RestoreTestingPlan": Kind(
        "RestoreTestingPlanName", "backup:{0}:restore-testing-plan:{1}", "name", ("RestoreTestingPlanArn",)
    ),
    "AWS::CloudWatch::Alarm": Kind("AlarmName", "cloudwatch:{0}:alarm:{1}"),
    "AWS::CloudWatch::CompositeAlarm": Kind("AlarmName", "cloudwatch:{0}:alarm:{1}"),
    "AWS::DynamoDB::Table": Kind("TableName", "dynamodb:{0}:table/{1}"),
    "AWS::ECR::Repository": Kind("RepositoryName", "ecr:{0}:repository/{1}"),
    "AWS::ECS::Cluster": Kind("ClusterName", "ecs:{0}:cluster/{1}"),
    "AWS::KMS::Key": Kind("KeyId", "kms:{0}:key/{1}", "name", ("Arn",), ("KeyId",)),
    "AWS::Lambda::Function": Kind("FunctionName", "lambda:{0}:function:{1}"),
    "AWS::Logs::LogGroup": Kind("LogGroupName", "logs:{0}:log-group:{1}:*"),
    "AWS::RDS::DBCluster": Kind("DBClusterIdentifier", "rds:{0}:cluster:{1}", "name", ("DBClusterArn",)),
    "AWS::RDS::DBInstance": Kind("DBInstanceIdentifier", "rds:{0}:db:{1}", "name", ("DBInstanceArn",)),
    "AWS::S3::Bucket": Kind("BucketName", "s3:::{1}"),
    "AWS::SNS::Topic": Kind("TopicName", "sns:{0}:{1}", "arn", ("TopicArn",), ("TopicName",)),
    "AWS::SQS::Queue": Kind("QueueName", "sqs:{0}:{1}", "other", ("Arn",), ("QueueName",)),
    "AWS::SecretsManager::Secret": Kind("Name", "secretsmanager:{0}:secret:{1}", "arn", ("Id",)),
    "AWS::StepFunctions::StateMachine": Kind(
        "StateMachineName", "states:{0}:stateMachine:{1}", "arn", ("Arn",), ("Name",)
    ),
}


def token(resource: "Resource", attribute: str) -> str:
    """What stands for a value that only a deployment knows."""
    return f"<{resource.stack.key}|{resource.logical_id}|{attribute}>"


def name_of(resource: "Resource") -> str:
    """The fixed name, or its token."""
    found = resource.peek(KINDS[resource.type].name) if resource.type in KINDS else None
    return found if isinstance(found, str) else token(resource, "Name")


def arn_of(resource: "Resource") -> str:
    """The ARN of a resource of one of the KINDS, or its token."""
    kind = KINDS.get(resource.type)
    if kind is None:
        return token(resource, "Arn")
    where = f"{resource.region}:{resource.stack.account}"
    return "arn:aws:" + kind.arn.format(where, name_of(resource))


def reference(resource: "Resource") -> Value:
    """What ``Ref`` gives."""
    kind = KINDS.get(resource.type)
    if kind is None or kind.ref == "other":
        return token(resource, "")
    return name_of(resource) if kind.ref == "name" else arn_of(resource)


def attribute(resource: "Resource", name: str) -> Value:
    """What ``Fn::GetAtt`` gives."""
    kind = KINDS.get(resource.type)
    if kind is not None and name in kind.arn_attributes:
        return arn_of(resource)
    if kind is not None and name in kind.name_attributes:
        return name_of(resource)
    return token(resource, name)


def arn_region(text: object) -> str | None:
    """The region that an ARN names; None when it names none or is no ARN."""
    if not isinstance(text, str) or not text.startswith("arn:"):
        return None
    parts = text.split(":", 5)
    return parts[3] or None if len(parts) == 6 else None
