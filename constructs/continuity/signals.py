"""A region's alarms, by their causes: of each, one alarm speaks."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import cast

from aws_cdk import Duration, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_sns as sns
from constructs import Construct

from continuity.acknowledgement import acknowledge_guards
from continuity.alarms import alarm, alarm_id
from continuity.deployment import Deployment
from continuity.notifier import Channels
from recovery import objectives
from recovery.alarms.describing import described_together
from recovery.alarms.model import Alarm, Cause
from recovery.alarms.reading import COMPOSITE, QUIET
from recovery.alarms.table import Role, groups_in, in_order, is_composite, quiet_because_of
from recovery.alarms.values import Values
from recovery.names import METRIC_NAMESPACE


def own_metric(deployment: Deployment, name: str, *, statistic: str, period: Duration) -> cloudwatch.Metric:
    """A metric of our functions. Its one dimension is theirs: a graph with another would never see a value."""
    return cloudwatch.Metric(
        namespace=METRIC_NAMESPACE,
        metric_name=name,
        dimensions_map={"Environment": deployment.names.environment},
        statistic=statistic,
        period=period,
    )


class Signals(Construct):
    """Every alarm that the table has for a region of this ``role``.

    The members of a cause with several act through a composite, which tells the beginning and the end once. Those that
    the service has made itself are known by name; where it is in the same stack, they have to be there before.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002
        *,
        deployment: Deployment,
        channels: Channels,
        role: Role,
        serving: bool,
        values: Values,
        of_the_service: Sequence[cloudwatch.Alarm] = (),
    ) -> None:
        super().__init__(scope, id)
        self._deployment, self._values, self._of_the_service = deployment, values, of_the_service
        groups = groups_in(role, serving=serving)
        made = {cause: [self._member(row) for row in members] for cause, members in groups.items()}
        speakers: dict[Cause, cloudwatch.IAlarm] = {}
        for cause in in_order(groups):
            topic = channels.messages if cause.bypasses else channels.alarms
            speakers[cause] = self._speaker(cause, groups, made[cause], speakers, topic)

    def _member(self, row: Alarm) -> cloudwatch.IAlarm:
        if row.home == "service":
            arn = self._deployment.names.alarm_arn(Stack.of(self).region, row.subject)
            return cloudwatch.Alarm.from_alarm_arn(self, alarm_id(row.subject), arn)
        return cast(cloudwatch.IAlarm, alarm(self, row, deployment=self._deployment, values=self._values))

    def _speaker(
        self,
        cause: Cause,
        groups: Mapping[Cause, tuple[Alarm, ...]],
        members: list[cloudwatch.IAlarm],
        speakers: Mapping[Cause, cloudwatch.IAlarm],
        topic: sns.ITopic,
    ) -> cloudwatch.IAlarm:
        """The alarm that acts for ``cause``, with the one that keeps it quiet."""
        if not is_composite(cause, groups):
            [alone] = members
            assert isinstance(alone, cloudwatch.Alarm)  # noqa: S101 - the service's own have company
            speaker: cloudwatch.AlarmBase = alone
        else:
            quiet = self._quiet(cause, [speakers[each] for each in quiet_because_of(cause, groups)])
            wait, rest = (_seconds(objectives.CAUSE_WAIT), _seconds(objectives.CAUSE_REST)) if quiet else (None, None)
            speaker = cloudwatch.CompositeAlarm(
                self,
                alarm_id(f"{COMPOSITE}{cause.name}"),
                composite_alarm_name=self._deployment.names.alarm_name(f"{COMPOSITE}{cause.name}"),
                alarm_rule=_any(members),
                alarm_description=described_together(
                    cause.happened, groups[cause], self._values, runbooks_url=self._deployment.runbooks_url
                ),
                actions_enabled=True,
                actions_suppressor=quiet,
                actions_suppressor_wait_period=wait,
                actions_suppressor_extension_period=rest,
            )
            if any(row.home == "service" for row in groups[cause]):
                speaker.node.add_dependency(*self._of_the_service)
        action = cast(cloudwatch.IAlarmAction, actions.SnsAction(topic))
        speaker.add_alarm_action(action)
        speaker.add_ok_action(action)
        return cast(cloudwatch.IAlarm, speaker)

    def _quiet(self, cause: Cause, because: Sequence[cloudwatch.IAlarm]) -> cloudwatch.IAlarm | None:
        """The alarm that keeps the one of ``cause`` quiet: CloudWatch takes one, so several are put together."""
        if len(because) < 2:
            return next(iter(because), None)
        together = cloudwatch.CompositeAlarm(
            self,
            alarm_id(f"{QUIET}{cause.name}"),
            composite_alarm_name=self._deployment.names.alarm_name(f"{QUIET}{cause.name}"),
            alarm_rule=_any(because),
            alarm_description=f"Tells nobody anything: while it is on, {COMPOSITE}{cause.name} keeps quiet.",
            actions_enabled=True,
        )
        acknowledge_guards(together, {"alarm-without-action": "It keeps another quiet; its members have spoken."})
        return cast(cloudwatch.IAlarm, together)


def _any(alarms: Sequence[cloudwatch.IAlarm]) -> cloudwatch.IAlarmRule:
    state = cloudwatch.AlarmState.ALARM
    return cloudwatch.AlarmRule.any_of(*(cloudwatch.AlarmRule.from_alarm(each, state) for each in alarms))


def _seconds(span: timedelta) -> Duration:
    return Duration.seconds(int(span.total_seconds()))
