"""The recovery region stands alone: nothing it needs to run lies in the region that was lost."""

import re
from collections.abc import Iterator
from typing import Any, cast

from recovery.guards.finding import Problem, Unknown
from recovery.guards.regions import regions
from recovery.guards.resolving import resolve
from recovery.guards.rule import Change, Says, rule
from recovery.guards.templates import Assembly, Resource, fact
from recovery.guards.unresolved import Unresolved
from recovery.guards.values import Value

# Whose ARNs say what is allowed or looked at, not what is needed to run.
_PERMISSIONS = (
    "AWS::IAM::",
    "AWS::CloudWatch::Dashboard",
    "AWS::KMS::Key",
    "AWS::S3::BucketPolicy",
    "AWS::SNS::TopicPolicy",
    "AWS::SQS::QueuePolicy",
    "AWS::Backup::BackupVault",
    # Machines that change regions call both and catch what does not answer.
    "AWS::StepFunctions::StateMachine",
)
# What is there because of the other region, and goes on without it.
_COPIES = ("SourceDBInstanceIdentifier", "ReplicationConfiguration", "ProtectedResourceArns")
_ARN = re.compile(r"arn:aws[a-z-]*:([a-z0-9-]+):([a-z0-9-]+):")
_SECRETS, _KEYS, _CERTIFICATES = ("secretsmanager", "ssm"), ("kms",), ("acm",)
_KNOWN = _SECRETS + _KEYS + _CERTIFICATES
_STANDING_ALONE = (
    "https://docs.aws.amazon.com/whitepapers/latest/disaster-recovery-workloads-on-aws/"
    "disaster-recovery-options-in-the-cloud.html"
)
_IMPORTS = "https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference-importvalue.html"
_PRIMARY = "ap-south-1:111122223333"


# What a property takes, by its name: what stands there is known at deploy only, but not what it is.
_TAKEN = (
    (re.compile("Certificate"), "acm"),
    (re.compile("Secret|ValueFrom"), "secretsmanager"),
    (re.compile("Kms|KeyArn|KeyId"), "kms"),
    (re.compile("Arn"), ""),
)


