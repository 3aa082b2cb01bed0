"""Requests to prove a restore: AWS Backup's event, or a person's own."""

from datetime import UTC, datetime
from typing import Any

import pytest

from recovery.restore_requests import InvalidRequestError, parse_restore_request

SOURCE = "arn:aws:rds:ap-south-1:123456789012:db:duskspendr-prod"


def event(**detail: Any) -> dict[str, Any]:
    """As AWS documents the event of a restore test, shortened."""
    return {
        "source": "aws.backup",
        "detail-type": "Restore Job State Change",
        "region": "ap-south-1",
        "detail": {
            "restoreJobId": "job-1",
            "backupSizeInBytes": "107374182400",
            "creationDate": "2026-01-04T06:00:00.123Z",
            "iamRoleArn": "arn:aws:iam::123456789012:role/restore",
            "percentDone": 0,
            "resourceType": "RDS",
            "status": "COMPLETED",
            "sourceResourceArn": SOURCE,
            "recoveryPointArn": "arn:aws:rds:ap-south-1:123456789012:snapshot:awsbackup:job-0",
            "createdResourceArn": "arn:aws:rds:ap-south-1:123456789012:db:awsbackup-restore-test-1",
            "restoreTestingPlanArn": "arn:aws:backup:ap-south-1:123456789012:restore-testing-plan:plan",
        }
        | detail,
    }


def test_event_of_a_restore_test():
    request = parse_restore_request(event())
    assert (request.restore_job_id, request.status, request.restore_test) == ("job-1", "COMPLETED", True)
    assert request.instance_identifier == "awsbackup-restore-test-1"
    assert request.started_at == datetime(2026, 1, 4, 6, 0, 0, 123000, tzinfo=UTC)
    assert request.disaster_time is None


def test_restore_of_our_database_is_told_from_others():
    request = parse_restore_request(event())
    assert request.is_about("duskspendr-prod")
    assert not request.is_about("prod")
    assert not request.is_about("duskspendr-staging")


def test_event_of_a_failed_job_has_no_instance():
    request = parse_restore_request(event(status="FAILED", createdResourceArn=None))
    assert (request.status, request.instance_identifier) == ("FAILED", None)


def test_direct_request():
    request = parse_restore_request(
        {
            "dbInstanceIdentifier": "restored",
            "restoreStartedAt": "2026-01-04T06:00:00Z",
            "disasterTime": "2026-01-04T05:50:00+00:00",
        }
    )
    assert request.restore_job_id is None
    assert request.instance_identifier == "restored"
    assert request.disaster_time == datetime(2026, 1, 4, 5, 50, tzinfo=UTC)
    assert request.is_about("anything")


@pytest.mark.parametrize(
    ("request_", "finding"),
    [
        ({}, "dbInstanceIdentifier: expected a text that is not empty, found none"),
        ([1], "expected a JSON object, found list"),
        (None, "expected a JSON object, found NoneType"),
        ({"dbInstanceIdentifier": "x", "restoreStartedAt": "2026-01-04T06:00:00"}, "restoreStartedAt"),
        ({"dbInstanceIdentifier": "x", "restoreStartedAt": "2026-01-04T06:00:00Z", "disaster": 1}, "disaster"),
        ({"source": "aws.ec2", "detail": {}}, "expected an event Restore Job State Change of aws.backup"),
        ({"dbInstanceIdentifier": "x", "restoreStartedAt": "yesterday"}, "restoreStartedAt: .* found 'yesterday'"),
        ({"dbInstanceIdentifier": "x", "restoreStartedAt": 5}, "restoreStartedAt: .* found 5"),
        ({"dbInstanceIdentifier": 1}, "dbInstanceIdentifier: .* found 1, restoreStartedAt: .* found none"),
        (event(restoreJobId=""), "restoreJobId"),
        (event(sourceResourceArn=1), "sourceResourceArn: expected a text, found 1"),
        (event() | {"detail": None}, "expected a JSON object as the event's detail, found NoneType"),
    ],
)
def test_anything_else_is_refused_by_name(request_: Any, finding: str):
    with pytest.raises(InvalidRequestError, match=finding):
        parse_restore_request(request_)
