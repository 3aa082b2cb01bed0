"""The secrets that a database's users sign in with."""

from recovery.guards.finding import Problem, Unknown
from recovery.guards.naming import arn_of
from recovery.guards.regions import regions
from recovery.guards.rule import Change, Says, rule
from recovery.guards.rules.databases import INSTANCE
from recovery.guards.sources import CLOUDFORMATION
from recovery.guards.templates import Resource, dig, is_known
from recovery.guards.values import listed

SECRET = "AWS::SecretsManager::Secret"  # noqa: S105 - a type
_SECRET = f"{CLOUDFORMATION}aws-resource-secretsmanager-secret.html"


def _databases_of(secret: Resource) -> list[Resource]:
    arn = arn_of(secret)
    passwords = ((instance, instance.get("MasterUserPassword")) for instance in secret.assembly.all(INSTANCE))
    return [instance for instance, password in passwords if arn in str(password)]


@rule(
    SECRET,
    trap=11,
    fix="Add the regions that the database is replicated to under ReplicaRegions.",
    source="https://docs.aws.amazon.com/secretsmanager/latest/userguide/replicate-secrets.html",
    bad=Change("primary.Secret", "ReplicaRegions", None),
)
def secret_stays_in_region(secret: Resource) -> Says:
    """A database's credentials are replicated to where its data goes.

    The application there starts and cannot sign in; the secret is in the region that does not answer.
    """
    replicas = listed(secret.get("ReplicaRegions"))
    there = {str(dig(replica, "Region")) for replica in replicas}
    for region in sorted(regions(secret.assembly).targets_of(secret.stack) - there):
        if _databases_of(secret):
            yield Problem("ReplicaRegions", ", ".join(sorted(there)) or None, region)


@rule(
    SECRET,
    trap=3,
    fix="Name a key of the replica's region.",
    source=_SECRET,
    bad=Change("primary.Secret", "ReplicaRegions.0.KmsKeyId", "arn:aws:kms:ap-south-1:111122223333:key/own"),
)
def secret_replica_key_elsewhere(secret: Resource) -> Says:
    """A secret's replica is encrypted under a key of its own region.

    A replica that needs a key of the lost region cannot be read when it is needed.
    """
    for index, replica in enumerate(listed(secret.get("ReplicaRegions"))):
        region, key = dig(replica, "Region"), dig(replica, "KmsKeyId")
        path = f"ReplicaRegions.{index}.KmsKeyId"
        found = secret.assembly.region_of(key)
        if key is not None and found is None and not str(key).startswith("alias/"):
            yield Unknown(path, f"which region {key} is in")
        elif found is not None and is_known(region) and found != region:
            yield Problem(path, key, f"a key in {region}")


@rule(
    "AWS::SecretsManager::RotationSchedule",
    trap=8,
    severity="warning",
    fix="Sign in with IAM and leave the master password alone, or rotate users that no restore needs.",
    source="https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotating-secrets.html",
    bad=Change(
        "primary.Rotation",
        "",
        {"Type": "AWS::SecretsManager::RotationSchedule", "Properties": {"SecretId": {"Ref": "Secret"}}},
    ),
)
def secret_rotates_away(rotation: Resource) -> Says:
    """A database's master password is not rotated while snapshots hold the old one.

    A snapshot restores the password of its day, and the secret has another: nobody gets in until somebody resets it.
    """
    secret = rotation.assembly.resource_of(rotation.get("SecretId"))
    if secret is not None and secret.type == SECRET and _databases_of(secret):
        yield Problem("SecretId", secret.logical_id, "no rotation of a database's master password")
