"""What arrives is read, tagged and counted; what is no backup is told."""

import tracemalloc
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lambdas.verify_device_backup.handler import handler
from recovery.device_backups import verification
from tests.age_files import age_file
from tests.emitters import emitted_by
from tests.lambdas.device_backups.phones import MAX_BYTES, Phone, Storage, fail, owner, tell


def event(storage: Storage, key: str, version: str) -> dict[str, Any]:
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html"""
    return {
        "source": "aws.s3",
        "detail-type": "Object Created",
        "detail": {
            "bucket": {"name": storage.primary.name},
            "object": {"key": key, "size": 1, "etag": "x", "version-id": version, "sequencer": "0"},
            "reason": "PutObject",
        },
    }


def put(storage: Storage, content: bytes, **arguments: Any) -> tuple[str, str]:
    """Write past the API; returns key and version."""
    key = owner().auto_key("phone")
    written = storage.primary.client.put_object(Bucket=storage.primary.name, Key=key, Body=content, **arguments)
    return key, written["VersionId"]


def share_client(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the function this test's client, with what is injected into it."""

    def client(_: str) -> Any:
        return storage.primary.client

    monkeypatch.setattr("lambdas.verify_device_backup.handler.s3", client)


def tags(storage: Storage, key: str, version: str) -> dict[str, str]:
    found = storage.primary.client.get_object_tagging(Bucket=storage.primary.name, Key=key, VersionId=version)
    return {tag["Key"]: tag["Value"] for tag in found["TagSet"]}


def metrics(printed: str) -> dict[str, float]:
    return emitted_by("verify_device_backup", printed)


@pytest.mark.parametrize("kind", ["auto", "manual"])
def test_good_backup_is_tagged_and_listed_as_verified(
    phone: Phone, storage: Storage, context: Any, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    key = phone.upload(age_file(150_000), kind=kind)
    version = str(storage.primary.client.head_object(Bucket=storage.primary.name, Key=key).get("VersionId"))
    assert handler(event(storage, key, version), context) == {"verified": True, "reason": None}
    assert tags(storage, key, version) == {"verified": "true"}
    assert metrics(capsys.readouterr().out) == {"DeviceBackupsVerified": 1, "DeviceBackupsRefused": 0}
    assert phone.listing().body["backups"][0]["verified"] is True


BAD = {
    "no-age-header": b"SQLite format 3\0" + b"\0" * 5000,
    "cut": age_file(0)[:-1],
    "too-large": age_file(MAX_BYTES),
}


@pytest.mark.parametrize(("reason", "content"), BAD.items(), ids=BAD)
def test_what_is_no_backup_is_tagged_with_the_reason(
    storage: Storage, context: Any, capsys: pytest.CaptureFixture[str], reason: str, content: bytes
) -> None:
    key, version = put(storage, content, ChecksumAlgorithm="SHA256")
    assert handler(event(storage, key, version), context) == {"verified": False, "reason": reason}
    assert tags(storage, key, version) == {"verified": "false", "reason": reason}
    assert metrics(capsys.readouterr().out) == {"DeviceBackupsVerified": 0, "DeviceBackupsRefused": 1}


def test_empty_object_is_no_backup(storage: Storage, context: Any) -> None:
    key, version = put(storage, b"", ChecksumAlgorithm="SHA256")
    assert handler(event(storage, key, version), context)["reason"] == "no-age-header"


def test_object_without_the_checksum_is_refused(storage: Storage, context: Any) -> None:
    key, version = put(storage, age_file(), ChecksumAlgorithm="CRC32")
    assert handler(event(storage, key, version), context)["reason"] == "no-checksum"


@pytest.mark.parametrize(
    ("told", "reason"),
    [({"ChecksumSHA256": "A" * 43 + "="}, "wrong-checksum"), ({"ContentLength": 5000}, "wrong-size")],
)
def test_content_that_is_not_what_s3_tells_of_it_is_refused(
    storage: Storage, context: Any, told: dict[str, Any], reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, version = put(storage, age_file(), ChecksumAlgorithm="SHA256")
    tell(storage, "HeadObject", told)
    share_client(storage, monkeypatch)
    assert handler(event(storage, key, version), context)["reason"] == reason


@pytest.mark.parametrize("read_bytes", [200, 400, 999, 1199, 1200, 1201])
def test_size_of_the_reads_changes_nothing(
    storage: Storage, context: Any, monkeypatch: pytest.MonkeyPatch, read_bytes: int
) -> None:
    monkeypatch.setattr(verification, "READ_BYTES", read_bytes)
    key, version = put(storage, age_file(1000), ChecksumAlgorithm="SHA256")
    assert handler(event(storage, key, version), context)["verified"] is True


def test_memory_stays_flat_however_large_the_backup_is(
    storage: Storage, context: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAX_BACKUP_BYTES", str(2**30))
    monkeypatch.setattr(verification, "READ_BYTES", 2**20)
    content = age_file(65536 * 400)
    key, version = put(storage, content[: len(content) - len(content) % 65552 + 1000], ChecksumAlgorithm="SHA256")
    tracemalloc.start()
    try:
        handler(event(storage, key, version), context)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 5 * 2**20


def test_another_verification_of_the_same_version_finds_the_same(storage: Storage, context: Any) -> None:
    key, version = put(storage, age_file(), ChecksumAlgorithm="SHA256")
    assert [handler(event(storage, key, version), context)["verified"] for _ in range(2)] == [True, True]


def test_older_version_is_verified_though_a_newer_one_has_come(storage: Storage, context: Any) -> None:
    key, first = put(storage, b"nothing", ChecksumAlgorithm="SHA256")
    _, second = put(storage, age_file(), ChecksumAlgorithm="SHA256")
    for version in (second, first):
        handler(event(storage, key, version), context)
    assert (tags(storage, key, first)["verified"], tags(storage, key, second)["verified"]) == ("false", "true")


def test_version_that_was_deleted_meanwhile_is_no_fault(
    storage: Storage, context: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    key, version = put(storage, age_file(), ChecksumAlgorithm="SHA256")
    storage.primary.client.delete_object(Bucket=storage.primary.name, Key=key, VersionId=version)
    assert handler(event(storage, key, version), context) == {"verified": None}
    assert "_aws" not in capsys.readouterr().out


def test_failure_raises_so_that_the_event_is_kept(
    storage: Storage, context: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, version = put(storage, age_file(), ChecksumAlgorithm="SHA256")
    fail(storage, "PutObjectTagging", "AccessDenied")
    share_client(storage, monkeypatch)
    with pytest.raises(ClientError, match="AccessDenied"):
        handler(event(storage, key, version), context)
