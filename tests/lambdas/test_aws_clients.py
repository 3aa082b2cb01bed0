"""The functions' AWS clients: a call that fails once is repeated, and one that hangs ends in time."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lab.cloud import Cloud
from lambdas.shared import aws

REGION = "ap-south-1"
POINT = f"arn:aws:rds:{REGION}:123456789012:snapshot:awsbackup:job-0"
# The answer tells that the call arrived after all.
CALLS: dict[str, tuple[Callable[[], Any], str]] = {
    "backup:DescribeRestoreJob": (lambda: aws.backup().describe_restore_job(RestoreJobId="none"), "ResourceNotFound"),
    "backup:DescribeRecoveryPoint": (
        lambda: aws.backup().describe_recovery_point(BackupVaultName="vault", RecoveryPointArn=POINT),
        "ResourceNotFound",
    ),
    "backup:PutRestoreValidationResult": (
        lambda: aws.backup().put_restore_validation_result(RestoreJobId="none", ValidationStatus="FAILED"),
        "ResourceNotFound",
    ),
    "rds:DescribeDBInstances": (
        lambda: aws.rds().describe_db_instances(DBInstanceIdentifier="none"),
        "DBInstanceNotFound",
    ),
}


@pytest.mark.parametrize("kind", ["error", "throttled", "unanswered"])
@pytest.mark.parametrize("operation", CALLS)
@pytest.mark.usefixtures("bucket")
def test_call_that_goes_wrong_once_is_repeated(cloud: Cloud, operation: str, kind: str) -> None:
    call, answer = CALLS[operation]
    cloud.press("inject-faults", REGION, faults=[{"operation": operation, "kind": kind}])
    with pytest.raises(ClientError, match=answer):
        call()
    assert cloud.listing("faults") == []


@pytest.mark.usefixtures("bucket")
def test_call_that_hangs_ends_before_the_shortest_function_does() -> None:
    """The judge and the look through a vault have two minutes and more."""
    config: Any = aws.backup().meta.config
    seconds = config.connect_timeout + config.read_timeout
    backoff = sum(2**attempt for attempt in range(3))
    assert config.retries == {"mode": "standard", "total_max_attempts": 4}
    assert 4 * seconds + backoff < 120


@pytest.mark.usefixtures("bucket")
def test_region_that_is_lost_is_given_up_well_within_the_notifiers_time() -> None:
    config: Any = aws.cloudwatch_in("ap-southeast-1").meta.config
    backoff = sum(2**attempt for attempt in range(config.retries["total_max_attempts"] - 1))
    assert config.retries["total_max_attempts"] * (config.connect_timeout + config.read_timeout) + backoff < 30
