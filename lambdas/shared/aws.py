"""AWS clients, made when first used and kept for the life of the process.

boto3 takes the region from the function's environment, and the endpoint from AWS_ENDPOINT_URL where there is one.
"""

# pyright: reportUnknownMemberType=false
# boto3-stubs types the clients it is installed for; the overloads of all others are unknown.

from functools import cache
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

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
# with version 4, since version 2 pins no headers, and lead to the bucket's own region: without a style boto3 would take
# the global host for them.
PROMPT = Config(
    connect_timeout=2,
    read_timeout=4,
    retries={"mode": "standard", "total_max_attempts": 3},
    signature_version="s3v4",
    s3={"addressing_style": "virtual"},
    max_pool_connections=CONNECTIONS,
)


@cache
def rds() -> "RDSClient":
    """Amazon RDS in this function's region."""
    return boto3.client("rds", config=BOUNDED)


@cache
def kms() -> "KMSClient":
    """KMS in this function's region."""
    return boto3.client("kms", config=BOUNDED)


@cache
def ecs() -> "ECSClient":
    """ECS in this function's region."""
    return boto3.client("ecs", config=BOUNDED)


@cache
def cloudwatch() -> "CloudWatchClient":
    """CloudWatch in this function's region."""
    return boto3.client("cloudwatch", config=BOUNDED)


@cache
def cloudwatch_in(region: str) -> "CloudWatchClient":
    """CloudWatch in another region, which may be lost: no answer is waited for longer than a function has."""
    return boto3.client("cloudwatch", region_name=region, config=PROMPT.merge(Config(signature_version="v4")))


@cache
def sns() -> "SNSClient":
    """SNS in this function's region."""
    return boto3.client("sns", config=BOUNDED)


@cache
def backup() -> "BackupClient":
    """AWS Backup in this function's region."""
    return boto3.client("backup", config=BOUNDED)


@cache
def secrets() -> "SecretsManagerClient":
    """Secrets Manager in this function's region."""
    return boto3.client("secretsmanager", config=BOUNDED)


@cache
def s3(region: str) -> "S3Client":
    """Amazon S3 in the region of the evidence bucket."""
    return boto3.client("s3", region_name=region, config=BOUNDED)


@cache
def device_s3(region: str) -> "S3Client":
    """Amazon S3 in the region of a bucket of device backups, for links and for whoever waits for an answer."""
    return boto3.client("s3", region_name=region, config=PROMPT)


@cache
def dynamodb() -> "DynamoDBClient":
    """DynamoDB in this function's region, for whoever waits for an answer."""
    return boto3.client("dynamodb", config=PROMPT.merge(Config(signature_version="v4")))


@cache
def cognito(region: str) -> "CognitoIdentityProviderClient":
    """Amazon Cognito in the region of the user pool."""
    return boto3.client("cognito-idp", region_name=region, config=BOUNDED)
