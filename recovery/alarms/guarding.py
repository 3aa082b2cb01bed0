"""Alarms on the guards, which see to it that no more than one region's database takes writes."""

from datetime import timedelta

from recovery import objectives
from recovery.alarms.model import Alarm, Cause, Metric, Missing
from recovery.objectives import FULL

_MINUTE = timedelta(minutes=1)
_SILENT_MINUTES = objectives.HEARTBEAT_SILENCE // _MINUTE
_STATUS = "dr status --environment {environment}"

CAUSES = (
    Cause(name="two-primaries", happened="A second database took writes in {region}"),
    # A database that is not heard of is not fenced either; one page is enough.
    Cause(name="guard", happened="The guard of {region} has no turns", because_of=("database",)),
)

ALARMS = (
    Alarm(
        subject="guard-fenced",
        happened="The guard of {region} fenced a database that took writes although another region is the primary: rows"
        " that only this one has are at stake",
        tier=FULL,
        severity="page",
        clock="rpo",
        cause="two-primaries",
        stands="both",
        metric=Metric.own("GuardFenced", statistic="Sum", period=_MINUTE),
        above=0,
        periods=1,
        missing=Missing.fine("a guard without a turn is another alarm's"),
        commands=(
            _STATUS,
            "dr evidence list --bucket {bucket} --region {evidence_region} --database {database}",
            "dr failover reconcile OPERATION --environment {environment}",
        ),
        proof="`dr failover reconcile` names every row that only the fenced database has; fail nothing back before",
    ),
    Alarm(
        subject="guard-stopped",
        happened=f"The guard of {{region}} has not learnt for {_SILENT_MINUTES} minutes who is the primary: after a"
        " failover it would fence nothing, and two databases might take writes",
        tier=FULL,
        severity="page",
        clock="rpo",
        cause="guard",
        stands="both",
        metric=Metric.own("GuardTurns", statistic="Sum", period=_MINUTE),
        below=1,
        periods=_SILENT_MINUTES,
        missing=Missing.alarming("a guard that cannot read the epochs reports nothing"),
        commands=(
            _STATUS,
            "aws lambda get-function-configuration --region {region} --function-name duskspendr-{environment}-guard"
            " --query LoggingConfig.LogGroup --output text",
            "aws logs filter-log-events --region {region} --log-group-name LOGGROUP --limit 50",
        ),
        proof="the guard's log shows a turn each minute, and this alarm is OK",
    ),
)
