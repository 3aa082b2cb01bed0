"""Backups on their way to the cloud and back, over connections and servers that fail."""

import base64
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from device.cloud.account import AccountFile
from device.cloud.backups import CloudBackups
from device.cloud.errors import (
    ArchivedError,
    CloudError,
    ExpiredLinkError,
    ForbiddenError,
    NotInCloudError,
    OfflineError,
    QuotaError,
    ServerError,
    TooLargeError,
    TransferError,
)
from device.errors import UsageError
from device.limits import CLOUD_ATTEMPTS, LONGEST_WAIT_SECONDS
from tests.device.cloud.double import CloudDouble
from tests.device.cloud.serving import running_cloud_double

PRECONDITION = "<Error><Code>PreconditionFailed</Code></Error>"
GONE = "<Error><Code>NoSuchKey</Code></Error>"
EXPIRED = "<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>"


def test_upload_arrives_whole_and_under_the_device(backups: CloudBackups, cloud: CloudDouble, backup_file: Path):
    uploaded = backups.upload(backup_file, kind="auto")
    (stored,) = cloud.stored
    assert (stored.content, stored.device, stored.kind) == (backup_file.read_bytes(), "new-phone", "auto")
    assert (uploaded.size, uploaded.device, uploaded.already_there) == (len(stored.content), "new-phone", False)


def test_upload_tells_how_far_it_is(backups: CloudBackups, backup_file: Path):
    steps: list[tuple[int, int]] = []
    backups.upload(backup_file, kind="auto", progress=lambda sent, size: steps.append((sent, size)))
    size = backup_file.stat().st_size
    assert steps[-1] == (size, size)
    assert len(steps) > 10


def test_upload_of_what_is_there_already_is_no_error(backups: CloudBackups, cloud: CloudDouble, backup_file: Path):
    backups.upload(backup_file, kind="auto")
    assert backups.upload(backup_file, kind="auto").already_there
    assert len(cloud.stored) == 1


def test_upload_goes_on_after_what_passes(
    backups: CloudBackups, cloud: CloudDouble, backup_file: Path, waits: list[float]
):
    cloud.fail("POST /v1/devices", 503)
    cloud.fail("PUT /storage", 500, body="<Error><Code>InternalError</Code></Error>")
    cloud.fail("PUT /storage", 403, body=EXPIRED)
    backups.upload(backup_file, kind="auto")
    assert cloud.stored[0].content == backup_file.read_bytes()
    assert len(waits) == 3
    assert all(wait <= LONGEST_WAIT_SECONDS for wait in waits)


@pytest.mark.parametrize(
    ("status", "body"),
    [(403, EXPIRED), (412, PRECONDITION), (400, "<Error><Code>ExpiredToken</Code></Error>"), (404, GONE)],
)
def test_upload_gets_a_new_link_for_one_that_holds_no_more(
    backups: CloudBackups, cloud: CloudDouble, backup_file: Path, status: int, body: str
):
    cloud.fail("PUT /storage", status, body=body)
    backups.upload(backup_file, kind="auto")
    assert cloud.count("POST /v1/devices") == 2


def test_upload_uses_a_link_again_that_still_holds(backups: CloudBackups, cloud: CloudDouble, backup_file: Path):
    """Every link counts against the day's quota."""
    cloud.fail("PUT /storage", 503, times=3)
    backups.upload(backup_file, kind="auto")
    assert cloud.count("POST /v1/devices") == 1


def test_upload_whose_answer_was_lost_is_found_to_be_there(
    backups: CloudBackups, cloud: CloudDouble, backup_file: Path
):
    cloud.fail("PUT /storage", lost=True)
    cloud.fail("PUT /storage", 412, body=PRECONDITION)
    assert backups.upload(backup_file, kind="auto").already_there
    assert len(cloud.stored) == 1


def test_link_that_always_expires_is_told(backups: CloudBackups, cloud: CloudDouble, backup_file: Path):
    cloud.fail("PUT /storage", 403, body=EXPIRED, times=CLOUD_ATTEMPTS)
    with pytest.raises(ExpiredLinkError, match="a link that still holds"):
        backups.upload(backup_file, kind="auto")


def test_server_that_stays_down_is_asked_so_often_and_no_more(
    backups: CloudBackups, cloud: CloudDouble, backup_file: Path, waits: list[float]
):
    cloud.fail("POST /v1/devices", 500, times=100)
    with pytest.raises(ServerError):
        backups.upload(backup_file, kind="auto")
    assert cloud.count("POST /v1/devices") == CLOUD_ATTEMPTS == len(waits) + 1
    assert waits[-1] > waits[0]


