"""The alarms: which signal of which part is an alarm, from when on, and what silence means."""

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from continuity.alarms import Missing, alarm
from continuity.deployment import Deployment
from continuity.lost_events import lost_events_alarm
from recovery import objectives
from recovery.names import METRIC_NAMESPACE

MINUTE = Duration.minutes(1)
GIB = 1024**3


def own_metric(deployment: Deployment, name: str, *, statistic: str, period: Duration) -> cloudwatch.Metric:
    """A metric of our functions. Its one dimension is theirs: an alarm with another would never see a value."""
    return cloudwatch.Metric(
        namespace=METRIC_NAMESPACE,
        metric_name=name,
        dimensions_map={"Environment": deployment.names.environment},
        statistic=statistic,
        period=period,
    )


def database_metric(identifier: str, name: str, *, statistic: str, period: Duration = MINUTE) -> cloudwatch.Metric:
    """A metric that RDS reports of an instance."""
    return cloudwatch.Metric(
        namespace="AWS/RDS",
        metric_name=name,
        dimensions_map={"DBInstanceIdentifier": identifier},
        statistic=statistic,
        period=period,
    )


class Signals(Construct):
    """Alarms to ``topic``; each method watches one part."""

    def __init__(self, scope: Construct, id: str, *, deployment: Deployment, topic: sns.ITopic) -> None:  # noqa: A002
        super().__init__(scope, id)
        self._deployment = deployment
        self._topic = topic

    def heartbeat(self) -> None:
        """The pulse stopped: nothing dates the copies any more, and the database itself may be gone."""
        minutes = int(objectives.HEARTBEAT_SILENCE.total_seconds() // 60)
        alarm(
            self,
            "HeartbeatStopped",
            deployment=self._deployment,
            topic=self._topic,
            subject="heartbeat-stopped",
            description=f"No heartbeat was written for {minutes} minutes: {objectives.DATABASE.label} may be down, and"
            f" the RPO of {objectives.FULL.label} is not measured.",
            metric=own_metric(self._deployment, "HeartbeatWritten", statistic="Sum", period=MINUTE),
            below=1,
            periods=minutes,
            missing=Missing.alarming("a heartbeat that is not written is not reported either"),
        )

    def manifest(self, machine: sfn.StateMachine) -> None:
        """A day's manifest is missing: restores of that day have nothing to be held against."""
        period = Duration.minutes(5)
        for id_, subject, metric in (
            ("ManifestFailed", "manifest-failed", machine.metric_failed(period=period, statistic="Sum")),
            ("ManifestTimedOut", "manifest-timed-out", machine.metric_timed_out(period=period, statistic="Sum")),
        ):
            alarm(
                self,
                id_,
                deployment=self._deployment,
                topic=self._topic,
                subject=subject,
                description="The manifest was not taken: restores of backups from today on cannot be proven. The"
                " execution's history says why; start another",
                metric=metric,
                above=0,
                periods=1,
                missing=Missing.fine("the manifest is taken once a day"),
            )

    def storage(self, identifier: str, *, allocated_gib: int) -> None:
        """A full disk stops the database."""
        alarm(
            self,
            "FreeStorage",
            deployment=self._deployment,
            topic=self._topic,
            subject=f"{'replica-' if identifier.endswith('-replica') else ''}free-storage",
            description=f"{identifier} has less than {objectives.FREE_STORAGE_ALARM_FRACTION:.0%} of {allocated_gib}"
            f" GiB free although storage grows by itself: {objectives.DATABASE.label} is at stake.",
            metric=database_metric(identifier, "FreeStorageSpace", statistic="Minimum", period=Duration.minutes(5)),
            below=allocated_gib * GIB * objectives.FREE_STORAGE_ALARM_FRACTION,
            periods=3,
            missing=Missing.alarming("RDS reports it every minute of a running instance"),
        )

    def replication(self, replica_identifier: str) -> None:
        """The replica is the copy that keeps the RPO of a lost region."""
        limit = objectives.REPLICA_LAG_ALARM.total_seconds()
        alarm(
            self,
            "ReplicaLag",
            deployment=self._deployment,
            topic=self._topic,
            subject="replica-lag",
            description=f"The replica is more than {limit / 60:.0f} minutes behind: the RPO of {objectives.FULL.label}"
            " is at stake.",
            metric=database_metric(replica_identifier, "ReplicaLag", statistic="Maximum"),
            above=limit,
            periods=5,
            missing=Missing.alarming("RDS reports it every minute of a replica; without it there is none"),
        )
        alarm(
            self,
            "ReplicationStopped",
            deployment=self._deployment,
            topic=self._topic,
            subject="replication-stopped",
            description=f"Replication to the recovery region stopped: every minute adds to the RPO of"
            f" {objectives.FULL.label}.",
            metric=database_metric(replica_identifier, "ReplicaLag", statistic="Minimum"),
            below=0,  # RDS reports -1 when it does not replicate
            periods=5,
            missing=Missing.unchanged("the alarm on the lag speaks when the metric is missing"),
        )

    def guard(self) -> None:
        """The guard beside the database: it found another primary, or has no turns any more."""
        alarm(
            self,
            "GuardFenced",
            deployment=self._deployment,
            topic=self._topic,
            subject="guard-fenced",
            description="The guard of this region fenced a database that took writes although another region is the"
            f" primary: rows that only this one has are at stake ({objectives.FULL.label}). Find them with dr failover"
            " reconcile before anything is failed back.",
            metric=own_metric(self._deployment, "GuardFenced", statistic="Sum", period=MINUTE),
            above=0,
            periods=1,
            missing=Missing.fine("a guard without a turn is another alarm's"),
        )
        minutes = int(objectives.HEARTBEAT_SILENCE.total_seconds() // 60)
        alarm(
            self,
            "GuardStopped",
            deployment=self._deployment,
            topic=self._topic,
            subject="guard-stopped",
            description=f"The guard of this region has not learnt for {minutes} minutes who is the primary: after a"
            f" failover it would fence nothing, and two databases might take writes ({objectives.FULL.label}).",
            metric=own_metric(self._deployment, "GuardFenced", statistic="SampleCount", period=MINUTE),
            below=1,
            periods=minutes,
            missing=Missing.alarming("a guard that cannot read the epochs reports nothing"),
        )

    def verification(self, lost_events: sqs.IQueue) -> None:
        """A restore was not proven, or nobody was asked to prove it."""
        alarm(
            self,
            "RestoreNotVerified",
            deployment=self._deployment,
            topic=self._topic,
            subject="restore-not-verified",
            description=f"A restored copy failed its verification: {objectives.FULL.label} cannot be kept with it.",
            metric=own_metric(self._deployment, "RestoreVerified", statistic="Minimum", period=Duration.minutes(5)),
            below=1,
            periods=1,
            missing=Missing.fine("a verdict comes once a month; its absence is another alarm's"),
        )
        lost_events_alarm(
            self,
            "EventLost",
            deployment=self._deployment,
            topic=self._topic,
            subject="restore-event-lost",
            description="An event about a restore could not be delivered, so its verification did not start or end."
            " The message in the dead-letter queue says which.",
            queue=lost_events,
        )
