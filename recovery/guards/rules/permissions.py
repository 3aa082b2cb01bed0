"""Who may take backups, evidence and keys away, and who may become who may."""

from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any, cast

from recovery.guards.finding import Problem, Unknown
from recovery.guards.naming import arn_of
from recovery.guards.rule import Change, Says, rule, true
from recovery.guards.rules.vaults import DELETIONS
from recovery.guards.sources import BACKUP, IAM, RDS, S3
from recovery.guards.templates import Resource, dig
from recovery.guards.unresolved import Unresolved
from recovery.guards.values import listed

POLICIES = ("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy", "AWS::IAM::Role", "AWS::IAM::User", "AWS::IAM::Group")
DATABASE_DELETIONS = (
    "rds:DeleteDBCluster",
    "rds:DeleteDBClusterAutomatedBackup",
    "rds:DeleteDBClusterSnapshot",
    "rds:DeleteDBInstance",
    "rds:DeleteDBInstanceAutomatedBackup",
    "rds:DeleteDBSnapshot",
    "rds:StopDBInstanceAutomatedBackupsReplication",
)
EVIDENCE_DELETIONS = (
    "s3:BypassGovernanceRetention",
    "s3:DeleteBucket",
    "s3:DeleteObject",
    "s3:DeleteObjectVersion",
    "s3:PutBucketVersioning",
    "s3:PutLifecycleConfiguration",
)
KEY_DELETIONS = ("kms:DisableKey", "kms:ScheduleKeyDeletion")
# AWS's own policies that allow all of the above, or much of it.
POWERFUL = (
    "AdministratorAccess",
    "PowerUserAccess",
    "AWSBackupFullAccess",
    "AmazonRDSFullAccess",
    "AmazonS3FullAccess",
)
_STATEMENTS = f"{IAM}reference_policies_elements.html"
_READ = "PolicyDocument.Statement.0.Action"


def statements(resource: Resource) -> Iterator[tuple[str, dict[str, Any] | Unresolved]]:
    """Every statement of an identity's policies with its path."""
    documents = [("PolicyDocument", resource.get("PolicyDocument"))]
    for index, policy in enumerate(listed(resource.get("Policies"))):
        documents.append((f"Policies.{index}.PolicyDocument", dig(policy, "PolicyDocument")))
    for path, document in documents:
        for index, statement in enumerate(listed(dig(document, "Statement"))):
            if isinstance(statement, dict | Unresolved):
                yield f"{path}.Statement.{index}", cast(dict[str, Any] | Unresolved, statement)


def allowed(statement: dict[str, Any], actions: tuple[str, ...]) -> list[str]:
    """Which of ``actions`` a statement allows."""
    if statement.get("Effect") != "Allow":
        return []
    patterns = [str(each).lower() for each in listed(statement.get("Action"))]
    excepted = [str(each).lower() for each in listed(statement.get("NotAction"))]
    if excepted:
        return [action for action in actions if not _any(excepted, action.lower())]
    return [action for action in actions if _any(patterns, action.lower())]


def _any(patterns: list[str], action: str) -> bool:
    return action in patterns or any(fnmatchcase(action, each) for each in patterns if "*" in each or "?" in each)


def _may(resource: Resource, actions: tuple[str, ...], what: str) -> Says:
    for path, statement in statements(resource):
        if isinstance(statement, Unresolved):
            yield Unknown(path, statement.reason)
            continue
        found = allowed(statement, actions)
        if found:
            yield Problem(f"{path}.{_granting(statement, found)}", ", ".join(found), f"nobody {what}")


def _granting(statement: dict[str, Any], found: list[str]) -> str:
    """The element that allows the first of what was found: what else stands beside it does not matter."""
    if statement.get("NotAction") is not None:
        return "NotAction"
    patterns = [str(each).lower() for each in listed(statement.get("Action"))]
    index = next(index for index, each in enumerate(patterns) if _any([each], found[0].lower()))
    return f"Action.{index}" if isinstance(statement.get("Action"), list) else "Action"


@rule(
    *POLICIES,
    fix="Name the actions that are needed; deletion is for people, by another way.",
    source=f"{BACKUP}security-considerations.html",
    bad=Change("primary.Policy", _READ, ["backup:Delete*"]),
)
def may_delete_recovery_points(resource: Resource) -> Says:
    """No role or user of the templates may delete recovery points, vaults or their locks.

    Whoever takes over a function with such rights takes the backups first.
    """
    yield from _may(resource, DELETIONS, "who may delete recovery points")


