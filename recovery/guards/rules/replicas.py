"""Read replicas that a failover promotes."""

from recovery.guards.finding import Problem, Unknown
from recovery.guards.naming import arn_region, name_of
from recovery.guards.rule import Change, Says, rule
from recovery.guards.rules.databases import INSTANCE
from recovery.guards.sources import CLOUDFORMATION, RDS
from recovery.guards.templates import Resource, is_known

SOURCE = "SourceDBInstanceIdentifier"
_INSTANCE = f"{CLOUDFORMATION}aws-resource-rds-dbinstance.html"
_ACROSS = f"{RDS}USER_ReadRepl.XRgn.html"


def across_regions(instance: Resource) -> bool:
    """Whether an instance replicates one of another region."""
    region = arn_region(instance.get(SOURCE))
    return region is not None and region != instance.region


@rule(
    INSTANCE,
    trap=3,
    fix="Name the source by its whole ARN, with the region it is in.",
    source=_ACROSS,
    bad=Change("recovery.Replica", SOURCE, "arn:aws:rds:ap-southeast-1:111122223333:db:app"),
)
def replica_of_nothing(instance: Resource) -> Says:
    """A replica's source is an instance where its ARN says.

    An ARN that was built with the replica's own region names an instance that is not there; a mere name means the
    replica's own region.
    """
    source = instance.get(SOURCE)
    if not isinstance(source, str):
        return
    assembly = instance.assembly
    name, region = source.rpartition(":")[2], arn_region(source) or instance.region
    if assembly.resource_of(source) is not None or assembly.named(INSTANCE, name, region) is not None:
        return
    elsewhere = [each for each in assembly.all(INSTANCE) if name_of(each) == name and each is not instance]
    if elsewhere:
        places = ", ".join(sorted({each.region for each in elsewhere}))
        yield Problem(SOURCE, source, f"the ARN of {name} in {places}")
    elif region in assembly.known_regions:
        yield Unknown(SOURCE, f"{source} is in none of the templates")


@rule(
    INSTANCE,
    trap=3,
    fix="Set SourceRegion to the region of the source's ARN, or leave it out.",
    source=_INSTANCE,
    bad=Change("recovery.Replica", "SourceRegion", "eu-west-1"),
)
def replica_source_region(instance: Resource) -> Says:
    """A replica's SourceRegion is that of its source.

    RDS signs the request for the wrong region and the replica cannot be created, just when a new one is needed.
    """
    region, arn = instance.get("SourceRegion"), instance.get(SOURCE)
    source = arn_region(arn)
    # Where the source is in the SourceRegion, it is the ARN that is wrong: another rule says so.
    right = instance.assembly.named(INSTANCE, str(arn).rpartition(":")[2], str(region)) is not None
    if is_known(region) and is_known(source) and region != source and not right:
        yield Problem("SourceRegion", region, source or "")


@rule(
    INSTANCE,
    trap=3,
    fix="Set KmsKeyId to a key of the replica's own region.",
    source=_ACROSS,
    bad=Change("recovery.Replica", "KmsKeyId", None),
)
def replica_without_key(instance: Resource) -> Says:
    """A replica of another region names its key.

    An encrypted source has no key that holds in another region: without one the replica cannot be created.
    """
    if across_regions(instance) and instance.get("KmsKeyId") is None:
        yield Problem("KmsKeyId", None, f"a key in {instance.region}")


@rule(
    INSTANCE,
    trap=3,
    fix="Name a key of the instance's own region.",
    source=_ACROSS,
    bad=Change("recovery.Replica", "KmsKeyId", "arn:aws:kms:ap-south-1:111122223333:key/primary"),
)
def database_key_elsewhere(instance: Resource) -> Says:
    """An instance is encrypted under a key of its own region.

    RDS refuses another region's key at deploy; were it to take one, the replica would be as dead as that region.
    """
    key = instance.get("KmsKeyId")
    region = instance.assembly.region_of(key)
    if region is not None and is_known(instance.region) and region != instance.region:
        yield Problem("KmsKeyId", key, f"a key in {instance.region}")


@rule(
    INSTANCE,
    trap=4,
    fix="Set DeletionPolicy and UpdateReplacePolicy of the replica to Retain.",
    source=_INSTANCE,
    bad=Change("recovery.Replica", "^UpdateReplacePolicy", "Snapshot"),
)
def replica_not_retained(instance: Resource) -> Says:
    """A replica is retained when its stack deletes or replaces it.

    Once promoted it is the production database, and the template still says replica: CloudFormation takes no final
    snapshot of one.
    """
    if not instance.has(SOURCE):
        return
    for policy in ("DeletionPolicy", "UpdateReplacePolicy"):
        found = instance.attribute(policy)
        if found == "Snapshot":
            yield Problem(policy, found, "Retain")
