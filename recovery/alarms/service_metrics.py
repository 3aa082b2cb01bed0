"""The metrics of AWS that alarms stand on: namespace, name, dimensions, and the page that says AWS emits them.

An alarm on a metric that is not here fails the tests: one that nobody emits never speaks. Read in November 2026.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class ServiceMetric:
    """A metric as its service emits it, with exactly these dimensions."""

    namespace: str
    name: str
    dimensions: frozenset[str]
    source: str


_DOCS = "https://docs.aws.amazon.com"
_RDS = f"{_DOCS}/AmazonRDS/latest/UserGuide/rds-metrics.html"
_ELB = f"{_DOCS}/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html"
# The page gives "resource type, vault name" as dimensions; that both come together is how CloudWatch lists jobs of a
# vault. Restores have no vault. Whatever these miss is told by EventBridge as well (backup-job-ended and its like).
_BACKUP = f"{_DOCS}/aws-backup/latest/devguide/cloudwatch.html"
_S3 = f"{_DOCS}/AmazonS3/latest/userguide/metrics-dimensions.html"
_STATES = f"{_DOCS}/step-functions/latest/dg/procedure-cw-metrics.html"
_SQS = f"{_DOCS}/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html"
_HTTP_API = f"{_DOCS}/apigateway/latest/developerguide/http-api-metrics.html"


def _all(namespace: str, names: tuple[str, ...], dimensions: set[str], source: str) -> tuple[ServiceMetric, ...]:
    return tuple(ServiceMetric(namespace, name, frozenset(dimensions), source) for name in names)


SERVICE_METRICS = (
    *_all(
        "AWS/RDS",
        ("FreeStorageSpace", "MaximumUsedTransactionIDs", "ReplicaLag", "ReplicationSlotDiskUsage"),
        {"DBInstanceIdentifier"},
        _RDS,
    ),
    *_all(
        "AWS/ApplicationELB",
        ("HTTPCode_Target_5XX_Count", "TargetResponseTime", "UnHealthyHostCount"),
        {"LoadBalancer", "TargetGroup"},
        _ELB,
    ),
    *_all(
        "AWS/Backup",
        ("NumberOfBackupJobsExpired", "NumberOfBackupJobsFailed"),
        {"BackupVaultName", "ResourceType"},
        _BACKUP,
    ),
    *_all("AWS/Backup", ("NumberOfRestoreJobsFailed",), {"ResourceType"}, _BACKUP),
    *_all(
        "AWS/S3",
        ("OperationsFailedReplication", "ReplicationLatency"),
        {"DestinationBucket", "RuleId", "SourceBucket"},
        _S3,
    ),
    *_all("AWS/States", ("ExecutionsFailed", "ExecutionsTimedOut"), {"StateMachineArn"}, _STATES),
    *_all("AWS/SQS", ("ApproximateNumberOfMessagesVisible",), {"QueueName"}, _SQS),
    *_all("AWS/ApiGateway", ("5xx",), {"ApiId"}, _HTTP_API),
)


def emitted(namespace: str, name: str, dimensions: frozenset[str]) -> ServiceMetric | None:
    """The entry of a metric with exactly these dimensions; None when AWS is not known to emit it."""
    wanted = (namespace, name, dimensions)
    return next((each for each in SERVICE_METRICS if (each.namespace, each.name, each.dimensions) == wanted), None)
