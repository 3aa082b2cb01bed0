"""Alarms and events of the snapshots, their vaults and keys, and the manifests they are proven against (tier 3)."""

from datetime import timedelta

from recovery import objectives
from recovery.alarms.model import Alarm, Cause, Event, Metric, Missing
from recovery.objectives import FULL

_HOUR = timedelta(hours=1)
_FIVE = timedelta(minutes=5)
_DAY = timedelta(days=1)
_POINTS = "dr recovery-points --vault {vault} --region {region}"
_ENDED = ("FAILED", "TIMED_OUT", "ABORTED")
_RARE = "AWS Backup reports only what happened"
_EVERY_LOOK = "the look through the vault reports each kind each time"
_CLEAN = "`dr recovery-points` finds nothing any more"


def _job(name: str, *, vault: str) -> Metric:
    dimensions = (("BackupVaultName", vault), ("ResourceType", "RDS"))
    return Metric(namespace="AWS/Backup", name=name, statistic="Sum", period=_HOUR, dimensions=dimensions)


def _points(name: str) -> Metric:
    return Metric.own(name, statistic="Maximum", period=_DAY)


CAUSES = (
    Cause(name="snapshots", happened="A snapshot of {database} or its copy was not taken, or not well"),
    Cause(name="recovery-point-cost", happened="Recovery points in {vault} are kept longer than they should be"),
    Cause(name="restore-jobs", happened="A restore of AWS Backup failed in {region}"),
    Cause(name="manifest", happened="The manifest of {database} was not taken"),
    Cause(
        name="protection",
        happened="What protects the backups in {region} is being taken away",
        because_of=("measures",),  # of what nobody looks at, nobody knows
    ),
)


def _snapshot(subject: str, happened: str, metric: Metric) -> Alarm:
    return Alarm(
        subject=subject,
        happened=happened,
        tier=FULL,
        severity="ticket",
        clock="proof",
        cause="snapshots",
        stands="primary",
        metric=metric,
        above=0,
        periods=1,
        missing=Missing.fine(_RARE) if metric.namespace == "AWS/Backup" else Missing.unchanged(_EVERY_LOOK),
        commands=(
            _POINTS,
            "aws backup list-{kind}-jobs --region {{region}}".format(kind="copy" if "copy" in subject else "backup"),
        ),
        proof="a new job ends COMPLETED, and " + _CLEAN,
    )


ALARMS = (
    _snapshot(
        "backup-job-failed",
        "AWS Backup could not take a snapshot into {vault}",
        _job("NumberOfBackupJobsFailed", vault="{vault}"),
    ),
    _snapshot(
        "backup-job-expired",
        "A snapshot into {vault} did not begin within its start window",
        _job("NumberOfBackupJobsExpired", vault="{vault}"),
    ),
    _snapshot(
        "copy-job-failed",
        "AWS Backup could not copy a snapshot to {recovery_vault}: it exists in {region} only",
        # AWS's page does not say which of its two vaults a copy's metric names, so the list of jobs is counted instead.
        _points("CopyJobsFailed"),
    ),
    Alarm(
        subject="restore-job-failed",
        happened="AWS Backup could not restore a recovery point in {region}",
        tier=FULL,
        severity="ticket",
        clock="proof",
        cause="restore-jobs",
        stands="both",
        metric=Metric(
            namespace="AWS/Backup",
            name="NumberOfRestoreJobsFailed",
            statistic="Sum",
            period=_HOUR,
            dimensions=(("ResourceType", "RDS"),),
        ),
        above=0,
        periods=1,
        missing=Missing.fine(_RARE),
        commands=(_POINTS, "aws backup list-restore-jobs --region {region} --by-status FAILED"),
        proof="another restore ends COMPLETED, and its verification says PASS",
    ),
    Alarm(
        subject="recovery-points-warned",
        happened="A recovery point in {vault} came with a warning: nobody knows what it is worth",
        tier=FULL,
        severity="ticket",
        clock="proof",
        cause="snapshots",
        stands="both",
        metric=_points("RecoveryPointsWarned"),
        above=0,
        periods=1,
        missing=Missing.unchanged(_EVERY_LOOK),
        commands=(_POINTS,),
        proof=_CLEAN,
    ),
    Alarm(
        subject="recovery-point-late",
        happened="The newest recovery point in {vault} is older than"
        f" {objectives.NEWEST_RECOVERY_POINT_MAX_AGE.total_seconds() / 3600:.0f} hours, which its schedule does not"
        " allow",
        tier=FULL,
        severity="ticket",
        clock="proof",
        cause="snapshots",
        stands="both",
        metric=_points("NewestRecoveryPointAgeSeconds"),
        above=objectives.NEWEST_RECOVERY_POINT_MAX_AGE.total_seconds(),
        periods=1,
        missing=Missing.alarming("a vault that nobody looks through may be empty"),
        commands=(_POINTS, "dr status --environment {environment}"),
        proof=f"a snapshot or a copy of it is COMPLETED in {{vault}}, and {_CLEAN}",
    ),
    Alarm(
        subject="recovery-points-stuck",
        happened="Recovery points in {vault}, or instances of restore tests, should be gone and go on costing",
        tier=FULL,
        severity="ticket",
        clock="proof",
        cause="recovery-point-cost",
        stands="both",
        metric=_points("RecoveryPointsCosting"),
        above=0,
        periods=1,
        missing=Missing.unchanged(_EVERY_LOOK),
        commands=(_POINTS,),
        proof=_CLEAN,
    ),
    *(
        Alarm(
            subject=subject,
            happened=f"The manifest of {{database}} {how}: restores of backups from today on cannot be proven",
            tier=FULL,
            severity="ticket",
            clock="proof",
            cause="manifest",
            stands="both",
            metric=Metric(
                namespace="AWS/States",
                name=metric,
                statistic="Sum",
                period=_FIVE,
                dimensions=(("StateMachineArn", "{manifest_machine}"),),
            ),
            above=0,
            periods=1,
            missing=Missing.fine("the manifest is taken once a day"),
            commands=(
                "dr status --environment {environment}",
                "aws stepfunctions list-state-machines --region {region} --query"
                " \"stateMachines[?contains(name, 'Manifest')].stateMachineArn\"",
                "aws stepfunctions start-execution --region {region} --state-machine-arn ARN",
            ),
            proof="the new execution ends SUCCEEDED and names the manifest's key",
        )
        for subject, metric, how in (
            ("manifest-failed", "ExecutionsFailed", "was not taken"),
            ("manifest-timed-out", "ExecutionsTimedOut", "was not finished in time"),
        )
    ),
    Alarm(
        subject="vault-unlocked",
        happened="The vault {vault} has lost its lock: whoever has the rights can delete the recovery points",
        tier=FULL,
        severity="page",
        clock="proof",
        cause="protection",
        stands="both",
        metric=Metric.own("VaultsUnlocked", statistic="Maximum", period=objectives.MEASUREMENT_INTERVAL),
        above=0,
        periods=objectives.MEASUREMENTS_ALARM,
        missing=Missing.alarming("a vault that cannot be asked may be gone"),
        commands=(
            "aws backup describe-backup-vault --region {region} --backup-vault-name {vault}",
            _POINTS,
            "aws cloudtrail lookup-events --region {region} --lookup-attributes"
            " AttributeKey=EventName,AttributeValue=DeleteBackupVaultLockConfiguration",
        ),
        proof="the first command says that the vault is locked",
    ),
    Alarm(
        subject="key-endangered",
        happened="A key in {region} that backups are encrypted with is disabled or waits for its deletion",
        tier=FULL,
        severity="page",
        clock="proof",
        cause="protection",
        stands="both",
        metric=Metric.own("KeysEndangered", statistic="Maximum", period=objectives.MEASUREMENT_INTERVAL),
        above=0,
        periods=objectives.MEASUREMENTS_ALARM,
        missing=Missing.alarming("keys that cannot be asked may be gone"),
        commands=(
            "dr status --environment {environment}",
            "aws cloudtrail lookup-events --region {region} --lookup-attributes"
            " AttributeKey=EventName,AttributeValue=ScheduleKeyDeletion",
            "aws kms cancel-key-deletion --region {region} --key-id KEY",
            "aws kms enable-key --region {region} --key-id KEY",
        ),
        proof="the metric KeysEndangered is 0 again, and this alarm is OK",
    ),
)


