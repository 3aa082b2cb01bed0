"""The dashboard: what each tier promises, beside what was measured."""

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from continuity.deployment import Deployment
from continuity.signals import database_metric, own_metric
from recovery import objectives

WIDTH = 24
HALF = 12
DAY = Duration.days(1)


class ContinuityDashboard(Construct):
    """Targets as lines over the measurements; a gap in a graph is a gap in the proof, never a zero."""

    def __init__(self, scope: Construct, id: str, *, deployment: Deployment) -> None:  # noqa: A002
        super().__init__(scope, id)
        names = deployment.names
        full = objectives.FULL
        dashboard = cloudwatch.Dashboard(
            self, "Dashboard", dashboard_name=names.prefix, default_interval=Duration.days(35)
        )
        dashboard.add_widgets(cloudwatch.TextWidget(markdown=tiers_table(), width=WIDTH, height=5))
        dashboard.add_widgets(
            _graph(
                f"RTO measured by restore tests ({names.primary_region})",
                own_metric(deployment, "MeasuredRtoSeconds", statistic="Maximum", period=DAY),
                target_seconds=full.rto.total_seconds(),
                target=f"{full.label} RTO",
            ),
            _graph(
                f"RTO measured by restore tests ({names.recovery_region})",
                _in_region(
                    own_metric(deployment, "MeasuredRtoSeconds", statistic="Maximum", period=DAY), names.recovery_region
                ),
                target_seconds=full.rto.total_seconds(),
                target=f"{full.label} RTO",
            ),
        )
        dashboard.add_widgets(
            _graph(
                "Replica lag, the RPO of a region lost now",
                _in_region(
                    database_metric(
                        names.replica_identifier, "ReplicaLag", statistic="Maximum", period=Duration.minutes(5)
                    ),
                    names.recovery_region,
                ),
                target_seconds=objectives.FULL_RPO.total_seconds(),
                target=f"{full.label} RPO",
            ),
            cloudwatch.GraphWidget(
                title="Heartbeats a minute, and restores verified (1) or not (0)",
                width=HALF,
                left=[
                    own_metric(deployment, "HeartbeatWritten", statistic="Sum", period=Duration.minutes(1)),
                    own_metric(deployment, "RestoreVerified", statistic="Minimum", period=DAY),
                ],
            ),
        )


def tiers_table() -> str:
    """The spec's tiers as a Markdown table."""
    rows = [
        f"| {tier.label} | {_hours(tier.rto.total_seconds())} |"
        f" {'N/A' if tier.rpo is None else _hours(tier.rpo.total_seconds())} | {tier.strategy} |"
        for tier in objectives.TIERS
    ]
    return "\n".join(["| Tier | RTO | RPO | Strategy |", "|---|---|---|---|", *rows])


def _hours(seconds: float) -> str:
    minutes = int(seconds // 60)
    return f"{minutes // 60} h" if minutes and minutes % 60 == 0 else f"{minutes} min" if minutes else "0"


def _in_region(metric: cloudwatch.Metric, region: str) -> cloudwatch.Metric:
    return metric.with_(region=region)


def _graph(title: str, metric: cloudwatch.Metric, *, target_seconds: float, target: str) -> cloudwatch.GraphWidget:
    return cloudwatch.GraphWidget(
        title=title,
        width=HALF,
        left=[metric],
        left_y_axis=cloudwatch.YAxisProps(label="seconds", min=0, show_units=False),
        left_annotations=[cloudwatch.HorizontalAnnotation(value=target_seconds, label=target)],
    )
