"""The dashboard of a region: what each tier promises beside what is measured, then every alarm's metric and limit."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import cast

from aws_cdk import Duration, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from continuity.deployment import Deployment
from continuity.interfaces import seconds
from continuity.signals import own_metric
from recovery import objectives
from recovery.alarms import backups, database, devices, guarding, proofs, service, watch
from recovery.alarms.message import span
from recovery.alarms.model import Alarm, Cause, Signal
from recovery.alarms.model import Metric as Series
from recovery.alarms.reading import COMPOSITE
from recovery.alarms.table import Role, alarms_in, events_in, groups_in, is_composite
from recovery.alarms.values import Values, fill
from recovery.objectives import APPLICATION, DATABASE, FULL, Tier

WIDTH = 24
HALF = WIDTH // 2
THIRD = WIDTH // 3
HEIGHT = 5
DAY = Duration.days(1)
HOUR_MINUTES = 60
# Copies have a section of their own, whatever they are copies of.
_COPIES = ("copies", "device-copies")
_SECONDS = ("ReplicaLag", "ReplicationLatency", "TargetResponseTime")  # whose names do not say so


@dataclass(frozen=True)
class Section:
    """A heading, its runbooks, and its graphs: those of objectives first, then those of the table."""

    title: str
    signals: tuple[Signal, ...]
    graphs: tuple[cloudwatch.IWidget, ...] = ()

    @property
    def alarms(self) -> tuple[Alarm, ...]:
        """Its rows that have a metric."""
        return tuple(each for each in self.signals if isinstance(each, Alarm))


class ContinuityDashboard(Construct):
    """Everything that stands in one region. A gap in a graph is a gap in the proof, never a zero.

    Dashboards of an account are global, so each region's has a name of its own.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-cloudwatch-dashboard.html
    """

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002
        *,
        deployment: Deployment,
        role: Role,
        serving: bool,
        values: Values,
    ) -> None:
        super().__init__(scope, id)
        self._deployment, self._serving, self._values = deployment, serving, values
        self._role: Role = role
        self._region = Stack.of(self).region
        self._dashboard = cloudwatch.Dashboard(
            self,
            "Dashboard",
            dashboard_name=deployment.names.dashboard_name(self._region),
            default_interval=Duration.days(objectives.RESTORE_PROOF_MAX_AGE.days),
        )
        self._head()
        for section in self._sections():
            self._section(section)

    def _head(self) -> None:
        where = "serves" if self._serving else "stands by"
        text = (
            f"# {self._deployment.names.environment}, {self._region}: {where}\n\n{tiers_table()}\n\n"
            f"[Runbooks]({self._deployment.runbooks_url}/). A gap in a graph is a gap in the proof."
        )
        groups = groups_in(self._role, serving=self._serving)
        speakers = [self._named(speaker) for speaker in _speakers(groups)]
        self._dashboard.add_widgets(
            cloudwatch.TextWidget(markdown=text, width=HALF, height=7),
            cloudwatch.AlarmStatusWidget(
                title="What speaks here, one alarm a cause", alarms=speakers, width=HALF, height=7
            ),
        )

    def _sections(self) -> Iterator[Section]:
        standing = (*alarms_in(self._role, serving=self._serving), *events_in(self._role, serving=self._serving))
        outage = (self._outage(),) if self._serving else ()
        targets = (self._rto(), self._rpo())
        parts: tuple[tuple[str, tuple[ModuleType, ...], tuple[cloudwatch.IWidget, ...]], ...] = (
            (_promise(DATABASE), (database,), outage),
            (_promise(APPLICATION), (service,), ()),
            (_promise(FULL), (database, guarding), targets),
            ("Backups", (backups,), ()),
            ("Replication", (database, devices), ()),
            ("Devices", (devices,), ()),
            ("Drills and proofs", (proofs,), ()),
            ("The alarms themselves", (watch,), ()),
        )
        for title, modules, graphs in parts:
            causes = {cause.name for module in modules for cause in module.CAUSES}
            yield Section(title, tuple(row for row in standing if row.cause in causes and _belongs(row, title)), graphs)

    def _section(self, section: Section) -> None:
        if not section.signals and not section.graphs:
            return
        self._dashboard.add_widgets(
            cloudwatch.TextWidget(markdown=self._heading(section), width=WIDTH, height=2),
        )
        widgets = [*section.graphs, *self._limits(section.alarms), *self._counts(section.alarms), *self._made(section)]
        for first in range(0, len(widgets), WIDTH // THIRD):
            self._dashboard.add_widgets(*widgets[first : first + WIDTH // THIRD])

    def _heading(self, section: Section) -> str:
        links = [f"[{row.subject}]({self._deployment.runbooks_url}/{row.runbook}/)" for row in section.signals]
        return f"## {section.title}\n{' · '.join(links)}"

    def _limits(self, alarms: Sequence[Alarm]) -> list[cloudwatch.IWidget]:
        """A graph for each metric that has a limit other than nothing at all, with a line for each of its alarms."""
        grouped: dict[Series, list[Alarm]] = {}
        for row in alarms:
            if row.home == "region" and row.above != 0:
                grouped.setdefault(row.metric, []).append(row)
        return [
            _graph(
                ", ".join(row.subject for row in rows),
                [self._metric(series)],
                lines=[(self._limit(row), row.subject) for row in rows],
                unit=_unit(series),
            )
            for series, rows in grouped.items()
        ]

    def _counts(self, alarms: Sequence[Alarm]) -> list[cloudwatch.IWidget]:
        """One graph for all of which a single one is too many."""
        rows = [row for row in alarms if row.home == "region" and row.above == 0]
        if not rows:
            return []
        metrics = [self._metric(row.metric).with_(label=row.subject) for row in rows]
        return [_graph("Anything above zero is an alarm", metrics, lines=[], unit="")]

    def _made(self, section: Section) -> list[cloudwatch.IWidget]:
        """The alarms that the service has made itself, as CloudWatch draws them: metric, limit and state."""
        rows = [row for row in section.alarms if row.home == "service"]
        return [
            cloudwatch.AlarmWidget(alarm=self._named(row.subject), title=row.subject, width=THIRD, height=HEIGHT)
            for row in rows
        ]

    def _metric(self, series: Series) -> cloudwatch.Metric:
        return cloudwatch.Metric(
            namespace=series.namespace,
            metric_name=series.name,
            dimensions_map={name: fill(value, self._values) for name, value in series.dimensions},
            statistic=series.statistic,
            period=seconds(int(series.period.total_seconds())),
        )

    def _limit(self, row: Alarm) -> float:
        return row.limit * (float(cast(str, self._values[row.share_of])) if row.share_of else 1.0)

    def _named(self, subject: str) -> cloudwatch.IAlarm:
        arn = self._deployment.names.alarm_arn(self._region, subject)
        return cloudwatch.Alarm.from_alarm_arn(self, f"Named{subject.title().replace('-', '')}", arn)

    def _outage(self) -> cloudwatch.IWidget:
        """An hour without a heartbeat is an hour without a database, as far as we know."""
        beats = own_metric(self._deployment, "HeartbeatWritten", statistic="Sum", period=Duration.hours(1))
        expected = HOUR_MINUTES * 60 / objectives.HEARTBEAT_INTERVAL.total_seconds()
        missing = cloudwatch.MathExpression(
            expression=f"({expected:g} - FILL(beats, 0)) * {HOUR_MINUTES / expected:g}",
            using_metrics={"beats": cast(cloudwatch.IMetric, beats)},
            period=Duration.hours(1),
            label="minutes without a heartbeat",
        )
        rto = DATABASE.rto.total_seconds() / 60
        return _graph(
            "Minutes of each hour without a heartbeat", [missing], lines=[(rto, f"RTO {span(DATABASE.rto)}")],
            unit="minutes",
        )  # fmt: skip

    def _rto(self) -> cloudwatch.IWidget:
        measured = own_metric(self._deployment, "MeasuredRtoSeconds", statistic="Maximum", period=DAY)
        line = (FULL.rto.total_seconds(), f"RTO {span(FULL.rto)}")
        return _graph("RTO measured by this region's restores", [measured], lines=[line], unit="seconds")

    def _rpo(self) -> cloudwatch.IWidget:
        """What the loss of the other region would cost is measured where its copies are."""
        region = self._deployment.names.recovery_region
        ages = [
            own_metric(self._deployment, name, statistic="Maximum", period=Duration.minutes(5)).with_(
                region=region, label=label
            )
            for name, label in (
                ("ReplicaHeartbeatAgeSeconds", "replica"),
                ("ReplicatedBackupAgeSeconds", "replicated backups"),
            )
        ]
        line = (objectives.FULL_RPO.total_seconds(), f"RPO {span(objectives.FULL_RPO)}")
        return _graph("Data that a lost region would cost now", ages, lines=[line], unit="seconds")


def tiers_table() -> str:
    """The spec's tiers as a Markdown table."""
    rows = [f"| {tier.label} | {span(tier.rto)} | {_rpo(tier)} | {tier.strategy} |" for tier in objectives.TIERS]
    return "\n".join(["| Tier | RTO | RPO | Strategy |", "|---|---|---|---|", *rows])