def test_short_wait_that_the_server_asks_for_is_kept(
    backups: CloudBackups, cloud: CloudDouble, backup_file: Path, waits: list[float]
):
    cloud.fail("POST /v1/devices", 429, headers={"Retry-After": "7"})
    backups.upload(backup_file, kind="auto")
    assert waits == [7.0]


@pytest.mark.parametrize("after", ["soon", "-1", ""])
def test_wait_that_cannot_be_read_is_none(
    backups: CloudBackups, cloud: CloudDouble, backup_file: Path, waits: list[float], after: str
):
    cloud.fail("POST /v1/devices", 429, headers={"Retry-After": after})
    backups.upload(backup_file, kind="auto")
    assert len(waits) == 1
    assert waits[0] < 5


@pytest.mark.parametrize(
    "after",
    ["3600", format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)],
    ids=["seconds", "a date"],  # or every worker would name the test by another second
)
def test_exhausted_quota_says_when_to_come_back(
    backups: CloudBackups, cloud: CloudDouble, backup_file: Path, waits: list[float], after: str
):
    cloud.fail("POST /v1/devices", 429, headers={"Retry-After": after})
    with pytest.raises(QuotaError, match=r"try again after \d{4}-\d\d-\d\d \d\d:\d\d"):
        backups.upload(backup_file, kind="auto")
    assert waits == []


def test_backup_over_the_size_limit_is_told_in_the_servers_words(
    backups: CloudBackups, cloud: CloudDouble, backup_file: Path
):
    cloud.quota_bytes = 10
    with pytest.raises(TooLargeError, match=r"expected at most so many bytes, found HTTP 413 .*: what the server says"):
        backups.upload(backup_file, kind="auto")


def test_damage_on_the_way_up_is_sent_again(backups: CloudBackups, cloud: CloudDouble, backup_file: Path):
    cloud.fail("PUT /storage", 400, body="<Error><Code>BadDigest</Code></Error>")
    backups.upload(backup_file, kind="auto")
    assert cloud.count("PUT /storage") == 2


def test_refusal_is_final(backups: CloudBackups, cloud: CloudDouble, backup_file: Path, waits: list[float]):
    cloud.fail("POST /v1/devices", 403)
    with pytest.raises(ForbiddenError):
        backups.upload(backup_file, kind="auto")
    assert waits == []


def test_no_error_holds_a_signed_link(backups: CloudBackups, cloud: CloudDouble, backup_file: Path):
    cloud.fail("PUT /storage", 403, body="<Error><Code>SignatureDoesNotMatch</Code></Error>")
    with pytest.raises(CloudError) as raised:
        backups.upload(backup_file, kind="auto")
    assert not any(signature in repr(raised.value) for signature in cloud.links)


def test_device_that_is_offline_is_told_and_waits_for_the_network(
    cloud: CloudDouble, backups: CloudBackups, account_file: AccountFile, waits: list[float]
):
    account = account_file.load()
    account_file.save(account.model_copy(update={"api": "http://127.0.0.1:9"}))
    with pytest.raises(OfflineError, match=r"an answer of 127\.0\.0\.1:9, found no connection"):
        backups.versions()
    assert len(waits) == CLOUD_ATTEMPTS - 1
    assert cloud.requests == []


def test_sign_in_page_of_a_network_is_no_answer(backups: CloudBackups, cloud: CloudDouble):
    cloud.fail("GET /v1/backups", 200, body="<html>Welcome to the hostel's network</html>")
    with pytest.raises(ServerError, match="a network that asks for its own sign-in"):
        backups.versions()


def test_redirect_is_not_followed_with_the_token(backups: CloudBackups, cloud: CloudDouble):
    cloud.fail("GET /v1/backups", 302, headers={"Location": f"{cloud.origin}/elsewhere"})
    with pytest.raises(ServerError, match="HTTP 302"):
        backups.versions()
    assert cloud.count("GET /elsewhere") == 0


def test_versions_of_all_pages_come_newest_first(backups: CloudBackups, cloud: CloudDouble):
    cloud.page_size = 2
    for day in (3, 1, 5, 2, 4):
        cloud.add(b"x", created_at=datetime(2026, 11, day, tzinfo=UTC))
    assert [each.created_at.day for each in backups.versions()] == [5, 4, 3, 2, 1]
    assert cloud.count("GET /v1/backups") == 3


def test_versions_of_one_device_are_told_apart(backups: CloudBackups, cloud: CloudDouble):
    cloud.page_size = 1
    for device in ("a", "b", "a"):
        cloud.add(b"x", device=device)
    assert {each.device for each in backups.versions(device="a")} == {"a"}
    assert len(backups.versions(device="a")) == 2


