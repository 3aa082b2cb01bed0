"""GET /v1/backups and the links to what it lists, in either region."""

from http import HTTPStatus
from typing import Any

import pytest

from lambdas.shared import aws
from recovery.device_backups.keys import Owner
from recovery.device_backups.listing import Backup, list_backups
from tests.age_files import age_file, sha256
from tests.lambdas.conftest import REGION
from tests.lambdas.device_backups.phones import RECOVERY, Phone, Storage, fail, owner, send, tell


def test_user_without_backups_has_an_empty_list(phone: Phone) -> None:
    answer = phone.listing()
    assert (answer.status, answer.body) == (HTTPStatus.OK, {"backups": [], "next": None})
    assert answer.headers["cache-control"] == "no-store"


def test_backups_are_listed_with_their_newest(phone: Phone) -> None:
    sizes = [len(content) for content in (age_file(100), age_file(200))]
    for size in (100, 200):
        phone.upload(age_file(size))
    for _ in range(2):
        phone.upload(age_file(300), kind="manual")
    backups = phone.listing().body["backups"]
    assert [(each["kind"], each["newest"]) for each in backups] == [
        ("auto", True),
        ("auto", False),
        ("manual", False),
        ("manual", True),
    ]
    assert [each["size"] for each in backups[:2]] == sizes[::-1]
    assert {each["device"] for each in backups} == {"phone"}
    assert all(each["created_at"].endswith("+00:00") and each["verified"] is None for each in backups)


def test_list_can_be_of_one_device_though_others_begin_alike(storage: Storage) -> None:
    del storage
    for device in ("phone", "phone-2", "phon"):
        for kind in ("auto", "manual"):
            Phone("user-1", device).upload(age_file(), kind=kind)
    backups = Phone("user-1").listing(device="phone").body["backups"]
    assert [(each["device"], each["kind"]) for each in backups] == [("phone", "auto"), ("phone", "manual")]


@pytest.mark.parametrize("size", [1, 2, 3, 4, 100])
def test_pages_of_any_size_put_together_are_the_list(storage: Storage, size: int) -> None:
    for device in ("a", "b"):
        for kind in ("auto", "manual"):
            for _ in range(3):
                Phone("user-1", device).upload(age_file(10), kind=kind)
    whole = list_backups(storage.primary, owner(), device=None, token=None).backups
    found: list[Backup] = []
    token = None
    while True:
        page = list_backups(storage.primary, owner(), device=None, token=token, page_versions=size)
        assert len(page.backups) <= size
        found += page.backups
        token = page.next
        if token is None:
            break
    assert tuple(found) == whole
    assert len(whole) == 12
    assert [(each.device, each.kind) for each in whole if each.newest] == [
        (device, kind) for kind in ("auto", "manual") for device in ("a", "b")
    ]


@pytest.mark.parametrize("token", ["", "x", "bm9uc2Vuc2U=", "WyJhdXRvIl0=", "WyJvdGhlciIsICIiLCAiIl0=", "ü", "e30="])
def test_token_that_no_page_gave_is_refused(phone: Phone, token: str) -> None:
    assert phone.listing(next=token).code == "bad-token"


def test_finding_of_the_verification_is_told(phone: Phone, storage: Storage) -> None:
    for tag in ("true", "false", "perhaps"):
        key = phone.upload(age_file())
        version = phone.versions()[0]
        storage.primary.tag(key, version, {"verified": tag})
    assert [each["verified"] for each in phone.listing().body["backups"]] == [None, False, True]


@pytest.mark.parametrize("kind", ["auto", "manual"])
def test_link_gives_exactly_the_version_that_was_asked_for(phone: Phone, kind: str) -> None:
    contents = [age_file(size) for size in (50, 60, 70)]
    for content in contents:
        phone.upload(content, kind=kind)
    versions = phone.versions()
    for version, content in zip(versions, contents[::-1] if kind == "auto" else contents, strict=True):
        answer = phone.download(version, kind=kind)
        assert (answer.status, answer.body["size"], answer.body["sha256"]) == (200, len(content), sha256(content))
        got = send(answer.body["download"])
        assert (got.status, got.data) == (200, content)


def test_link_for_reading_does_not_write(phone: Phone) -> None:
    phone.upload(age_file())
    link = phone.download(phone.versions()[0]).body["download"]
    assert send(link | {"method": "PUT"}, b"other").status == 403
    assert send(link | {"method": "DELETE"}).status == 403


