"""DELETE /v1/backups: nothing of the user remains, in either region, and everything of the others."""

import itertools

import pytest

from lab.cloud import Cloud
from recovery.device_backups import bucket as bucket_module
from recovery.device_backups.deletion import Deletion, delete_everything
from tests.age_files import age_file
from tests.lambdas.conftest import Context
from tests.lambdas.device_backups.phones import Phone, Storage, owner, tell


def fill(storage: Storage, subject: str = "user-1") -> int:
    """Backups of two devices in both regions; returns how many versions."""
    for device, kind in itertools.product(("phone", "tablet"), ("auto", "manual")):
        for content in (age_file(), age_file()):
            storage.copy_to_replica(Phone(subject, device).upload(content, kind=kind), content)
    return 16


def test_every_version_goes_in_both_regions(phone: Phone, storage: Storage) -> None:
    count = fill(storage)
    assert phone.delete().body == {"deleted": count, "remaining": 0}
    assert storage.keys() == storage.keys(storage.replica) == []
    assert phone.delete().body == {"deleted": 0, "remaining": 0}


def test_others_keep_everything(phone: Phone, storage: Storage) -> None:
    fill(storage, "user-10")
    before = storage.keys(), storage.keys(storage.replica)
    fill(storage)
    phone.delete()
    assert (storage.keys(), storage.keys(storage.replica)) == before


def test_delete_markers_go_too(phone: Phone, storage: Storage) -> None:
    key = phone.upload(age_file())
    storage.primary.client.delete_object(Bucket=storage.primary.name, Key=key)
    assert phone.delete().body == {"deleted": 2, "remaining": 0}
    assert storage.keys() == []


def test_many_versions_go_page_by_page(phone: Phone, storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    count = fill(storage)
    monkeypatch.setattr(bucket_module, "DELETABLE_VERSIONS", 3)
    assert phone.delete().body == {"deleted": count, "remaining": 0}


def test_what_there_is_no_time_for_remains_and_goes_at_the_next_call(
    phone: Phone, storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = fill(storage)
    monkeypatch.setattr(bucket_module, "DELETABLE_VERSIONS", 3)
    answers = iter([True, True])
    first = delete_everything(storage.primary, storage.replica, owner(), time_left=lambda: next(answers, False))
    assert first == Deletion(deleted=4, remaining=9)  # one look counts no further than a page
    assert phone.delete().body == {"deleted": count - 4, "remaining": 0}


def test_no_page_is_begun_too_late(storage: Storage) -> None:
    fill(storage)
    answer = Phone("user-1", context=Context(remaining_seconds=15)).delete()
    assert answer.body == {"deleted": 0, "remaining": 16}


def test_backup_whose_copy_is_on_its_way_waits_for_it(phone: Phone, storage: Storage) -> None:
    content = age_file()
    key = phone.upload(content)
    status = {"ReplicationStatus": "PENDING"}
    tell(storage, "HeadObject", status)
    assert phone.delete().body == {"deleted": 0, "remaining": 1}
    storage.copy_to_replica(key, content)
    status["ReplicationStatus"] = "COMPLETED"
    assert phone.delete().body == {"deleted": 2, "remaining": 0}


def test_copy_that_failed_is_not_waited_for(phone: Phone, storage: Storage) -> None:
    phone.upload(age_file())
    tell(storage, "HeadObject", {"ReplicationStatus": "FAILED"})
    assert phone.delete().body == {"deleted": 1, "remaining": 0}
    assert storage.keys() == []


def test_silent_recovery_region_is_told_and_its_copies_are_not_forgotten(
    phone: Phone, storage: Storage, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(storage)
    # A region of its own, for the emulator is shared and no region comes back.
    cloud.press("lose-region", "eu-north-1")
    monkeypatch.setenv("REPLICA_REGION", "eu-north-1")
    answer = phone.delete()
    assert (answer.status, answer.code, answer.headers["retry-after"]) == (503, "recovery-region-silent", "300")
    assert "8 versions were deleted in the primary region" in answer.body["error"]["found"]
    assert storage.keys() == []
    assert len(storage.keys(storage.replica)) == 8


def test_copies_are_deleted_once_the_region_answers_again(phone: Phone, storage: Storage) -> None:
    content = age_file()
    storage.copy_to_replica(f"auto-backups/{owner().user}/phone", content)
    assert phone.delete().body == {"deleted": 1, "remaining": 0}


def test_version_that_s3_keeps_is_a_fault_and_not_a_success(phone: Phone, storage: Storage) -> None:
    phone.upload(age_file())
    tell(storage, "DeleteObjects", {"Errors": [{"Code": "AccessDenied"}]})
    answer = phone.delete()
    assert (answer.status, answer.code) == (500, "internal")


def test_refusal_of_the_recovery_region_is_no_silence(
    phone: Phone, storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(storage)
    monkeypatch.setenv("REPLICA_BUCKET", "no-such-bucket-of-ours")
    answer = phone.delete()
    assert (answer.status, answer.code) == (503, "unavailable")