@rule(
    *POLICIES,
    fix="Name the actions that are needed; deletion is for people, by another way.",
    source=f"{RDS}USER_DeleteInstance.html",
    bad=Change("primary.Policy", _READ, ["rds:DeleteDBSnapshot"]),
)
def may_delete_databases(resource: Resource) -> Says:
    """No role or user of the templates may delete databases, their snapshots or automated backups.

    What was deleted by a script that ran in the wrong account is as lost as by an attacker.
    """
    yield from _may(resource, DATABASE_DELETIONS, "who may delete databases or their backups")


@rule(
    *POLICIES,
    fix="Allow writing only, or name buckets without object lock.",
    source=f"{S3}object-lock.html",
    bad=Change("recovery.Writer", _READ, ["s3:PutObject", "s3:DeleteObjectVersion"]),
)
def may_delete_evidence(resource: Resource) -> Says:
    """No role or user of the templates may delete from a locked bucket, or change how long it keeps.

    Evidence that its writer can delete proves nothing.
    """
    for path, statement in statements(resource):
        if isinstance(statement, Unresolved):
            yield Unknown(path, statement.reason)
            continue
        found = allowed(statement, EVIDENCE_DELETIONS)
        if not found:
            continue
        locked = [each for each in resource.assembly.all("AWS::S3::Bucket") if true(each.get("ObjectLockEnabled"))]
        patterns = [str(each) for each in listed(statement.get("Resource", "*"))]
        names = [each.logical_id for each in locked if any(_covers(pattern, arn_of(each)) for pattern in patterns)]
        if names:
            where = f"{path}.{_granting(statement, found)}"
            yield Problem(where, f"{', '.join(found)} of {', '.join(names)}", "nobody who may")


def _covers(pattern: str, arn: str) -> bool:
    """Whether a pattern of resources takes in a bucket, or something in it."""
    return fnmatchcase(arn, pattern) or fnmatchcase(f"{arn}/any", pattern) or pattern.startswith(f"{arn}/")


@rule(
    *POLICIES,
    fix="Remove the actions; a key is deleted by people, after its waiting time.",
    source="https://docs.aws.amazon.com/kms/latest/developerguide/deleting-keys.html",
    bad=Change("primary.Policy", _READ, ["kms:ScheduleKeyDeletion"]),
)
def may_delete_keys(resource: Resource) -> Says:
    """No role or user of the templates may delete or disable keys.

    A key that is gone makes every backup under it unreadable, and a disabled one stops replication at once.
    """
    yield from _may(resource, KEY_DELETIONS, "who may delete or disable keys")


@rule(
    "AWS::IAM::Role",
    "AWS::IAM::User",
    "AWS::IAM::Group",
    fix="Write a policy with the actions that are needed.",
    source=f"{IAM}access_policies_managed-vs-inline.html",
    bad=Change("recovery.Role", "ManagedPolicyArns", ["arn:aws:iam::aws:policy/AWSBackupFullAccess"]),
)
def may_do_everything(resource: Resource) -> Says:
    """No role or user of the templates has one of AWS's policies of full access.

    They allow the deletion of backups among everything else, and grow with every new action.
    """
    for index, arn in enumerate(listed(resource.get("ManagedPolicyArns"))):
        if str(arn).rpartition("/")[2] in POWERFUL:
            yield Problem(f"ManagedPolicyArns.{index}", arn, "a policy of the actions that are needed")


@rule(
    "AWS::IAM::Role",
    fix="Name the account, service or role that may assume it, or a condition.",
    source=_STATEMENTS,
    bad=Change("recovery.Role", "AssumeRolePolicyDocument.Statement.0.Principal", "*"),
)
def role_for_anybody(role: Resource) -> Says:
    """A role says who may assume it.

    One that any principal can assume gives its rights to every account of AWS.
    """
    for index, statement in enumerate(listed(role.get("AssumeRolePolicyDocument.Statement"))):
        principal = dig(statement, "Principal")
        anybody = principal == "*" or "*" in listed(dig(principal, "AWS"))
        if dig(statement, "Effect") == "Allow" and anybody and not dig(statement, "Condition"):
            yield Problem(f"AssumeRolePolicyDocument.Statement.{index}.Principal", principal, "a named principal")
