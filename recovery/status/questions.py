"""What a region is asked, each question by itself, so that one that is refused takes no other along.

Every question raises botocore's ClientError or BotoCoreError.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from recovery.alarms import ALARMS
from recovery.alarms.reading import QUIET
from recovery.evidence import Evidence
from recovery.evidence.bucket import EvidenceBucket
from recovery.evidence.chain import folder, is_record
from recovery.instances import Instance
from recovery.names import Names
from recovery.point_in_time import read_backups
from recovery.recovery_points import USABLE, RecoveryPoint

if TYPE_CHECKING:
    from mypy_boto3_backup import BackupClient
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_rds import RDSClient
    from mypy_boto3_s3 import S3Client

# RDS reports the lag every minute; what is older says nothing about now.
_LAG_PERIOD = timedelta(minutes=1)
_LAG_REACH = timedelta(minutes=15)
# The newest records that are looked through for each tier's last measurement: a year of monthly tests in two regions.
_RECORDS = 24


@dataclass(frozen=True)
class Unanswered:
    """Why a question has no answer; ``silent`` when the region did not answer at all."""

    reason: str
    silent: bool


T = TypeVar("T")
Answer: TypeAlias = T | Unanswered


@dataclass(frozen=True, kw_only=True)
class Record:
    """A record of evidence and its name."""

    name: str
    evidence: Evidence


@dataclass(frozen=True, kw_only=True)
class RegionAnswers:
    """One region. Times are those of the newest backup; None: there is none. ``replica_lag`` is in seconds."""

    name: str
    stacks: Answer[Mapping[str, str]]
    instance: Answer[Instance | None]
    automated_backup: Answer[datetime | None]
    snapshot: Answer[datetime | None]
    alarms: Answer[tuple[str, ...]]
    replica_lag: Answer[float | None]


@dataclass(frozen=True, kw_only=True)
class Status:
    """Everything that was answered, at ``now``."""

    names: Names
    now: datetime
    primary: RegionAnswers
    recovery: RegionAnswers
    evidence: Answer[tuple[Record, ...]]


def stacks(cloudformation: "CloudFormationClient", names: Names) -> dict[str, str]:
    """The environment's stacks in the region, and the status of each."""
    pages = cloudformation.get_paginator("describe_stacks").paginate()
    found = {each["StackName"]: each["StackStatus"] for page in pages for each in page["Stacks"]}
    return {name: str(status) for name, status in found.items() if name in names.all_stacks}


def automated_backup(rds: "RDSClient", names: Names) -> datetime | None:
    """The last moment that can be restored in the region."""
    return max((each.latest for each in read_backups(rds, names)), default=None)


def snapshot(backup: "BackupClient", vault: str) -> datetime | None:
    """When the newest recovery point of the vault was taken that can be restored."""
    pages = backup.get_paginator("list_recovery_points_by_backup_vault").paginate(BackupVaultName=vault)
    points = (RecoveryPoint.of(each) for page in pages for each in page["RecoveryPoints"])
    return max((point.creation_date for point in points if point.status in USABLE), default=None)


def open_alarms(cloudwatch: "CloudWatchClient", names: Names) -> tuple[str, ...]:
    """The names of the environment's alarms that are on and say something."""
    pages = cloudwatch.get_paginator("describe_alarms").paginate(
        AlarmNamePrefix=names.alarm_name(""), StateValue="ALARM", AlarmTypes=["MetricAlarm", "CompositeAlarm"]
    )
    return tuple(
        sorted(
            name
            for page in pages
            for each in (*page.get("MetricAlarms", []), *page.get("CompositeAlarms", []))
            if not _is_no_news(name := each.get("AlarmName", ""), names)
        )
    )


def _is_no_news(name: str, names: Names) -> bool:
    """Of a canary, which is meant to be on every quarter of an hour, or of what only keeps another alarm quiet."""
    canaries = {names.alarm_name(alarm.subject) for alarm in ALARMS if alarm.is_canary}
    return name in canaries or name.startswith(names.alarm_name(QUIET))


def replica_lag(cloudwatch: "CloudWatchClient", identifier: str, now: datetime) -> float | None:
    """The replica's lag in seconds as RDS reported it last; -1 when it does not replicate, None without a report."""
    points = cloudwatch.get_metric_statistics(
        Namespace="AWS/RDS",
        MetricName="ReplicaLag",
        Dimensions=[{"Name": "DBInstanceIdentifier", "Value": identifier}],
        StartTime=now - _LAG_REACH,
        EndTime=now,
        Period=int(_LAG_PERIOD.total_seconds()),
        Statistics=["Maximum"],
    )["Datapoints"]
    newest = max(points, key=lambda each: each.get("Timestamp", now - _LAG_REACH), default=None)
    return None if newest is None else newest.get("Maximum")


def evidence(s3: "S3Client", names: Names) -> Answer[tuple[Record, ...]]:
    """The newest records, the newest first. Raises pydantic's ValidationError for one that is damaged, too."""
    bucket = EvidenceBucket(s3, names.evidence_bucket_name)
    try:
        written = bucket.written(folder(names.instance_identifier))
    except s3.exceptions.NoSuchBucket:
        missing = (
            f"there is no bucket {names.evidence_bucket_name}: it comes with {names.environment}-RecoveryFoundation"
        )
        return Unanswered(missing, silent=False)
    keys = sorted((key for key in written if is_record(key)), key=lambda key: written[key], reverse=True)[:_RECORDS]
    found = [
        Record(
            name=key.rpartition("/")[2].removesuffix(".json"), evidence=Evidence.model_validate_json(bucket.read(key))
        )
        for key in keys
    ]
    return tuple(sorted(found, key=lambda each: each.evidence.finished_at, reverse=True))
