"""Buckets in two regions and a quota table, with the environment of all functions beside them."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from lab.cloud import Cloud
from lambdas.shared import aws
from recovery.device_backups.bucket import DeviceBucket
from recovery.device_backups.quota import COUNTER_KEY
from tests.lambdas.conftest import REGION
from tests.lambdas.device_backups.phones import MAX_BYTES, RECOVERY, Phone, Storage


@pytest.fixture
def storage(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Iterator[Storage]:
    """Buckets and a table of this test's own; the process has the environment of all functions beside it."""
    name = f"devices-{uuid4().hex[:8]}"
    variables = {
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "ENVIRONMENT": "test",
        "METRIC_NAMESPACE": "DuskSpendr/Continuity",
        "POWERTOOLS_SERVICE_NAME": "test",
        "DEVICE_BUCKET": name,
        "REPLICA_BUCKET": f"{name}-replica",
        "REPLICA_REGION": RECOVERY,
        "ENCRYPTION_KEY_ARN": f"arn:aws:kms:{REGION}:123456789012:key/{uuid4()}",
        "QUOTA_TABLE": name,
        "UPLOADS_PER_DAY": "40",
        "MAX_BACKUP_BYTES": str(MAX_BYTES),
    }
    for variable, value in {**cloud.environment, **variables}.items():
        if variable.startswith("AWS_") or variable in variables:
            monkeypatch.setenv(variable, variables.get(variable, value))
    for client in (aws.device_s3, aws.s3, aws.dynamodb):
        client.cache_clear()
    storage = Storage(
        DeviceBucket(aws.device_s3(REGION), name), DeviceBucket(aws.device_s3(RECOVERY), f"{name}-replica")
    )
    for bucket, region in ((storage.primary, REGION), (storage.replica, RECOVERY)):
        location: Any = {"LocationConstraint": region}
        bucket.client.create_bucket(Bucket=bucket.name, CreateBucketConfiguration=location)
        bucket.client.put_bucket_versioning(Bucket=bucket.name, VersioningConfiguration={"Status": "Enabled"})
    aws.dynamodb().create_table(
        TableName=name,
        KeySchema=[{"AttributeName": COUNTER_KEY, "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": COUNTER_KEY, "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    yield storage
    for client in (aws.device_s3, aws.s3, aws.dynamodb):
        client.cache_clear()


@pytest.fixture
def phone(storage: Storage) -> Phone:
    del storage
    return Phone("user-1")