def _belongs(row: Signal, title: str) -> bool:
    """Of a part of the table that is spread over several sections: whether a row stands in this one."""
    if row.cause in _COPIES:
        return title == "Replication"
    if title == "Replication":
        return False
    return not title.startswith("Tier") or title == _promise(row.tier)


def _promise(tier: Tier) -> str:
    return f"{tier.label}: RTO {span(tier.rto)}, RPO {_rpo(tier)}"


def _rpo(tier: Tier) -> str:
    return "N/A" if tier.rpo is None else span(tier.rpo) if tier.rpo else "0"


def _speakers(groups: Mapping[Cause, tuple[Alarm, ...]]) -> Iterator[str]:
    """The subjects of the alarms that act: of each cause its composite, or its only member."""
    for cause, members in groups.items():
        yield f"{COMPOSITE}{cause.name}" if is_composite(cause, groups) else members[0].subject


def _unit(series: Series) -> str:
    if series.name.endswith("Seconds") or series.name in _SECONDS:
        return "seconds"
    return "percent" if series.name.endswith("Percent") else ""


def _graph(
    title: str, metrics: Sequence[cloudwatch.IMetric | cloudwatch.Metric | cloudwatch.MathExpression], *,
    lines: Iterable[tuple[float, str]], unit: str,
) -> cloudwatch.GraphWidget:  # fmt: skip
    return cloudwatch.GraphWidget(
        title=title,
        width=THIRD,
        height=HEIGHT,
        left=[cast(cloudwatch.IMetric, metric) for metric in metrics],
        left_y_axis=cloudwatch.YAxisProps(label=unit, show_units=False),
        left_annotations=[cloudwatch.HorizontalAnnotation(value=value, label=label) for value, label in lines],
    )