def _job_event(kind: str, subject: str, happened: str, *, states: tuple[str, ...], field: str, cause: str) -> Event:
    """A job of AWS Backup that ended badly.

    https://docs.aws.amazon.com/aws-backup/latest/devguide/eventbridge.html
    """
    lower = kind.lower()
    place: dict[str, tuple[str, ...]] = {
        "Backup": {"backupVaultName": ("{vault}",)},
        "Copy": {"sourceBackupVaultArn": ("{vault_arn}",)},
        "Restore": {"resourceType": ("RDS",)},
    }[kind]
    return Event(
        subject=subject,
        happened=happened,
        tier=FULL,
        severity="ticket",
        clock="proof",
        cause=cause,
        stands="both" if kind == "Restore" else "primary",
        source="aws.backup",
        detail_type=f"{kind} Job State Change",
        detail={field: states, **place},
        facts={"job": f"{lower}JobId", "state": field, "AWS Backup says": "statusMessage"},
        commands=(_POINTS, f"aws backup describe-{lower}-job --region {{region}} --{lower}-job-id {{job}}"),
        proof=f"a new job ends COMPLETED, and {_CLEAN}",
    )


EVENTS = (
    _job_event(
        "Backup",
        "backup-job-ended",
        "A snapshot of {database} was not taken",
        states=("FAILED", "ABORTED", "EXPIRED", "PARTIAL"),
        field="state",
        cause="snapshots",
    ),
    _job_event(
        "Copy",
        "copy-job-ended",
        "A snapshot of {database} was not copied: it is missing in the recovery region",
        states=("FAILED", "ABORTED", "PARTIAL"),
        field="state",
        cause="snapshots",
    ),
    _job_event(
        "Restore",
        "restore-job-ended",
        "A restore of {database} did not come to its end",
        states=("FAILED", "ABORTED"),
        field="status",
        cause="restore-jobs",
    ),
    Event(
        subject="recovery-points-doubtful",
        happened="The look through {vault} found recovery points that need attention, or could not be had",
        tier=FULL,
        severity="ticket",
        clock="proof",
        cause="snapshots",
        stands="both",
        source="aws.states",
        detail_type="Step Functions Execution Status Change",
        detail={"stateMachineArn": ("{review_machines}",), "status": _ENDED},
        facts={"what": "error", "why": "cause", "execution": "executionArn"},
        commands=(_POINTS,),
        proof=_CLEAN,
    ),
)
