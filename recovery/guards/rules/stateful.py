"""What holds data: it stays when its stack goes."""

from recovery.guards.finding import Problem, Unknown
from recovery.guards.rule import Change, Says, number, rule, true
from recovery.guards.sources import CLOUDFORMATION
from recovery.guards.templates import Resource
from recovery.guards.unresolved import Unresolved

# What holds data, or what data cannot be read without.
STATEFUL = (
    "AWS::Backup::BackupVault",
    "AWS::Cognito::UserPool",
    "AWS::DynamoDB::GlobalTable",
    "AWS::DynamoDB::Table",
    "AWS::ECR::Repository",
    "AWS::EFS::FileSystem",
    "AWS::KMS::Key",
    "AWS::RDS::DBCluster",
    "AWS::RDS::DBInstance",
    "AWS::S3::Bucket",
    "AWS::SecretsManager::Secret",
)
KEPT = ("Retain", "RetainExceptOnCreate", "Snapshot")
PROTECTIONS = {
    "AWS::Cognito::UserPool": "DeletionProtection",
    "AWS::DynamoDB::Table": "DeletionProtectionEnabled",
    "AWS::RDS::DBCluster": "DeletionProtection",
    "AWS::RDS::DBInstance": "DeletionProtection",
}
LONGEST_KEY_WINDOW_DAYS = 30
_POLICIES = "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-attribute-deletionpolicy.html"
_REPLACE = "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-attribute-updatereplacepolicy.html"


@rule(
    *STATEFUL,
    trap=4,
    fix="Set DeletionPolicy to Retain, or to Snapshot where the type knows it.",
    source=_POLICIES,
    bad=Change("recovery.Copies", "^DeletionPolicy", "Delete"),
)
def data_deleted_with_stack(resource: Resource) -> Says:
    """What holds data, or the key to it, stays when its stack is deleted.

    A stack that is deleted, rolled back or renamed takes along what no other region can give back: a key makes every
    backup under it unreadable.
    """
    found = resource.attribute("DeletionPolicy")
    if found not in KEPT:
        yield Problem("DeletionPolicy", found, "Retain or Snapshot")


@rule(
    *STATEFUL,
    trap=4,
    fix="Set UpdateReplacePolicy to Retain, or to Snapshot where the type knows it.",
    source=_REPLACE,
    bad=Change("recovery.Copies", "^UpdateReplacePolicy", None),
)
def data_deleted_by_replacement(resource: Resource) -> Says:
    """What holds data, or the key to it, stays when an update replaces it.

    A property that looks harmless (a name, a key, a source) makes CloudFormation build anew and delete the old, with
    the data.
    """
    found = resource.attribute("UpdateReplacePolicy")
    if found not in KEPT:
        yield Problem("UpdateReplacePolicy", found, "Retain or Snapshot")


@rule(
    *PROTECTIONS,
    fix="Switch the type's deletion protection on.",
    source="https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_DeleteInstance.html",
    bad=Change("recovery.Replica", "DeletionProtection", value=False),
)
def data_without_deletion_protection(resource: Resource) -> Says:
    """What can be protected from deletion is.

    One call with an operator's rights, or a script that runs against the wrong account, deletes it otherwise.
    """
    name = PROTECTIONS[resource.type]
    found = resource.get(name)
    if isinstance(found, Unresolved):
        yield Unknown(name, found.reason)
    elif not true(found) and found != "ACTIVE" and not resource.has("DBClusterIdentifier"):
        yield Problem(name, found, "ACTIVE" if resource.type == "AWS::Cognito::UserPool" else "true")


@rule(
    "AWS::DynamoDB::Table",
    fix="Set PointInTimeRecoverySpecification.PointInTimeRecoveryEnabled to true.",
    source="https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/PointInTimeRecovery.html",
    bad=Change("primary.Records", "PointInTimeRecoverySpecification", None),
)
def table_without_point_in_time(table: Resource) -> Says:
    """A table can be restored to a moment.

    A bad write cannot be undone otherwise, however many copies of the table there are.
    """
    path = "PointInTimeRecoverySpecification.PointInTimeRecoveryEnabled"
    found = table.get(path)
    if not isinstance(found, Unresolved) and not true(found):
        yield Problem(path, found, "true")


@rule(
    "AWS::KMS::Key",
    fix=f"Set PendingWindowInDays to {LONGEST_KEY_WINDOW_DAYS}, or leave it out.",
    source=f"{CLOUDFORMATION}aws-resource-kms-key.html",
    bad=Change("recovery.Key", "PendingWindowInDays", 7),
)
def key_deleted_in_a_hurry(key: Resource) -> Says:
    """A key waits as long as KMS allows before it is deleted.

    Everything under it is lost with it, backups included; the waiting time is all there is to notice.
    """
    days = number(key.get("PendingWindowInDays"))
    if days is not None and days < LONGEST_KEY_WINDOW_DAYS:
        yield Problem("PendingWindowInDays", f"{days:g}", f"{LONGEST_KEY_WINDOW_DAYS} days")
