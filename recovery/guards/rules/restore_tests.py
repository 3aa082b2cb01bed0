"""Restore tests of AWS Backup: that what they restore can be reached and proven."""

import json
import re
from typing import Any, cast

from recovery.guards.finding import Problem, Unknown
from recovery.guards.rule import Change, Says, number, rule, true
from recovery.guards.sources import BACKUP, CLOUDFORMATION
from recovery.guards.templates import Resource, is_known
from recovery.guards.unresolved import Unresolved
from recovery.guards.values import Value, listed

PLAN = "AWS::Backup::RestoreTestingPlan"
SELECTION = "AWS::Backup::RestoreTestingSelection"
OVERRIDES = "RestoreMetadataOverrides"
_INFERRED = f"{BACKUP}restore-testing-inferred-metadata.html"
_DATABASES = ("RDS", "Aurora")


def _override(selection: Resource, key: str) -> Value:
    """The override under a key, whose case does not count."""
    found = selection.get(OVERRIDES)
    if isinstance(found, Unresolved):
        return found
    items = cast(dict[str, Any], found) if isinstance(found, dict) else {}
    return next((value for name, value in items.items() if name.lower() == key.lower()), None)


def _is_database(selection: Resource) -> bool:
    return selection.get("ProtectedResourceType") in _DATABASES


@rule(
    SELECTION,
    trap=8,
    fix="Override dbSubnetGroupName with a subnet group that the verification reaches.",
    source=_INFERRED,
    bad=Change("recovery.TestSelection", f"{OVERRIDES}.dbSubnetGroupName", None),
)
def restore_test_in_default_network(selection: Resource) -> Says:
    """A restore test says into which subnets it restores.

    AWS Backup infers the default VPC: where there is none the test fails, where there is one no check reaches the copy.
    """
    if _is_database(selection) and _override(selection, "dbSubnetGroupName") is None:
        yield Problem(f"{OVERRIDES}.dbSubnetGroupName", None, "a subnet group")


@rule(
    SELECTION,
    trap=8,
    fix='Override vpcSecurityGroupIds with text such as ["sg-0123456789abcdef0"].',
    source=_INFERRED,
    bad=Change("recovery.TestSelection", f"{OVERRIDES}.vpcSecurityGroupIds", "sg-0123456789abcdef0"),
)
def restore_test_groups_not_json(selection: Resource) -> Says:
    """The security groups of a restore test are a list in JSON, as text.

    Plain text deploys, and every restore of the test fails: the monthly proof ends without having proven anything.
    """
    groups = _override(selection, "vpcSecurityGroupIds")
    if isinstance(groups, Unresolved):
        yield Unknown(f"{OVERRIDES}.vpcSecurityGroupIds", groups.reason)
        return
    if groups is None:
        return
    try:
        parsed: Any = json.loads(str(groups)) if isinstance(groups, str) else groups
    except ValueError:
        parsed = None
    if not (isinstance(groups, str) and isinstance(parsed, list) and parsed):
        yield Problem(f"{OVERRIDES}.vpcSecurityGroupIds", groups, 'a JSON array as text, such as ["sg-..."]')


@rule(
    SELECTION,
    trap=8,
    fix="Override vpcSecurityGroupIds with a group that admits the verification.",
    source=_INFERRED,
    bad=Change("recovery.TestSelection", f"{OVERRIDES}.vpcSecurityGroupIds", None),
)
def restore_test_in_default_group(selection: Resource) -> Says:
    """A restore test says which security groups the restored database gets.

    Without them it gets the VPC's default group, which admits nobody who could prove it.
    """
    if _is_database(selection) and _override(selection, "vpcSecurityGroupIds") is None:
        yield Problem(f"{OVERRIDES}.vpcSecurityGroupIds", None, "the groups that let the checks in")


@rule(
    SELECTION,
    trap=8,
    fix='Override enableIamDatabaseAuthentication with "true" and sign in with IAM.',
    source=_INFERRED,
    bad=Change("recovery.TestSelection", f"{OVERRIDES}.enableIamDatabaseAuthentication", None),
)
def restore_test_by_password(selection: Resource) -> Says:
    """Whoever checks a restored database signs in with IAM.

    A snapshot holds the password of its day: once it was rotated nobody gets into the restored database to prove it.
    """
    found = _override(selection, "enableIamDatabaseAuthentication")
    if isinstance(found, Unresolved):
        yield Unknown(f"{OVERRIDES}.enableIamDatabaseAuthentication", found.reason)
    elif _is_database(selection) and not true(found):
        yield Problem(f"{OVERRIDES}.enableIamDatabaseAuthentication", found, '"true"')


