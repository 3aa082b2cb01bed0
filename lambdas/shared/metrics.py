"""Metrics of ours, written in CloudWatch's embedded metric format."""

from aws_lambda_powertools.metrics import Metrics, MetricUnit

from lambdas.shared.settings import Settings

COUNT = MetricUnit.Count
SECONDS = MetricUnit.Seconds
PERCENT = MetricUnit.Percent


def publish(settings: Settings, metrics: dict[str, tuple[MetricUnit, float]]) -> None:
    """Publish each metric with the one dimension Environment.

    An alarm sees a metric only when its dimensions are exactly the same, so Powertools' own, ``service``, stays out.
    """
    emitter = Metrics(namespace=settings.metric_namespace, service="")
    emitter.add_dimension("Environment", settings.environment)
    for name, (unit, value) in metrics.items():
        emitter.add_metric(name, unit, value)
    emitter.flush_metrics()
