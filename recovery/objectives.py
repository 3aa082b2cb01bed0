"""Recovery objectives, retentions and schedules: the one place each of these numbers stands.

Alarm thresholds, drill verdicts, templates, documents and tests are computed from here. Sources are rows of
spec 20 ("Backups & Recovery") unless a comment names another.
"""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, kw_only=True)
class Tier:
    """One row of the spec's table "Disaster Recovery Tiers".

    ``rpo`` is None where the spec says N/A: the tier holds no data of its own.
    """

    number: int
    name: str
    rto: timedelta
    rpo: timedelta | None
    strategy: str

    @property
    def label(self) -> str:
        """How people call the tier: ``Tier 3 (full)``."""
        return f"Tier {self.number} ({self.name})"


DATABASE = Tier(
    number=1,
    name="database",
    rto=timedelta(hours=1),
    rpo=timedelta(0),
    strategy="Multi-AZ RDS, automatic failover",
)
APPLICATION = Tier(number=2, name="application", rto=timedelta(minutes=30), rpo=None, strategy="ECS auto-recovery")
FULL_RPO = timedelta(hours=1)
FULL = Tier(
    number=3,
    name="full",
    rto=timedelta(hours=4),
    rpo=FULL_RPO,
    strategy="Cross-region restore",
)
TIERS = (DATABASE, APPLICATION, FULL)

# How long nobody may write while a migration switches from one database to the other: the project's own goal, at the
# 95th percentile, and what `dr migrate cutover` allows when nothing else is said.
CUTOVER_PAUSE = timedelta(seconds=1)

# Retentions, in days.
AUTOMATED_BACKUP_RETENTION_DAYS = 7
SNAPSHOT_RETENTION_DAYS = 90
# How long a version of a device's backup is kept once a newer one took its place. The newest never expires: by age
# alone a lost phone's only backup would be gone on day 31 (docs/decisions/0019-a-devices-newest-backup-stays.md).
DEVICE_CLOUD_BACKUP_RETENTION_DAYS = 30
# Product context: `manual-backups/` moves to Glacier after 90 days. What a device asks for from there is readable for
# as long as the device keeps a backup itself.
DEVICE_MANUAL_BACKUP_GLACIER_DAYS = 90
DEVICE_LOCAL_BACKUP_RETENTION_DAYS = 7

# Bounds of the vault lock: a job whose retention lies outside them fails, so every retention of a plan must fit.
VAULT_LOCK_MIN_DAYS = 7
VAULT_LOCK_MAX_DAYS = 365

# Windows, in UTC, in the form RDS takes them.
BACKUP_WINDOW = "03:00-04:00"
MAINTENANCE_WINDOW = "sun:04:00-sun:05:00"

# Schedules, in UTC, in AWS's cron form. AWS Backup refuses snapshots in, or up to an hour before, RDS's own backup
# and maintenance windows, and of two rules that overlap keeps only one backup: the two start windows below are hours
# away from both and from each other.
WEEKLY_SNAPSHOT_SCHEDULE = "cron(0 18 ? * SAT *)"
MONTHLY_SNAPSHOT_SCHEDULE = "cron(0 21 1 * ? *)"
SNAPSHOT_START_WINDOW = timedelta(hours=1)  # AWS Backup's least
SNAPSHOT_COMPLETION_WINDOW = timedelta(hours=4)

# Of WEEKLY_SNAPSHOT_SCHEDULE. The newest recovery point of a vault is never older than this and the time that the next
# snapshot may take; in the recovery vault its copy as well, which is given as long again.
SNAPSHOT_INTERVAL = timedelta(weeks=1)
NEWEST_RECOVERY_POINT_MAX_AGE = SNAPSHOT_INTERVAL + 2 * SNAPSHOT_COMPLETION_WINDOW
# AWS Backup deletes within 8 hours after a recovery point's expiry.
# https://docs.aws.amazon.com/aws-backup/latest/devguide/deleting-backups.html
DELETION_ALLOWANCE = timedelta(hours=8)
# Both vaults are looked through twice a day: at noon of the product's people (UTC+5:30), when the night's snapshots,
# copies and deletions are over, and twelve hours later, so that an alarm over a day always has a newer look.
RECOVERY_POINT_REVIEW_SCHEDULE = "cron(0 7,19 * * ? *)"

