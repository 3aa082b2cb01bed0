"""Alarms that can be relied on: each has an enabled action, a name, and a reason for how it takes missing data."""

from dataclasses import dataclass
from typing import cast

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_sns as sns
from constructs import Construct

from continuity.deployment import Deployment


@dataclass(frozen=True)
class _Mode:
    treatment: cloudwatch.TreatMissingData
    reason: str


class Missing:
    """What the absence of data means, with the reason why."""

    @staticmethod
    def alarming(reason: str) -> _Mode:
        """Silence is the fault that is looked for."""
        return _Mode(cloudwatch.TreatMissingData.BREACHING, reason)

    @staticmethod
    def fine(reason: str) -> _Mode:
        """The metric is only reported when something happened."""
        return _Mode(cloudwatch.TreatMissingData.NOT_BREACHING, reason)

    @staticmethod
    def unchanged(reason: str) -> _Mode:
        """Between reports the last known state holds."""
        return _Mode(cloudwatch.TreatMissingData.IGNORE, reason)


def alarm(
    scope: Construct,
    id: str,  # noqa: A002
    *,
    deployment: Deployment,
    topic: sns.ITopic,
    subject: str,
    description: str,
    metric: cloudwatch.IMetric,
    missing: _Mode,
    periods: int,
    above: float | None = None,
    below: float | None = None,
) -> cloudwatch.Alarm:
    """An alarm when ``metric`` is above (or below) the threshold for ``periods`` periods in a row; its end is told too.

    ``description`` tells what failed and which objective is at stake; the reason for the missing-data mode is added.
    Raises ValueError unless exactly one threshold is given.
    """
    if (above is None) == (below is None):
        raise ValueError(f"alarm {subject}: expected either above or below, found above={above} and below={below}")
    operators = cloudwatch.ComparisonOperator
    made = cloudwatch.Alarm(
        scope,
        id,
        alarm_name=deployment.names.alarm_name(subject),
        alarm_description=f"{description} Without data: {missing.reason}.",
        metric=metric,
        threshold=above if above is not None else below or 0,
        comparison_operator=(operators.GREATER_THAN_THRESHOLD if above is not None else operators.LESS_THAN_THRESHOLD),
        evaluation_periods=periods,
        datapoints_to_alarm=periods,
        treat_missing_data=missing.treatment,
        actions_enabled=True,
    )
    action = cast(cloudwatch.IAlarmAction, actions.SnsAction(topic))
    made.add_alarm_action(action)
    made.add_ok_action(action)
    return made