def test_download_is_the_file_that_was_uploaded(
    backups: CloudBackups, cloud: CloudDouble, backup_file: Path, tmp_path: Path
):
    backups.upload(backup_file, kind="manual")
    (version,) = backups.versions()
    backups.download(version, tmp_path / "back.enc")
    assert (tmp_path / "back.enc").read_bytes() == backup_file.read_bytes()
    assert (tmp_path / "back.enc").stat().st_mode & 0o777 == 0o600
    assert cloud.count("GET /storage") == 1


def test_broken_download_goes_on_where_it_broke(backups: CloudBackups, cloud: CloudDouble, tmp_path: Path):
    content = bytes(range(256)) * 8000
    cloud.add(content)
    cloud.fail("GET /storage", cut=700_000)
    cloud.fail("GET /storage", cut=900_000)
    steps: list[int] = []
    backups.download(backups.versions()[0], tmp_path / "back.enc", progress=lambda got, _: steps.append(got))
    assert (tmp_path / "back.enc").read_bytes() == content
    assert steps == sorted(steps)
    assert cloud.count("GET /storage") == 3


def test_answer_that_ends_early_without_breaking_is_gone_on_from(
    backups: CloudBackups, cloud: CloudDouble, tmp_path: Path
):
    cloud.add(b"x" * 1000)
    cloud.fail("GET /storage", 200, body="x" * 400)
    backups.download(backups.versions()[0], tmp_path / "back.enc")
    assert (tmp_path / "back.enc").read_bytes() == b"x" * 1000


def test_download_that_never_ends_leaves_nothing(backups: CloudBackups, cloud: CloudDouble, tmp_path: Path):
    cloud.add(bytes(1_000_000))
    cloud.fail("GET /storage", cut=1000, times=100)
    (tmp_path / "into").mkdir()
    with pytest.raises(OfflineError):
        backups.download(backups.versions()[0], tmp_path / "into" / "back.enc")
    assert list((tmp_path / "into").iterdir()) == []


def test_download_that_was_changed_on_the_way_leaves_nothing(backups: CloudBackups, cloud: CloudDouble, tmp_path: Path):
    cloud.add(bytes(1000))
    cloud.fail("GET /storage", 200, body="x" * 1000)
    (tmp_path / "into").mkdir()
    with pytest.raises(TransferError, match="SHA-256"):
        backups.download(backups.versions()[0], tmp_path / "into" / "back.enc")
    assert list((tmp_path / "into").iterdir()) == []


def test_more_than_was_announced_is_not_taken(backups: CloudBackups, cloud: CloudDouble, tmp_path: Path):
    cloud.add(bytes(1000))
    cloud.fail("GET /storage", 200, body="x" * 100_000)
    with pytest.raises(TransferError, match="1000 bytes, found more"):
        backups.download(backups.versions()[0], tmp_path / "back.enc")


def test_download_never_takes_the_place_of_a_file(backups: CloudBackups, cloud: CloudDouble, backup_file: Path):
    cloud.add(b"other")
    before = backup_file.read_bytes()
    with pytest.raises(UsageError, match="nothing at"):
        backups.download(backups.versions()[0], backup_file)
    assert backup_file.read_bytes() == before


def test_version_that_is_gone_is_told(backups: CloudBackups, cloud: CloudDouble, tmp_path: Path):
    cloud.add(b"x")
    (version,) = backups.versions()
    cloud.stored.clear()
    with pytest.raises(NotInCloudError):
        backups.download(version, tmp_path / "back.enc")


def test_archived_version_is_told(backups: CloudBackups, cloud: CloudDouble, tmp_path: Path):
    cloud.add(b"x", kind="manual")
    cloud.fail("GET /storage", 403, body="<Error><Code>InvalidObjectState</Code></Error>")
    with pytest.raises(ArchivedError):
        backups.download(backups.versions()[0], tmp_path / "back.enc")


@pytest.fixture
def recovery(account_file: AccountFile) -> Iterator[CloudDouble]:
    """The recovery region, which has the same users and copies of the same versions."""
    with running_cloud_double() as double:
        account = account_file.load()
        double.access_tokens[account.access_token.get_secret_value()] = time.time() + 60
        account_file.save(account.model_copy(update={"recovery_api": double.origin}))
        yield double


def test_copies_are_read_while_the_primary_region_does_not_answer(
    backups: CloudBackups, cloud: CloudDouble, recovery: CloudDouble, tmp_path: Path
):
    recovery.add(b"copy")
    cloud.fail("GET /v1/backups", 503, times=100)
    (version,) = backups.versions()
    assert backups.reads_copies
    backups.download(version, tmp_path / "back.enc")
    assert (tmp_path / "back.enc").read_bytes() == b"copy"


def test_download_that_breaks_for_good_goes_on_from_the_copy(
    backups: CloudBackups, cloud: CloudDouble, recovery: CloudDouble, tmp_path: Path
):
    content = bytes(range(256)) * 4000
    stored = cloud.add(content)
    recovery.stored.append(stored)
    cloud.fail("GET /storage", cut=200_000)
    cloud.fail("GET /storage", cut=0, times=100)
    backups.download(backups.versions()[0], tmp_path / "back.enc")
    assert (tmp_path / "back.enc").read_bytes() == content


