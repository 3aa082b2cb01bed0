"""Alarms as the table has them: each with its name, its missing-data mode, and its words for a person."""

from typing import cast

from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from continuity.deployment import Deployment
from continuity.interfaces import seconds
from recovery.alarms.describing import described
from recovery.alarms.model import Alarm, Mode
from recovery.alarms.values import Values, fill

_TREATMENTS: dict[Mode, cloudwatch.TreatMissingData] = {
    "breaching": cloudwatch.TreatMissingData.BREACHING,
    "notBreaching": cloudwatch.TreatMissingData.NOT_BREACHING,
    "ignore": cloudwatch.TreatMissingData.IGNORE,
}


def alarm_id(subject: str) -> str:
    """The construct id of an alarm: its subject in PascalCase."""
    return "".join(part.title() for part in subject.split("-"))


def alarm(scope: Construct, row: Alarm, *, deployment: Deployment, values: Values) -> cloudwatch.Alarm:
    """The alarm of a row, without an action: whoever knows its cause decides who speaks.

    Raises ValueError when ``values`` lacks a name that the row needs.
    """
    operators = cloudwatch.ComparisonOperator
    share = float(cast(str, values[row.share_of])) if row.share_of else 1.0
    return cloudwatch.Alarm(
        scope,
        alarm_id(row.subject),
        alarm_name=deployment.names.alarm_name(row.subject),
        alarm_description=described(row, values, runbooks_url=deployment.runbooks_url),
        metric=cloudwatch.Metric(
            namespace=row.metric.namespace,
            metric_name=row.metric.name,
            dimensions_map={name: fill(value, values) for name, value in row.metric.dimensions},
            statistic=row.metric.statistic,
            period=seconds(int(row.metric.period.total_seconds())),
        ),
        threshold=row.limit * share,
        comparison_operator=(
            operators.GREATER_THAN_THRESHOLD if row.above is not None else operators.LESS_THAN_THRESHOLD
        ),
        evaluation_periods=row.periods,
        datapoints_to_alarm=row.periods,
        treat_missing_data=_TREATMENTS[row.missing.mode],
        actions_enabled=True,
    )
