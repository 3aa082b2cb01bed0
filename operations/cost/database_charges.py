"""What the database is charged for, step of protection by step of protection."""

import re
from collections.abc import Iterator
from decimal import Decimal

from operations.cost.assembly import Resource
from operations.cost.charges import Charge, Deployment
from operations.cost.protection import REPLICA, REPLICATED_BACKUPS, STANDBY

DAYS = Decimal(30)


def instance(resource: Resource, of: Deployment) -> Iterator[Charge]:
    """The instance, its standby, its storage from the first size to the last, and what leaves the region for it."""
    replica = "SourceDBInstanceIdentifier" in resource.properties
    class_ = resource.properties["DBInstanceClass"]
    first = of.primary.number("AllocatedStorage", 0)
    most = resource.number("MaxAllocatedStorage", first)
    yield of.always(class_, f"{class_} single-az")
    yield Charge(what=f"{first} to {most} GiB", price="gp3 single-az", low=Decimal(first), high=Decimal(most))
    if resource.properties.get("MultiAZ"):
        standby = None if replica else STANDBY
        yield Charge(
            what="its standby",
            price=f"{class_} multi-az",
            less=f"{class_} single-az",
            low=of.hours,
            high=of.hours,
            protection=standby,
        )
        yield Charge(
            what="the standby's storage",
            price="gp3 multi-az",
            less="gp3 single-az",
            low=Decimal(first),
            high=Decimal(most),
            protection=standby,
        )
    if replica:
        yield _changes_sent("changes sent to the replica", of, region=of.primary.region, protection=REPLICA)
    if target := resource.properties.get("AutomaticBackupReplicationRegion"):
        days = resource.number("AutomaticBackupReplicationRetentionPeriod", 1)
        low, high = _kept(of, points=Decimal(days), days_between=Decimal(1))
        yield Charge(
            what=f"{days} days of automated backups",
            price="database backup",
            low=low,
            high=high,
            region=target,
            protection=REPLICATED_BACKUPS,
        )
        yield _changes_sent("the backups on their way", of, region=resource.region, protection=REPLICATED_BACKUPS)


def _changes_sent(what: str, of: Deployment, *, region: str, protection: str) -> Charge:
    (used_low, used_high), (little, much) = of.assumed("database_used_gib"), of.assumed("database_daily_change")
    return Charge(
        what=what,
        price="transfer to another region",
        low=used_low * little * DAYS,
        high=used_high * much * DAYS,
        region=region,
        protection=protection,
    )


def _kept(of: Deployment, *, points: Decimal, days_between: Decimal) -> tuple[Decimal, Decimal]:
    """GiB of ``points`` incremental snapshots; at least what lies beyond the storage that RDS gives for free."""
    (used_low, used_high), (little, much) = of.assumed("database_used_gib"), of.assumed("database_daily_change")
    free = Decimal(of.primary.number("AllocatedStorage", 0))
    least = used_low * (1 + (points - 1) * min(Decimal(1), little * days_between))
    most = used_high * (1 + (points - 1) * min(Decimal(1), much * days_between))
    return max(Decimal(0), least - free), most


def days_between(schedule: str) -> Decimal:
    """How far apart the runs of an AWS cron expression are that names a day of the week, of the month, or neither."""
    fields = re.fullmatch(r"cron\((\S+) (\S+) (\S+) (\S+) (\S+) (\S+)\)", schedule)
    if fields is None:
        raise ValueError(
            f"expected a schedule of the form cron(...), found {schedule!r}: dr cost cannot count its runs"
        )
    day_of_month, day_of_week = fields[3], fields[5]
    if day_of_week not in "?*":
        return Decimal(7)
    return DAYS if day_of_month not in "?*" else Decimal(1)


def snapshots(resource: Resource, of: Deployment) -> Iterator[Charge]:
    """Each rule's recovery points, their copies, and the copies' way to the other region."""
    for rule in resource.properties["BackupPlan"]["BackupPlanRule"]:
        between = days_between(rule["ScheduleExpression"])
        points = Decimal(rule["Lifecycle"]["DeleteAfterDays"]) / between
        low, high = _kept(of, points=points, days_between=between)
        name = rule["RuleName"]
        yield Charge(what=f"{name} snapshots", price="database backup", low=low, high=high)
        for copy in rule.get("CopyActions", []):
            region = copy["DestinationBackupVaultArn"].split(":")[3]
            yield Charge(what=f"{name} copies", price="database backup", low=low, high=high, region=region)
            runs = DAYS / between
            (used_low, used_high), (little, much) = of.assumed("database_used_gib"), of.assumed("database_daily_change")
            yield Charge(
                what=f"{name} copies on their way",
                price="transfer to another region",
                low=used_low * min(Decimal(1), little * between) * runs,
                high=used_high * min(Decimal(1), much * between) * runs,
            )


def restore_test(resource: Resource, of: Deployment) -> Iterator[Charge]:
    """A restored instance a month, from an hour on one side to the whole validation window and an hour more."""
    (selection,) = of.beside(resource, "AWS::Backup::RestoreTestingSelection")
    class_ = of.primary.properties["DBInstanceClass"]
    runs = DAYS / days_between(resource.properties["ScheduleExpression"])
    most = Decimal(selection.number("ValidationWindowHours", 0) + 1)
    yield Charge(what="restored instance", price=f"{class_} multi-az", low=runs, high=runs * most)
    size = Decimal(of.primary.number("AllocatedStorage", 0))
    share = most / of.hours
    yield Charge(what="its storage", price="gp3 multi-az", low=runs * size / of.hours, high=runs * size * share)
    yield Charge(what="the test itself, as AWS Backup charges it", price=None)