@rule(
    SELECTION,
    trap=8,
    fix="Set ValidationWindowHours to what the verification takes, at most 168.",
    source=f"{BACKUP}restore-testing-validation.html",
    bad=Change("recovery.TestSelection", "ValidationWindowHours", None),
)
def restore_test_deleted_at_once(selection: Resource) -> Says:
    """A restore test keeps what it restored long enough to be validated.

    Without a validation window AWS Backup deletes the copy when the restore ends; the test says that it restored, not
    that anything was in it.
    """
    hours = selection.get("ValidationWindowHours")
    if not isinstance(hours, Unresolved) and (number(hours) or 0) < 1:
        yield Problem("ValidationWindowHours", hours, "1 to 168 hours")


@rule(
    PLAN,
    trap=8,
    fix="Include SNAPSHOT in RecoveryPointTypes.",
    source=f"{BACKUP}restore-testing.html",
    bad=Change("recovery.Test", "RecoveryPointSelection.RecoveryPointTypes", ["CONTINUOUS"]),
)
def restore_test_of_no_snapshot(plan: Resource) -> Says:
    """A restore test takes snapshots.

    Where no continuous backup is taken, a test of continuous recovery points finds none and tests nothing.
    """
    kinds = listed(plan.get("RecoveryPointSelection.RecoveryPointTypes"))
    if "SNAPSHOT" not in kinds and not any(isinstance(kind, Unresolved) for kind in kinds):
        yield Problem("RecoveryPointSelection.RecoveryPointTypes", ", ".join(map(str, kinds)), "SNAPSHOT among them")


@rule(
    PLAN,
    trap=8,
    fix="Include vaults of the plan's own region only.",
    source=f"{BACKUP}restore-testing.html",
    bad=Change(
        "recovery.Test",
        "RecoveryPointSelection.IncludeVaults.1",
        "arn:aws:backup:ap-south-1:111122223333:backup-vault:primary",
    ),
)
def restore_test_of_another_region(plan: Resource) -> Says:
    """A restore test includes vaults of its own region.

    AWS Backup restores in the region of the vault: a plan that names another region's vault proves nothing of the
    region that has to take over.
    """
    for index, vault in enumerate(listed(plan.get("RecoveryPointSelection.IncludeVaults"))):
        region = plan.assembly.region_of(vault)
        if region is not None and is_known(plan.region) and region != plan.region:
            yield Problem(f"RecoveryPointSelection.IncludeVaults.{index}", vault, f"a vault in {plan.region}")


@rule(
    PLAN,
    fix="Add a RestoreTestingSelection with this plan's name.",
    source=f"{BACKUP}restore-testing.html",
    bad=Change("recovery.TestSelection", "RestoreTestingPlanName", "another"),
)
def restore_test_selects_nothing(plan: Resource) -> Says:
    """A restore-testing plan has a selection.

    A plan without one runs every month and restores nothing.
    """
    name = plan.get("RestoreTestingPlanName")
    selections = [each for each in plan.assembly.all(SELECTION) if each.region == plan.region]
    if not any(each.get("RestoreTestingPlanName") == name for each in selections):
        yield Problem("RestoreTestingPlanName", name, "a RestoreTestingSelection with this name")


@rule(
    PLAN,
    fix="Use letters, digits and underscores, at most 50.",
    source=f"{CLOUDFORMATION}aws-resource-backup-restoretestingplan.html",
    bad=Change("recovery.Test", "RestoreTestingPlanName", "recovery-test"),
)
def restore_test_name(plan: Resource) -> Says:
    """A restore-testing plan's name holds only letters, digits and underscores.

    The deployment fails on any other name, and the environment goes without restore tests.
    """
    name = plan.get("RestoreTestingPlanName")
    if is_known(name) and not re.fullmatch(r"[A-Za-z0-9_]{1,50}", str(name)):
        yield Problem("RestoreTestingPlanName", name, "letters, digits and underscores, 50 at most")
