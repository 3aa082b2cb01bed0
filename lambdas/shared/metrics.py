"""Metrics of ours, written in CloudWatch's embedded metric format; those for another region are sent there."""

from typing import TYPE_CHECKING

from aws_lambda_powertools.metrics import Metrics, MetricUnit

from lambdas.shared.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient

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


def publish_elsewhere(settings: Settings, cloudwatch: "CloudWatchClient", name: str) -> None:
    """Count ``name`` once in the region of ``cloudwatch``: logs, and metrics in them, stay in their own.

    Raises botocore's ClientError or BotoCoreError.
    """
    cloudwatch.put_metric_data(
        Namespace=settings.metric_namespace,
        MetricData=[
            {
                "MetricName": name,
                "Dimensions": [{"Name": "Environment", "Value": settings.environment}],
                "Value": 1,
                "Unit": "Count",
            }
        ],
    )
