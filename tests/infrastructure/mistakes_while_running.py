"""Mistakes with buckets, deployments, the recovery region, permissions, alarms, topics, events and machines."""

import json
import re
from collections.abc import Iterator
from typing import Any

from recovery.guards.rules.alarms import DIMENSIONS, EVERY_MINUTE, NAMED
from recovery.guards.rules.permissions import POLICIES
from recovery.guards.templates import Assembly, Json, Resource
from tests.infrastructure.guard_mistakes import (
    ACCOUNT,
    KINDS,
    PRIMARY,
    Kind,
    Mistake,
    adding,
    changing,
    elsewhere,
    in_recovery,
    mistake,
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


def image(tag: str) -> Any:
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


for path, wrong in (
    (f"{COPIES}.*.Destinations.*.Region", "eu-west-1"),
    (f"{COPIES}.*.RepositoryFilters.*.Filter", "another"),
    (COPIES, []),
):
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
assert POLICY in POLICIES  # noqa: S101

# Alarms.
ALARM = "AWS::CloudWatch::Alarm"


def of_queue(resource: Resource) -> bool:
    return resource.get("Namespace") == "AWS/SQS"


def needs_dimension(resource: Resource) -> bool:
    return resource.get("Namespace") in DIMENSIONS and not of_queue(resource)


def named_dimension(resource: Resource) -> bool:
    names = {dimension["Name"] for dimension in resource.get("Dimensions") or []}
    return needs_dimension(resource) and bool(names & set(NAMED))


def every_minute(resource: Resource) -> bool:
    return resource.get("Namespace") == "AWS/RDS" and resource.get("MetricName") in EVERY_MINUTE


setting("alarm-without-action", ALARM, "AlarmActions", [])
setting("alarm-muted", ALARM, "ActionsEnabled", value=False)
setting("alarm-action-elsewhere", ALARM, "AlarmActions.*", elsewhere("sns", "duskspendr-prod-alarms"))
setting("alarm-without-dimension", ALARM, "Dimensions", [{"Name": "Stage", "Value": "x"}], where=needs_dimension)
setting("alarm-on-nothing", ALARM, "Dimensions.*.Value", "of-no-such-name", where=named_dimension)
setting("alarm-without-word-on-silence", ALARM, "TreatMissingData", None)
setting("alarm-calm-in-silence", ALARM, "TreatMissingData", "notBreaching", where=every_minute)
setting("alarm-looks-back-too-far", ALARM, "EvaluationPeriods", 100000)

# Topics.
TOPIC, KEY = "AWS::SNS::Topic", "AWS::KMS::Key"


def topics_here(resource: Resource) -> list[Resource]:
    return [each for each in of_type(resource, TOPIC) if each.region == resource.region]


def key_of_topic(resource: Resource) -> bool:
    return any(
        resource.assembly.resource_of(topic.get("KmsMasterKeyId")) is resource for topic in topics_here(resource)
    )


def _without(document: str, service: str) -> Any:
    """The service is taken out of every statement that lets it in."""

    def change(body: Json) -> None:
        for statement in body["Properties"][document]["Statement"]:
            principal = statement["Principal"]
            services = principal.get("Service") if isinstance(principal, dict) else None
            if service in (services if isinstance(services, list) else [services]):
                left = [each for each in services if each != service] if isinstance(services, list) else []
                principal["Service"] = left or "nobody.amazonaws.com"

    return change


setting(
    "topic-without-subscriber",
    "AWS::SNS::Subscription",
    "TopicArn",
    lambda it: f"arn:aws:sns:{it.region}:{ACCOUNT}:another",
    at=topics_here,
)
setting("topic-under-aws-key", TOPIC, "KmsMasterKeyId", "alias/aws/sns")
for what, service in (("alarms", "cloudwatch.amazonaws.com"), ("events", "events.amazonaws.com")):
    lost = _without("KeyPolicy", service)
    changing(f"topic-key-drops-{what}", KEY, service, lost, where=key_of_topic, at=topics_here)
    lost = _without("PolicyDocument", service)
    changing(f"topic-policy-drops-{what}", "AWS::SNS::TopicPolicy", service, lost, at=topics_here)

# Events.
RULE, QUEUE, ASYNC = "AWS::Events::Rule", "AWS::SQS::Queue", "AWS::Lambda::EventInvokeConfig"


def its_function(resource: Resource) -> list[Resource]:
    found = resource.assembly.resource_of(resource.get("FunctionName"))
    return [found] if found else []


def its_queue(resource: Resource) -> list[Resource]:
    dimensions = [dimension["Value"] for dimension in resource.get("Dimensions")]
    return [found for value in dimensions if (found := resource.assembly.resource_of(value))]


def its_queues(resource: Resource) -> list[Resource]:
    return [found for value in resource.get("Queues") if (found := resource.assembly.resource_of(value))]


setting("event-dropped-on-its-way", RULE, "Targets.*.DeadLetterConfig", None)
setting("function-loses-events", ASYNC, "DestinationConfig", None, at=its_function)
setting("function-crowded-out", ASYNC, "MaximumEventAgeInSeconds", 60, at=its_function)
setting("function-switched-off", FUNCTION, "ReservedConcurrentExecutions", 0, at_once=True)
setting("function-without-timeout", FUNCTION, "Timeout", None, at_once=True)
setting("function-logs-unowned", FUNCTION, "LoggingConfig", None, at_once=True)
setting("logs-without-retention", "AWS::Logs::LogGroup", "RetentionInDays", None, at_once=True)
for wrong in (None, 345600):
    setting("dead-letters-expire-early", QUEUE, "MessageRetentionPeriod", wrong)
setting("dead-letters-unwatched", ALARM, "MetricName", "NumberOfMessagesReceived", where=of_queue, at=its_queue)
changing(
    "dead-letters-refused",
    "AWS::SQS::QueuePolicy",
    "EventBridge",
    _without("PolicyDocument", "events.amazonaws.com"),
    at=its_queues,
)

# Machines.
MACHINE = "AWS::StepFunctions::StateMachine"


def _unbounded(assembly: Assembly) -> Iterator[Mistake]:
    """Each time-out of each machine taken away, one after the other: the machine's own come last."""
    for machine in assembly.all(MACHINE):
        count = len(re.findall(r'"TimeoutSeconds"', str(machine.get("DefinitionString"))))
        for number in range(count):

            def change(body: Json, number: int = number) -> None:
                text = json.dumps(body["Properties"]["DefinitionString"])
                places = [match.start() for match in re.finditer(r'\\"TimeoutSeconds\\"', text)]
                at = places[number]
                changed = text[:at] + text[at:].replace("TimeoutSeconds", "NoTimeout", 1)
                body["Properties"]["DefinitionString"] = json.loads(changed)

            made = mistake("step-without-timeout", machine, change)
            if made is not None and not _is_own_timeout(machine, number):
                yield made


def _is_own_timeout(machine: Resource, number: int) -> bool:
    """Whether the numbered time-out is the whole machine's, not a step's."""
    text = str(machine.get("DefinitionString"))
    places = [match.start() for match in re.finditer(r'"TimeoutSeconds"', text)]
    at = places[number]
    return "TimeoutSeconds" not in json.loads(text[:at] + text[at:].replace("TimeoutSeconds", "NoTimeout", 1)) and (
        "TimeoutSeconds" in json.loads(text)
    )


def _endless(assembly: Assembly) -> Iterator[Mistake]:
    """A first step that can come back to itself, in a machine without a time-out of its own."""
    for machine in assembly.all(MACHINE):

        def change(body: Json) -> None:
            step = {"Type": "Wait", "Seconds": 60, "Next": "Again"}
            body["Properties"]["DefinitionString"] = json.dumps({"StartAt": "Again", "States": {"Again": step}})

        made = mistake("machine-loops-for-ever", machine, change)
        if made is not None:
            yield made


KINDS.append(Kind("step-without-timeout: each step", _unbounded))
KINDS.append(Kind("machine-loops-for-ever: a loop", _endless))
