"""Which recovery points a person has to look at."""

from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import pytest

from recovery import objectives
from recovery.recovery_points import Inventory, Job, RecoveryPoint, RestoredInstance, Review, review

NOW = datetime(2026, 3, 9, 7, 0, tzinfo=UTC)
JobKind = Literal["backup", "copy"]
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def point(status: str = "COMPLETED", *, age: timedelta = DAY, **more: Any) -> RecoveryPoint:
    arn = f"arn:aws:rds:ap-south-1:123456789012:snapshot:awsbackup:job-{status.lower()}"
    retention = timedelta(days=objectives.SNAPSHOT_RETENTION_DAYS)
    known = {
        "RecoveryPointArn": arn,
        "Status": status,
        "CreationDate": NOW - age,
        "CalculatedLifecycle": {"DeleteAt": NOW - age + retention},
    }
    return RecoveryPoint.of(known | more)


def job(
    kind: Literal["backup", "copy"] = "backup", state: str = "COMPLETED", *, age: timedelta = HOUR, **more: Any
) -> Job:
    identifier = {"BackupJobId": "job-1"} if kind == "backup" else {"CopyJobId": "job-1"}
    return Job.of(kind, {"State": state, "CreationDate": NOW - age} | identifier | more)


def found(*points: RecoveryPoint, jobs: tuple[Job, ...] = (), instances: tuple[RestoredInstance, ...] = ()) -> Review:
    inventory = Inventory(
        vault="vault",
        vault_created_at=NOW - 100 * DAY,
        points=(point(), *points),
        jobs=jobs,
        restored_instances=instances,
    )
    return review(inventory, now=NOW)


def kinds(reviewed: Review) -> list[str]:
    return [finding.kind for finding in reviewed.findings]


def test_vault_in_order_has_no_findings() -> None:
    reviewed = found(point("AVAILABLE"), jobs=(job(), job("copy")))
    assert kinds(reviewed) == []
    assert reviewed.summary == "all 2 recovery points of vault are as they should be"
    assert set(reviewed.counts.values()) == {0}


@pytest.mark.parametrize(
    ("status", "kind"), [("EXPIRED", "expired"), ("PARTIAL", "incomplete"), ("STOPPED", "stopped")]
)
def test_point_of_a_wrong_status_is_found_with_its_message(status: str, kind: str) -> None:
    reviewed = found(point(status, StatusMessage="Access denied"))
    assert kinds(reviewed) == [kind]
    assert f"job-{status.lower()}" in reviewed.summary
    assert "(Access denied)" in reviewed.summary


def test_completed_point_with_a_message_is_a_warning() -> None:
    assert kinds(found(point(StatusMessage="a volume could not be frozen"))) == ["warned"]


@pytest.mark.parametrize(("past", "expected"), [(-MINUTE, []), (MINUTE, ["stuck"])])
def test_point_in_the_making_is_stuck_after_the_completion_window(past: timedelta, expected: list[str]) -> None:
    age = objectives.SNAPSHOT_COMPLETION_WINDOW + past
    assert kinds(found(point("CREATING", age=age))) == expected


@pytest.mark.parametrize(("status", "kind"), [("COMPLETED", "overdue"), ("DELETING", "stuck")])
@pytest.mark.parametrize("past", [-MINUTE, MINUTE])
def test_point_past_its_retention_is_found_once_aws_had_its_time(status: str, kind: str, past: timedelta) -> None:
    deletion = NOW - objectives.DELETION_ALLOWANCE - past
    reviewed = found(point(status, age=91 * DAY, CalculatedLifecycle={"DeleteAt": deletion}))
    assert kinds(reviewed) == ([kind] if past > timedelta(0) else [])


def newest(age: timedelta, status: str = "COMPLETED") -> Inventory:
    return Inventory(vault="vault", vault_created_at=NOW - 100 * DAY, points=(point(status, age=age),))


@pytest.mark.parametrize(("past", "expected"), [(-MINUTE, []), (MINUTE, ["missing"])])
def test_vault_without_a_new_point_is_found(past: timedelta, expected: list[str]) -> None:
    age = objectives.NEWEST_RECOVERY_POINT_MAX_AGE + past
    assert kinds(review(newest(age), now=NOW)) == expected


def test_point_that_cannot_be_restored_is_no_new_point() -> None:
    assert kinds(review(newest(DAY, "PARTIAL"), now=NOW)) == ["missing", "incomplete"]


@pytest.mark.parametrize(("age", "expected"), [(HOUR, []), (9 * DAY, ["missing"])])
def test_empty_vault_is_given_the_time_of_its_first_snapshot(age: timedelta, expected: list[str]) -> None:
    assert kinds(review(Inventory(vault="vault", vault_created_at=NOW - age), now=NOW)) == expected


@pytest.mark.parametrize("kind", ["backup", "copy"])
def test_job_that_runs_past_the_completion_window_is_stuck(kind: JobKind) -> None:
    assert kinds(found(jobs=(job(kind, "RUNNING", age=5 * HOUR),))) == ["stuck"]
    assert kinds(found(jobs=(job(kind, "RUNNING", age=3 * HOUR),))) == []


def test_failed_job_is_found_until_a_later_one_of_its_kind_succeeds() -> None:
    failed = job("copy", "FAILED", age=2 * DAY, StatusMessage="no permission")
    assert kinds(found(jobs=(failed, job("backup")))) == ["failed"]
    assert kinds(found(jobs=(failed, job("copy")))) == []


def test_copies_that_failed_are_counted_until_a_later_one_succeeds() -> None:
    failed = [job("copy", state, age=2 * DAY) for state in ("FAILED", "ABORTED", "PARTIAL")]
    assert found(jobs=(*failed, job("backup", "FAILED"))).copies_failed == len(failed)
    assert found(jobs=(*failed, job("copy"))).copies_failed == 0


def test_backup_that_completed_with_issues_is_a_warning() -> None:
    warned = job(StatusMessage="VSS failed", MessageCategory="VSS")
    assert kinds(found(jobs=(warned,))) == ["warned"]
    assert kinds(found(jobs=(job(StatusMessage="done", MessageCategory="SUCCESS"),))) == []


def test_message_of_a_completed_copy_is_no_warning() -> None:
    """AWS Backup completes with issues only in backup jobs."""
    assert kinds(found(jobs=(job("copy", StatusMessage="copied"),))) == []


@pytest.mark.parametrize(("age", "expected"), [(15 * HOUR, []), (17 * HOUR, ["left_over"])])
def test_instance_of_a_restore_test_is_left_over_once_it_should_be_deleted(age: timedelta, expected: list[str]) -> None:
    instance = RestoredInstance(identifier="awsbackup-restore-test-1", created_at=NOW - age)
    assert kinds(found(instances=(instance,))) == expected


def test_findings_are_counted_by_kind() -> None:
    counts = found(point("EXPIRED"), point("EXPIRED"), point("STOPPED")).counts
    assert (counts["expired"], counts["stopped"], counts["stuck"]) == (2, 1, 0)


def test_text_for_a_person_stays_short_however_much_was_found() -> None:
    """It becomes the cause of a failed execution, of which Step Functions keeps 32 KiB."""
    text = found(*(point("EXPIRED", StatusMessage="x" * 200) for _ in range(1000))).summary
    assert len(text) < 8_000
    assert text.endswith("; and 992 more")