def _texts(value: Value, path: str) -> Iterator[tuple[str, str | Unresolved]]:
    if isinstance(value, str | Unresolved):
        yield path, value
    elif isinstance(value, dict):
        for key, each in cast(dict[str, Any], value).items():
            yield from _texts(each, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for index, each in enumerate(cast(list[Any], value)):
            yield from _texts(each, f"{path}.{index}")


@fact
def _leaning(assembly: Assembly) -> dict[Resource, list[tuple[str, str, str | Unresolved]]]:
    """What resources of recovery regions name, or may name, in the regions that they are there to replace.

    Path, service, and text.
    """
    found: dict[Resource, list[tuple[str, str, str | Unresolved]]] = {}
    for stack in assembly.stacks:
        sources = regions(assembly).sources_of(stack)
        for resource in stack.resources.values() if sources else ():
            if resource.type.startswith(_PERMISSIONS):
                continue
            for path, text in _texts(resource.properties, ""):
                if not path.startswith(_COPIES):
                    found.setdefault(resource, []).extend(_named(path, text, sources))
    return found


def _named(path: str, text: str | Unresolved, sources: frozenset[str]) -> Iterator[tuple[str, str, str | Unresolved]]:
    if isinstance(text, Unresolved):
        services = [service for name, service in _TAKEN if name.search(path)][:1]
    elif "arn:" in text:
        services = sorted({service for service, region in _ARN.findall(text) if region in sources})
    else:
        services = []
    yield from ((path, service, text) for service in services)


def _leans(resource: Resource, services: tuple[str, ...], *, others: bool = False) -> Says:
    for path, service, text in _leaning(resource.assembly).get(resource, []):
        if not (service in services or (others and service not in _KNOWN)):
            continue
        if isinstance(text, Unresolved):
            yield Unknown(path, text.reason)
        else:
            yield Problem(path, text, f"one in {resource.region}")


@rule(
    trap=11,
    fix="Replicate the secret or parameter, and name the replica of this region.",
    source="https://docs.aws.amazon.com/secretsmanager/latest/userguide/replicate-secrets.html",
    bad=Change(
        "recovery.Task", "ContainerDefinitions.0.Secrets.0.ValueFrom", f"arn:aws:secretsmanager:{_PRIMARY}:secret:app/x"
    ),
)
def recovery_needs_secret_of_primary(resource: Resource) -> Says:
    """The recovery region reads secrets and parameters of its own.

    A task that has to fetch a secret from the lost region never starts.
    """
    yield from _leans(resource, _SECRETS)


@rule(
    trap=11,
    fix="Name a key of this region.",
    source="https://docs.aws.amazon.com/kms/latest/developerguide/multi-region-keys-overview.html",
    bad=Change("recovery.Topic", "KmsMasterKeyId", f"arn:aws:kms:{_PRIMARY}:key/primary"),
)
def recovery_needs_key_of_primary(resource: Resource) -> Says:
    """The recovery region encrypts under keys of its own.

    What lies under a key of the lost region cannot be read, however many copies there are.
    """
    # A key that an instance or a vault is under has a rule of its own, whichever region is the primary.
    if resource.type != "AWS::RDS::DBInstance":
        yield from _leans(resource, _KEYS)


@rule(
    trap=11,
    fix="Issue a certificate in this region.",
    source="https://docs.aws.amazon.com/acm/latest/userguide/acm-regions.html",
    bad=Change("recovery.Listener", "Certificates.0.CertificateArn", f"arn:aws:acm:{_PRIMARY}:certificate/0123"),
)
def recovery_needs_certificate_of_primary(resource: Resource) -> Says:
    """The recovery region has certificates of its own.

    A listener takes only a certificate of its region: the name moves, and nobody can connect to it.
    """
    yield from _leans(resource, _CERTIFICATES)


@rule(
    trap=11,
    fix="Make one in this region, or look it up by a name that both regions have.",
    source=_STANDING_ALONE,
    bad=Change(
        "recovery.OnCall",
        "",
        {
            "Type": "AWS::SNS::Subscription",
            "Properties": {
                "TopicArn": {"Ref": "Topic"},
                "Protocol": "sqs",
                "Endpoint": f"arn:aws:sqs:{_PRIMARY}:oncall",
            },
        },
    ),
)
def recovery_needs_primary(resource: Resource) -> Says:
    """What the recovery region runs with lies in the recovery region.

    A topic, function, queue or load balancer of the lost region answers nobody.
    """
    if resource.type not in (
        "AWS::CloudWatch::Alarm",
        "AWS::Backup::RestoreTestingPlan",
    ):  # which have rules of their own
        yield from _leans(resource, (), others=True)


@rule(
    "Custom::CrossRegionExportReader",
    "Custom::CrossRegionExportWriter",
    trap=11,
    fix="Give what the other region needs a fixed name, and build its ARN; drop crossRegionReferences.",
    source="https://docs.aws.amazon.com/cdk/api/v2/docs/aws-cdk-lib-readme.html",
    bad=Change(
        "recovery.Reader",
        "",
        {
            "Type": "Custom::CrossRegionExportReader",
            "Properties": {"ServiceToken": "arn:aws:lambda:ap-southeast-1:1:function:x"},
        },
    ),
)
def references_across_regions(resource: Resource) -> Says:
    """Stacks of different regions are not tied together by exports.

    A dead region blocks every deploy of the living one that reads from it or writes to it.
    """
    yield Problem("", resource.type, "names that both regions can compute")


@rule(
    trap=11,
    fix="Export it in the region that imports it, or build it from a fixed name.",
    source=_IMPORTS,
    bad=Change("recovery.Topic", "KmsMasterKeyId", {"Fn::ImportValue": "primary-key"}),
)
def import_from_another_region(resource: Resource) -> Says:
    """What a stack imports is exported in its own region.

    Exports do not cross regions: the deployment of the recovery region fails, and the template shows nothing of it.
    """
    exported = _exporters(resource.assembly)
    if not exported:
        return
    for path, written in _imports(resource.body.get("Properties"), ""):
        name = resolve(resource.stack, written)
        if isinstance(name, Unresolved):
            yield Unknown(path, name.reason)
        elif name in exported and resource.assembly.export(resource.stack, name) is None:
            yield Problem(path, f"{name}, exported in {exported[name]}", f"an export in {resource.region}")


@fact
def _exporters(assembly: Assembly) -> dict[str, str]:
    """In which regions each name is exported."""
    found: dict[str, set[str]] = {}
    for stack in assembly.stacks:
        for name in stack.exports:
            found.setdefault(name, set()).add(stack.region)
    return {name: ", ".join(sorted(regions)) for name, regions in found.items()}


def _imports(value: Value, path: str) -> Iterator[tuple[str, Value]]:
    """Where something is imported, and the name as it is written."""
    if isinstance(value, dict):
        for key, each in cast(dict[str, Any], value).items():
            if key == "Fn::ImportValue":
                yield path, each
            yield from _imports(each, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for index, each in enumerate(cast(list[Any], value)):
            yield from _imports(each, f"{path}.{index}")