@pytest.mark.parametrize(
    "version", ["missing", "00000000-0000-4000-8000-000000000000", "a" * 1024, "20261124T201501000042Z"]
)
@pytest.mark.parametrize("kind", ["auto", "manual"])
def test_version_that_is_not_there_is_not_found(phone: Phone, version: str, kind: str) -> None:
    phone.upload(age_file())
    answer = phone.download(version, kind=kind)
    assert (answer.status, answer.code) == (HTTPStatus.NOT_FOUND, "no-such-backup")


@pytest.mark.parametrize("code", ["400", "403"])
def test_backup_that_cannot_be_decrypted_just_now_is_not_called_missing(
    phone: Phone, storage: Storage, code: str
) -> None:
    phone.upload(age_file())
    (version,) = phone.versions()
    fail(storage, "HeadObject", code)  # so a key that is switched off is told to a HEAD
    assert phone.download(version).code == "unavailable"
    assert phone.begin(age_file()).code == "unavailable"


@pytest.mark.parametrize("version", ["", "a/b", "../x", "ü", "a" * 1025, "a b"])
def test_version_that_cannot_be_one_is_refused(phone: Phone, version: str) -> None:
    assert phone.download(version).code == "bad-version"


def test_kind_that_is_none_is_refused(phone: Phone) -> None:
    assert phone.download("x", kind="weekly").code == "bad-kind"


def test_nobody_sees_or_reaches_anothers_backups(phone: Phone) -> None:
    phone.upload(age_file())
    phone.upload(age_file(), kind="manual")
    backups = phone.listing().body["backups"]
    thieves = ["user-2", "user-1/", "user-1 ", "USER-1", owner().user, f"auto-backups/{owner().user}", "*", "../user-1"]
    for thief in map(Phone, thieves):
        assert thief.listing().body == {"backups": [], "next": None}
        for each in backups:
            assert thief.download(each["version"], kind=each["kind"]).code == "no-such-backup"


def test_token_of_anothers_list_shows_nothing_of_theirs(phone: Phone, storage: Storage) -> None:
    for _ in range(2):
        phone.upload(age_file())
    token = list_backups(storage.primary, owner(), device=None, token=None, page_versions=1).next
    assert token is not None
    assert list_backups(storage.primary, Owner.of("user-2"), device=None, token=token).backups == ()


def test_recovery_region_serves_its_own_copies(phone: Phone, storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    content = age_file()
    storage.copy_to_replica(phone.upload(content), content)
    monkeypatch.setenv("DEVICE_BUCKET", storage.replica.name)
    monkeypatch.setenv("AWS_REGION", RECOVERY)
    for variable in ("REPLICA_BUCKET", "REPLICA_REGION", "ENCRYPTION_KEY_ARN", "QUOTA_TABLE"):
        monkeypatch.delenv(variable)
    (version,) = phone.versions()
    link = phone.download(version).body["download"]
    assert f"{RECOVERY}%2Fs3" in link["url"]
    assert send(link).data == content


def archived(storage: Storage, restore: str | None) -> list[Any]:
    """Let S3 tell of every object that it lies in Glacier; the requests to bring one back are collected."""
    asked: list[Any] = []

    def collect(params: dict[str, Any], **_: Any) -> Any:
        asked.append(params["body"])
        return type("Taken", (), {"status_code": 202})(), {}

    tell(storage, "HeadObject", {"StorageClass": "GLACIER"} | ({"Restore": restore} if restore else {}))
    storage.primary.client.meta.events.register("before-call.s3.RestoreObject", collect)
    assert aws.device_s3(REGION) is storage.primary.client
    return asked


def test_archived_backup_is_fetched_and_the_device_asked_to_wait(phone: Phone, storage: Storage) -> None:
    phone.upload(age_file(), kind="manual")
    (version,) = phone.versions()
    asked = archived(storage, None)
    answer = phone.download(version, kind="manual")
    assert (answer.status, answer.code, answer.headers["retry-after"]) == (409, "archived", "18000")
    assert len(asked) == 1
    assert b"<Days>7</Days>" in asked[0]


@pytest.mark.parametrize(
    ("restore", "status"),
    [('ongoing-request="true"', 409), ('ongoing-request="false", expiry-date="Fri, 21 Dec 2029 00:00:00 GMT"', 200)],
)
def test_backup_on_its_way_out_of_the_archive_is_not_asked_for_twice(
    phone: Phone, storage: Storage, restore: str, status: int
) -> None:
    phone.upload(age_file(), kind="manual")
    (version,) = phone.versions()
    asked = archived(storage, restore)
    assert phone.download(version, kind="manual").status == status
    assert asked == []