# The monthly drill, after the monthly snapshot and its copy have had a day to finish; the recovery region's own a day
# later, so that a fault of the first is known before the second runs.
PRIMARY_RESTORE_TEST_SCHEDULE = "cron(0 6 3 * ? *)"
RECOVERY_RESTORE_TEST_SCHEDULE = "cron(0 6 4 * ? *)"
RESTORE_TEST_START_WINDOW_HOURS = 1
# How long AWS Backup keeps the restored instance for us to prove it: the tier's own RTO, the longest a restore may
# take.
RESTORE_TEST_VALIDATION_WINDOW_HOURS = int(FULL.rto.total_seconds() // 3600)

# The manifest is taken each day an hour before the backup window opens.
MANIFEST_SCHEDULE = "cron(0 2 * * ? *)"
# It has to be there before the backup that it is to vouch for, so it has until the window opens.
MANIFEST_TIMEOUT = timedelta(hours=1)

# The pulse: one row a minute dates every copy of the database.
HEARTBEAT_INTERVAL = timedelta(minutes=1)

# How long proving a restore may take: three quarters of the validation window, so that a verdict always comes before
# AWS Backup deletes what it is about.
VERIFICATION_TIMEOUT = timedelta(hours=RESTORE_TEST_VALIDATION_WINDOW_HOURS) * 3 / 4

# Failover and failback. A person has a quarter of the tier's RTO to approve. The guard of a region looks with every
# heartbeat: one that is to fence itself has had a turn after two. What the old primary wrote last is replayed within
# seconds, or will not be at all. A failback copies the whole database across regions twice, while the application
# serves: before the switch, and after it for a new standby.
REPLICA_TIMEOUT = timedelta(hours=12)
FAILOVER_TIMEOUT = 2 * REPLICA_TIMEOUT
APPROVAL_TIMEOUT = FULL.rto / 4
GUARD_TURN = 2 * HEARTBEAT_INTERVAL
FAILOVER_CATCH_UP = timedelta(minutes=5)
PILOT_LIGHT_TASKS = 1

# How long an alarm that may follow from another waits for that one to speak first, and rests after it fell silent.
CAUSE_WAIT = timedelta(minutes=2)
CAUSE_REST = timedelta(minutes=5)
# When alarms speak. Silence of the pulse: five beats, more than an automatic failover of the instance takes (60-120 s)
# and a small part of the RPO it measures.
HEARTBEAT_SILENCE = 5 * HEARTBEAT_INTERVAL
# The replica is late at half the RPO, while there is still time to act; RDS reports up to 5 min for an idle source.
REPLICA_LAG_ALARM = FULL_RPO / 2
# The recovery region stops hearing the primary: twice what counts as silence there, which then speaks first.
PRIMARY_SILENCE = 2 * HEARTBEAT_SILENCE
# Replicated automated backups are the other copy of the RPO: late when the replica would be.
REPLICATED_BACKUP_ALARM = FULL_RPO / 2
# How often each region is measured: half a sixth of the shortest RTO, so that two looks in a row are no delay.
MEASUREMENT_INTERVAL = timedelta(minutes=5)
# Of what is measured at that interval one look may come late; two that are missing, or find it wrong, are an alarm.
MEASUREMENTS_ALARM = 2
# A fault of the application is an alarm, and undoes a deployment, after a sixth of its RTO.
DEPLOYMENT_FAULT_MINUTES = int(APPLICATION.rto.total_seconds() // 60) // 6
# Users wait: the 90th percentile of the answers. The number is our own, no row of the spec.
ANSWER_TIME_ALARM = timedelta(seconds=2)
ANSWER_TIME_PERCENTILE = 90
# Connections are nearly used up while somebody can still sign in to look. The number is our own.
CONNECTIONS_ALARM_PERCENT = 80
# PostgreSQL stops taking writes near 2.1 billion transactions without a freeze; AWS advises to act at one billion.
# https://aws.amazon.com/blogs/database/implement-an-early-warning-system-for-transaction-id-wraparound-in-amazon-rds-for-postgresql/
TRANSACTION_ID_ALARM = 1_000_000_000
# What a replica that stopped keeps back on the primary, as a share of its storage. RDS grows it at a tenth free.
REPLICATION_SLOT_ALARM_FRACTION = 0.1
# One part in so many of the storage is what a slot may keep back, before PostgreSQL gives it up rather than stop: the
# alarm speaks long before. The number is our own.
REPLICATION_SLOT_LIMIT_DIVISOR = 4
# RDS grows the storage itself when a tenth is free: half of that means that growing has failed.
FREE_STORAGE_ALARM_FRACTION = 0.05

# Device backups. A device is late when two of its daily backups are missing, and no longer expected back once a version
# of its backup would have expired.
DEVICE_BACKUP_MAX_AGE = timedelta(hours=48)
DEVICE_ACTIVE_FOR = timedelta(days=DEVICE_CLOUD_BACKUP_RETENTION_DAYS)
DEVICE_WATCH_SCHEDULE = "cron(0 0/6 * * ? *)"
DEVICE_WATCH_INTERVAL = timedelta(hours=6)  # of DEVICE_WATCH_SCHEDULE
# A phone that is off for two days is nothing; a fifth of all that should be there is a fault of ours. The number is
# our own, no row of the spec.
LATE_DEVICES_ALARM_PERCENT = 20
# S3 Replication Time Control offers exactly this value, for the time and for the metric's threshold.
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/replication-time-control.html
DEVICE_REPLICATION_TIME = timedelta(minutes=15)

# Proofs. A restore is proven monthly in each region, the loss of a region exercised quarterly (the spec's "Verification
# Plan" names both): the longest month or quarter, and some days for a test that has to be repeated.
RESTORE_PROOF_MAX_AGE = timedelta(days=35)
REGION_TEST_MAX_AGE = timedelta(days=92 + 7)
# Evidence is read again twice a day, its chain with it.
EVIDENCE_REVIEW_SCHEDULE = "cron(30 7,19 * * ? *)"

# The canary: an alarm that is meant to speak, all the way to on-call's tools. Three that do not arrive are silence, and
# three quarters of an hour is still within every RTO but tier 2's, whose own alarms do not wait for a canary.
CANARY_INTERVAL = timedelta(minutes=15)
CANARY_SILENCE = 3 * CANARY_INTERVAL
# The other region's is missed one later: where it still sings, it speaks of itself first.
OTHER_REGION_SILENCE = CANARY_SILENCE + CANARY_INTERVAL
