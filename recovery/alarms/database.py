"""Alarms of the database (tier 1) and of its copies in the recovery region (tier 3)."""

from datetime import timedelta

from recovery import objectives
from recovery.alarms.model import Alarm, Cause, Metric, Missing
from recovery.objectives import DATABASE, FULL

_MINUTE = timedelta(minutes=1)
_FIVE = timedelta(minutes=5)
# How often in a row a copy has to be too old.
_SILENT_LOOKS = 2
_STATUS = "dr status --environment {environment}"
_PLAN = "dr failover --environment {environment} --dry-run"


def _rds(name: str, *, statistic: str, period: timedelta = _MINUTE) -> Metric:
    dimensions = (("DBInstanceIdentifier", "{instance}"),)
    return Metric(namespace="AWS/RDS", name=name, statistic=statistic, period=period, dimensions=dimensions)


def _minutes(span: timedelta) -> int:
    return int(span.total_seconds() // 60)


CAUSES = (
    Cause(name="database", happened="The database is not heard of in {region}", shared=True),
    # The same, seen from the other region.
    Cause(name="silence", happened="{region} does not hear the primary", shared=True, incident="database"),
    Cause(name="failover", happened="RDS fails over"),
    Cause(
        name="storage",
        happened="The storage of {instance} runs full",
        # RDS reports nothing of an instance that is gone.
        because_of=("database", "silence"),
    ),
    Cause(name="connections", happened="The connections of {instance} are nearly used up", because_of=("database",)),
    Cause(name="transaction-ids", happened="{instance} runs out of transaction ids"),
    Cause(
        name="copies",
        happened="The copies of the database in {region} fall behind",
        # A primary that is silent makes every copy old; one page is enough.
        because_of=("silence",),
    ),
    Cause(
        name="replicated-backups",
        happened="The backups that {region} holds of {database} fall behind",
        because_of=("silence", "copies", "measures"),
    ),
)

ALARMS = (
    Alarm(
        subject="heartbeat-stopped",
        happened=f"No heartbeat was written for {_minutes(objectives.HEARTBEAT_SILENCE)} minutes: the database in"
        " {region} may be down, and nothing dates its copies any more",
        tier=DATABASE,
        severity="page",
        clock="rto",
        cause="database",
        stands="serving",
        metric=Metric.own("HeartbeatWritten", statistic="Sum", period=_MINUTE),
        below=1,
        periods=_minutes(objectives.HEARTBEAT_SILENCE),
        missing=Missing.alarming("a heartbeat that is not written is not reported either"),
        commands=(
            _STATUS,
            "aws rds describe-events --region {region} --source-type db-instance --source-identifier {instance}"
            " --duration 60",
            _PLAN,
        ),
        proof="`dr status` shows the database's newest heartbeat less than two minutes old, and this alarm is OK",
    ),
    Alarm(
        subject="primary-silent",
        happened=f"The newest heartbeat in {{region}}'s copy is more than {_minutes(objectives.PRIMARY_SILENCE)}"
        " minutes old: {other_region} or the replication from it is down",
        tier=FULL,
        severity="page",
        clock="rpo",
        cause="silence",
        stands="standby",
        metric=Metric.own("ReplicaHeartbeatAgeSeconds", statistic="Maximum", period=_MINUTE),
        above=objectives.PRIMARY_SILENCE.total_seconds(),
        limit_is_loss=True,
        periods=_SILENT_LOOKS,
        missing=Missing.alarming("a copy that cannot be asked is no copy"),
        commands=(_STATUS, _PLAN, "dr failover --environment {environment}"),
        proof="`dr status` shows both regions and a lag below a minute; after a failover its record says PASS",
    ),
    Alarm(
        subject="replica-late",
        happened=f"The copy in {{region}} is more than {_minutes(objectives.REPLICA_LAG_ALARM)} minutes behind by its"
        " newest heartbeat",
        tier=FULL,
        severity="page",
        clock="rpo",
        cause="copies",
        stands="standby",
        metric=Metric.own("ReplicaHeartbeatAgeSeconds", statistic="Maximum", period=_MINUTE),
        above=objectives.REPLICA_LAG_ALARM.total_seconds(),
        limit_is_loss=True,
        periods=2,
        missing=Missing.unchanged("primary-silent speaks when nobody measures"),
        commands=(_STATUS, _PLAN),
        proof="`dr status` shows a lag below a minute",
    ),
    Alarm(
        subject="replica-lag",
        happened=f"RDS reports the replica {{instance}} more than {_minutes(objectives.REPLICA_LAG_ALARM)} minutes"
        " behind",
        tier=FULL,
        severity="page",
        clock="rpo",
        cause="copies",
        stands="standby",
        metric=_rds("ReplicaLag", statistic="Maximum"),
        above=objectives.REPLICA_LAG_ALARM.total_seconds(),
        limit_is_loss=True,
        periods=5,
        missing=Missing.alarming("RDS reports it every minute of a replica; without it there is none"),
        commands=(_STATUS, _PLAN),
        proof="`dr status` shows a lag below a minute",
    ),
    Alarm(
        subject="replication-stopped",
        happened="RDS does not replicate to {instance} any more: every minute adds to what a lost region would cost",
        tier=FULL,
        severity="page",
        clock="rpo",
        cause="copies",
        stands="standby",
        metric=_rds("ReplicaLag", statistic="Minimum"),
        below=0,  # RDS reports -1 when it does not replicate
        periods=_minutes(objectives.PRIMARY_SILENCE) + _SILENT_LOOKS,  # as long as primary-silent, which then speaks
        missing=Missing.unchanged("replica-lag speaks when the metric is missing"),
        commands=(
            _STATUS,
            "aws rds describe-events --region {region} --source-type db-instance --source-identifier {instance}"
            " --duration 180",
        ),
        proof="`dr status` shows a lag below a minute",
    ),
    Alarm(
        subject="replicated-backups-late",
        happened="The automated backups that {region} holds of {database} end more than"
        f" {_minutes(objectives.REPLICATED_BACKUP_ALARM)} minutes ago",
        tier=FULL,
        severity="page",
        clock="rpo",
        cause="replicated-backups",
        stands="standby",
        metric=Metric.own("ReplicatedBackupAgeSeconds", statistic="Maximum", period=objectives.MEASUREMENT_INTERVAL),
        above=objectives.REPLICATED_BACKUP_ALARM.total_seconds(),
        limit_is_loss=True,
        periods=objectives.MEASUREMENTS_ALARM,
        missing=Missing.alarming("backups that cannot be asked about, or are not there, restore nothing"),
        commands=(
            _STATUS,
            "aws rds describe-db-instance-automated-backups --region {region} --db-instance-identifier {database}",
        ),
        proof="`dr status` shows the newest moment that {region} can restore, minutes ago",
    ),
    Alarm(
        subject="free-storage",
        happened=f"{{instance}} has less than {objectives.FREE_STORAGE_ALARM_FRACTION:.0%} of its storage free although"
        " storage grows by itself: a full disk stops the database",
        tier=DATABASE,
        severity="page",
        clock="rto",
        cause="storage",
        stands="both",
        metric=_rds("FreeStorageSpace", statistic="Minimum", period=_FIVE),
        below=objectives.FREE_STORAGE_ALARM_FRACTION,
        share_of="allocated_bytes",
        periods=3,
        missing=Missing.alarming("RDS reports it every minute of a running instance"),
        commands=(
            _STATUS,
            "aws rds describe-db-instances --region {region} --db-instance-identifier {instance}",
            "aws rds describe-events --region {region} --source-type db-instance --source-identifier {instance}"
            " --duration 1440",
        ),
        proof="FreeStorageSpace of {instance} rises above the limit, and this alarm is OK",
    ),
    Alarm(
        subject="replication-slot-growing",
        happened="A replication slot keeps back more than"
        f" {objectives.REPLICATION_SLOT_ALARM_FRACTION:.0%} of {{instance}}'s storage for a replica that does not read",
        tier=DATABASE,
        severity="page",
        clock="rto",
        cause="storage",
        stands="serving",
        metric=_rds("ReplicationSlotDiskUsage", statistic="Maximum", period=_FIVE),
        above=objectives.REPLICATION_SLOT_ALARM_FRACTION,
        share_of="allocated_bytes",
        periods=3,
        missing=Missing.fine("RDS reports it only of an instance with slots"),
        commands=(_STATUS, "aws rds describe-db-instances --region {region} --db-instance-identifier {instance}"),
        proof="`dr status` shows a lag below a minute, and ReplicationSlotDiskUsage of {instance} falls",
    ),
    Alarm(
        subject="connections-high",
        happened=f"{{instance}} has used more than {objectives.CONNECTIONS_ALARM_PERCENT} % of its connections: soon"
        " nobody can sign in",
        tier=DATABASE,
        severity="page",
        clock="rto",
        cause="connections",
        stands="serving",
        metric=Metric.own("ConnectionsUsedPercent", statistic="Maximum", period=_MINUTE),
        above=objectives.CONNECTIONS_ALARM_PERCENT,
        periods=5,
        missing=Missing.unchanged("heartbeat-stopped speaks when nobody can sign in to count"),
        commands=(_STATUS, "dr rollback --environment {environment} --dry-run"),
        proof="the metric ConnectionsUsedPercent falls below the limit, and this alarm is OK",
    ),
    Alarm(
        subject="transaction-ids",
        happened=f"{{instance}} is {objectives.TRANSACTION_ID_ALARM:,} transactions from its last freeze: autovacuum"
        " does not keep up, and near 2.1 billion PostgreSQL takes no more writes",
        tier=DATABASE,
        severity="ticket",
        clock="proof",
        cause="transaction-ids",
        stands="serving",
        metric=_rds("MaximumUsedTransactionIDs", statistic="Maximum", period=_FIVE),
        above=objectives.TRANSACTION_ID_ALARM,
        periods=3,
        missing=Missing.unchanged("heartbeat-stopped speaks when the instance is silent"),
        commands=(
            _STATUS,
            "aws cloudwatch get-metric-statistics --region {region} --namespace AWS/RDS --metric-name"
            " MaximumUsedTransactionIDs --dimensions Name=DBInstanceIdentifier,Value={instance} --statistics Maximum"
            " --period 3600 --start-time {began_day} --end-time {now}",
        ),
        proof="MaximumUsedTransactionIDs of {instance} falls after a vacuum of the oldest tables",
    ),
)
