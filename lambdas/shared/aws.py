"""AWS clients, made when first used and kept for the life of the process.

boto3 takes the region from the function's environment, and the endpoint from AWS_ENDPOINT_URL where there is one.
"""

# pyright: reportUnknownMemberType=false
# boto3-stubs types the clients it is installed for; the overloads of all others are unknown.

from functools import cache
from typing import TYPE_CHECKING

import boto3

if TYPE_CHECKING:
    from mypy_boto3_backup import BackupClient
    from mypy_boto3_rds import RDSClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_secretsmanager import SecretsManagerClient


@cache
def rds() -> "RDSClient":
    """Amazon RDS in this function's region."""
    return boto3.client("rds")


@cache
def backup() -> "BackupClient":
    """AWS Backup in this function's region."""
    return boto3.client("backup")


@cache
def secrets() -> "SecretsManagerClient":
    """Secrets Manager in this function's region."""
    return boto3.client("secretsmanager")


@cache
def s3(region: str) -> "S3Client":
    """Amazon S3 in the region of the evidence bucket."""
    return boto3.client("s3", region_name=region)