def test_primary_region_is_asked_first(backups: CloudBackups, cloud: CloudDouble, recovery: CloudDouble):
    cloud.add(b"x")
    assert len(backups.versions()) == 1
    assert recovery.requests == []
    assert not backups.reads_copies


def test_refusal_of_the_primary_region_is_no_reason_to_ask_the_other(
    backups: CloudBackups, cloud: CloudDouble, recovery: CloudDouble
):
    cloud.fail("GET /v1/backups", 403)
    with pytest.raises(ForbiddenError):
        backups.versions()
    assert recovery.requests == []


def test_nothing_is_uploaded_or_deleted_in_the_recovery_region(
    backups: CloudBackups, cloud: CloudDouble, recovery: CloudDouble, backup_file: Path
):
    cloud.fail(".* /v1/", 503, times=100)
    with pytest.raises(ServerError):
        backups.upload(backup_file, kind="auto")
    with pytest.raises(ServerError):
        backups.delete_all()
    assert recovery.requests == []


def test_link_to_another_machine_without_https_is_refused(backups: CloudBackups, cloud: CloudDouble, tmp_path: Path):
    cloud.add(b"x")
    checksum = base64.b64encode(bytes(32)).decode()
    link = '{"method": "GET", "url": "http://192.0.2.1/x", "headers": {}, "expires_at": ""}'
    cloud.fail("POST /v1/devices", 200, body=f'{{"download": {link}, "size": 1, "sha256": "{checksum}"}}')
    with pytest.raises(UsageError, match="https"):
        backups.download(backups.versions()[0], tmp_path / "back.enc")


def test_deletion_is_asked_for_until_nothing_is_left(backups: CloudBackups, cloud: CloudDouble):
    cloud.delete_at_most = 2
    for _ in range(5):
        cloud.add(b"x")
    cloud.add(b"x", subject="somebody else")
    steps: list[int] = []
    assert backups.delete_all(progress=steps.append) == 5
    assert steps == [2, 4]
    assert [each.subject for each in cloud.stored] == ["somebody else"]


def test_deletion_waits_for_copies_between_regions(backups: CloudBackups, cloud: CloudDouble, waits: list[float]):
    cloud.add(b"x")
    cloud.fail("DELETE /v1/backups", 200, body='{"deleted": 0, "remaining": 1}', times=2)
    assert backups.delete_all() == 1
    assert len(waits) == 2


def test_deletion_that_does_not_get_on_is_told(backups: CloudBackups, cloud: CloudDouble):
    cloud.fail("DELETE /v1/backups", 200, body='{"deleted": 2, "remaining": 3}')
    cloud.fail("DELETE /v1/backups", 200, body='{"deleted": 0, "remaining": 3}', times=100)
    with pytest.raises(ServerError, match="3 that stay, and 2 that are gone"):
        backups.delete_all()


def test_server_that_names_a_later_time_is_not_waited_for(
    backups: CloudBackups, cloud: CloudDouble, waits: list[float]
):
    body = '{"error": {"code": "recovery-region-silent", "expected": "e", "found": "f", "do": "Ask later."}}'
    cloud.fail("DELETE /v1/backups", 503, headers={"Retry-After": "300"}, body=body)
    with pytest.raises(ServerError, match=r"expected e, found HTTP 503 f: try again after .*; Ask later\."):
        backups.delete_all()
    assert waits == []


def test_archived_version_that_is_being_fetched_is_told(backups: CloudBackups, cloud: CloudDouble, tmp_path: Path):
    cloud.add(b"x", kind="manual")
    body = '{"error": {"code": "archived", "message": "m", "expected": "e", "found": "f", "do": "Ask again then."}}'
    cloud.fail("POST /v1/devices", 409, headers={"Retry-After": "18000"}, body=body)
    with pytest.raises(ArchivedError, match="Ask again then"):
        backups.download(backups.versions()[0], tmp_path / "back.enc")


def test_version_without_a_checksum_comes_by_its_size(backups: CloudBackups, cloud: CloudDouble, tmp_path: Path):
    stored = cloud.add(b"twelve bytes")
    cloud.links["known"] = {"GET": stored}
    link = f'{{"method": "GET", "url": "{cloud.origin}/storage?signature=known"}}'
    cloud.fail("POST /v1/devices", 200, body=f'{{"download": {link}, "size": 12, "sha256": null}}')
    backups.download(backups.versions()[0], tmp_path / "back.enc")
    assert (tmp_path / "back.enc").read_bytes() == b"twelve bytes"
