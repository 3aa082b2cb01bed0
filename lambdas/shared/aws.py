"""AWS clients, made when first used and kept for the life of the process.

botocore takes the region from the function's environment, and the endpoint from AWS_ENDPOINT_URL where there is one.
boto3 would add resources and transfers, which no function uses, to every cold start.
"""

from functools import cache
from threading import Lock
from typing import TYPE_CHECKING, Any

from botocore.config import Config
from botocore.session import Session

if TYPE_CHECKING:
    from mypy_boto3_backup import BackupClient
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_cognito_idp import CognitoIdentityProviderClient
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_ecs import ECSClient
    from mypy_boto3_kms import KMSClient
    from mypy_boto3_rds import RDSClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sns import SNSClient

CONNECTIONS = 16  # as many as calls are made side by side

# A call that hangs has to end, retries included, well within the shortest time-out of a function that calls (2 min): 4
# attempts of 5 s to connect or 15 s of silence, and the backoff between.
BOUNDED = Config(
    connect_timeout=5,
    read_timeout=15,
    retries={"mode": "standard", "total_max_attempts": 4},
    max_pool_connections=CONNECTIONS,
)
# A person waits, and API Gateway for at most 30 s: 3 attempts of 2 s to connect or 4 s of silence. Links are signed
# with version 4, since version 2 pins no headers, and lead to the bucket's own region: without a style botocore would
# take the global host for them.
PROMPT = Config(
    connect_timeout=2,
    read_timeout=4,
    retries={"mode": "standard", "total_max_attempts": 3},
    signature_version="s3v4",
    s3={"addressing_style": "virtual"},
    max_pool_connections=CONNECTIONS,
)


_MAKING = Lock()


def client(service: str, *, region: str | None = None, config: Config = BOUNDED) -> Any:  # noqa: ANN401 - many types
    """A new client, in this function's region unless told otherwise. Threads may ask at once."""
    with _MAKING:  # a session makes one client at a time
        return _session().create_client(service, region_name=region, config=config)


@cache
def _session() -> Session:
    return Session()


@cache
def rds() -> "RDSClient":
    """Amazon RDS in this function's region."""
    return client("rds")


@cache
def kms() -> "KMSClient":
    """KMS in this function's region."""
    return client("kms")


@cache
def ecs() -> "ECSClient":
    """ECS in this function's region."""
    return client("ecs")


@cache
def cloudwatch() -> "CloudWatchClient":
    """CloudWatch in this function's region."""
    return client("cloudwatch")


@cache
def cloudwatch_in(region: str) -> "CloudWatchClient":
    """CloudWatch in another region, which may be lost: no answer is waited for longer than a function has."""
    return client("cloudwatch", region=region, config=PROMPT.merge(Config(signature_version="v4")))


@cache
def sns() -> "SNSClient":
    """SNS in this function's region."""
    return client("sns")


@cache
def backup() -> "BackupClient":
    """AWS Backup in this function's region."""
    return client("backup")


@cache
def secrets() -> "SecretsManagerClient":
    """Secrets Manager in this function's region."""
    return client("secretsmanager")


@cache
def s3(region: str) -> "S3Client":
    """Amazon S3 in the region of the evidence bucket."""
    return client("s3", region=region)


@cache
def device_s3(region: str) -> "S3Client":
    """Amazon S3 in the region of a bucket of device backups, for links and for whoever waits for an answer."""
    return client("s3", region=region, config=PROMPT)


@cache
def dynamodb() -> "DynamoDBClient":
    """DynamoDB in this function's region, for whoever waits for an answer."""
    return client("dynamodb", config=PROMPT.merge(Config(signature_version="v4")))


@cache
def cognito(region: str) -> "CognitoIdentityProviderClient":
    """Amazon Cognito in the region of the user pool."""
    return client("cognito-idp", region=region)
