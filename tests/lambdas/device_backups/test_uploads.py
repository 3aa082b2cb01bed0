"""POST /v1/devices/{device}/backups, and what its links take."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest

from lambdas.shared import aws
from recovery.device_backups import bucket as bucket_module
from recovery.device_backups.bucket import DeviceBucket, signed_headers
from recovery.device_backups.quota import DailyQuota
from recovery.device_backups.refusals import RefusedError
from tests.age_files import age_file, sha256
from tests.lambdas.device_backups.phones import MAX_BYTES, Phone, Storage, owner, send

PINNED = {
    "content-length",
    "host",
    "x-amz-checksum-sha256",
    "x-amz-server-side-encryption",
    "x-amz-server-side-encryption-aws-kms-key-id",
}


def test_link_pins_length_checksum_and_encryption(phone: Phone) -> None:
    link = phone.begin(age_file()).body["upload"]
    assert signed_headers(link["url"]) == PINNED | {"if-none-match"}
    assert set(link["headers"]) == signed_headers(link["url"]) - {"host"}


def test_link_is_of_signature_version_4_at_the_regions_own_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(variable, raising=False)
    session = boto3.Session(aws_access_key_id="x", aws_secret_access_key="y", aws_session_token="z")
    untyped: Any = session
    client = untyped.client("s3", region_name="ap-south-1", config=aws.PROMPT)
    bucket = DeviceBucket(client, "some-bucket")
    now = datetime.now(UTC)
    link = bucket.upload_link("k", size=1, sha256=sha256(b"1"), encryption_key_arn="arn", replaces='"etag"', now=now)
    address = urlsplit(link.url)
    query = parse_qs(address.query)
    assert (address.scheme, address.netloc) == ("https", "some-bucket.s3.ap-south-1.amazonaws.com")
    assert query["X-Amz-Algorithm"] == ["AWS4-HMAC-SHA256"]
    assert query["X-Amz-Expires"] == ["900"]
    assert "/ap-south-1/s3/aws4_request" in query["X-Amz-Credential"][0]
    assert signed_headers(link.url) == PINNED | {"if-match"}
    assert link.expires_at == now + timedelta(minutes=15)


def test_upload_lies_under_the_subjects_own_prefix_encrypted_and_with_its_checksum(
    phone: Phone, storage: Storage
) -> None:
    content = age_file()
    key = phone.upload(content)
    assert key == f"auto-backups/{owner().user}/phone"
    found = storage.primary.client.head_object(Bucket=storage.primary.name, Key=key, ChecksumMode="ENABLED")
    assert found.get("ServerSideEncryption") == "aws:kms"
    assert found.get("ChecksumSHA256") == sha256(content)


def test_manual_backups_have_a_key_each(phone: Phone, storage: Storage) -> None:
    keys = [phone.upload(age_file(), kind="manual") for _ in range(2)]
    assert keys == sorted(set(keys))
    assert storage.keys() == keys


def test_link_works_once(phone: Phone) -> None:
    content = age_file()
    for body in (content, age_file()):
        link = phone.begin(body).body["upload"]
        assert [send(link, body).status for _ in range(3)] == [200, 412, 412]


def test_of_two_uploads_begun_at_once_only_one_arrives(phone: Phone, storage: Storage) -> None:
    phone.upload(age_file())
    contents = [age_file(), age_file()]
    links = [phone.begin(content).body["upload"] for content in contents]
    assert sorted(send(*each).status for each in zip(links, contents, strict=True)) == [200, 412]
    assert len(storage.keys()) == 2


def test_other_bytes_than_announced_are_refused(phone: Phone, storage: Storage) -> None:
    content = age_file()
    link = phone.begin(content).body["upload"]
    other = bytes([content[0] ^ 1]) + content[1:]
    assert send(link, other).status == 400
    assert send(link, other, x_amz_checksum_sha256=sha256(other)).status == 403
    assert storage.keys() == []


@pytest.mark.parametrize("difference", [-1, 1])
def test_another_length_than_announced_is_refused(phone: Phone, storage: Storage, difference: int) -> None:
    content = age_file()
    link = phone.begin(content).body["upload"]
    other = content + b"x" if difference > 0 else content[:-1]
    assert send(link, other, content_length=str(len(other))).status == 403
    assert storage.keys() == []


@pytest.mark.parametrize(
    "change",
    [
        {"x_amz_server_side_encryption": "AES256"},
        {"x_amz_server_side_encryption_aws_kms_key_id": "arn:aws:kms:ap-south-1:999999999999:key/theirs"},
        {"if_none_match": "something"},
    ],
)
def test_changed_header_is_refused(phone: Phone, change: dict[str, str]) -> None:
    content = age_file()
    assert send(phone.begin(content).body["upload"], content, **change).status == 403


def test_link_to_another_key_is_refused(phone: Phone) -> None:
    content = age_file()
    link = phone.begin(content).body["upload"]
    theirs = link | {"url": link["url"].replace(owner().user, owner("user-2").user)}
    assert send(theirs, content).status == 403


def test_late_upload_is_refused(phone: Phone, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bucket_module, "LINK_LIFETIME", timedelta(seconds=1))
    content = age_file()
    link = phone.begin(content).body["upload"]
    time.sleep(2.1)
    assert send(link, content).status == 403


@pytest.mark.parametrize("kind", ["auto", "manual"])
def test_backup_that_is_there_is_not_uploaded_again(phone: Phone, kind: str) -> None:
    content = age_file()
    phone.upload(content, kind=kind)
    again = phone.begin(content, kind=kind)
    assert (again.status, again.code) == (HTTPStatus.CONFLICT, "already-there")
    assert Phone("user-1", "other").begin(content, kind=kind).status == 201
    phone.upload(age_file(), kind=kind)
    assert phone.begin(content, kind=kind).status == 201


def test_largest_backup_is_taken_and_no_larger(phone: Phone) -> None:
    body = {"size": MAX_BYTES, "sha256": sha256(b""), "kind": "auto"}
    assert phone.begin(body=body).status == 201
    refused = phone.begin(body=body | {"size": MAX_BYTES + 1})
    assert (refused.status, refused.code) == (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too-large")
    assert refused.body["error"]["expected"] == f"at most {MAX_BYTES} bytes"


GOOD = {"size": 10, "sha256": sha256(b""), "kind": "auto"}


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ("", "body"),
        ("nonsense", "body"),
        ("[" * 100_000, "body"),
        ("[]", "body"),
        ("{}", "size"),
        (GOOD | {"size": 0}, "size"),
        (GOOD | {"size": -1}, "size"),
        (GOOD | {"size": "10"}, "size"),
        (GOOD | {"size": 10.5}, "size"),
        (GOOD | {"size": True}, "size"),
        (GOOD | {"size": None}, "size"),
        (GOOD | {"sha256": ""}, "sha256"),
        (GOOD | {"sha256": "x" * 44}, "sha256"),
        (GOOD | {"sha256": sha256(b"")[:-1]}, "sha256"),
        (GOOD | {"sha256": sha256(b"") + "\n"}, "sha256"),
        (GOOD | {"sha256": sha256(b"")[:-2] + "V="}, "sha256"),
        (GOOD | {"kind": "weekly"}, "kind"),
        (GOOD | {"kind": ["auto"]}, "kind"),
        (GOOD | {"key": "auto-backups/other"}, "key"),
        (GOOD | {"x" * 10_000: 1}, "xxx"),
    ],
)
def test_body_that_cannot_be_used_is_refused_with_the_fields_name(phone: Phone, body: object, named: str) -> None:
    refused = phone.begin(body=body if isinstance(body, str) else json.dumps(body))
    assert (refused.status, refused.code) == (HTTPStatus.BAD_REQUEST, "bad-request")
    assert named in refused.body["error"]["found"]
    assert len(json.dumps(refused.body)) < 2000


def test_size_may_be_written_as_json_writes_whole_numbers(phone: Phone) -> None:
    assert phone.begin(body=GOOD | {"size": 10.0}).body["upload"]["headers"]["content-length"] == "10"


@pytest.mark.parametrize("device", ["", "..", "a/b", "Phone", "ü", "a" * 65])
def test_device_without_a_usable_name_is_refused(storage: Storage, device: str) -> None:
    del storage
    assert Phone("user-1", device).begin(age_file()).code == "bad-device"


@pytest.mark.parametrize("subject", [None, "", 7])
def test_token_that_names_nobody_is_refused(storage: Storage, subject: object) -> None:
    del storage
    refused = Phone(subject).begin(age_file())
    assert (refused.status, refused.code) == (HTTPStatus.UNAUTHORIZED, "no-subject")


def test_uploads_of_a_day_are_bounded_even_when_asked_for_at_once(
    phone: Phone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UPLOADS_PER_DAY", "3")
    with ThreadPoolExecutor(8) as askers:
        phones = [Phone("user-1", f"phone-{number}") for number in range(12)]
        answers = list(askers.map(Phone.begin, phones, [age_file()] * len(phones)))
    assert sorted(answer.status for answer in answers) == [201] * 3 + [429] * 9
    refused = next(answer for answer in answers if answer.status == 429)
    assert refused.code == "daily-quota"
    assert 0 < int(refused.headers["retry-after"]) <= 86_401
    assert Phone("user-2").begin(age_file()).status == 201
    del phone


def test_next_day_begins_anew(phone: Phone, storage: Storage) -> None:
    del phone
    quota = DailyQuota(aws.dynamodb(), storage.primary.name, uploads=1)
    evening = datetime(2026, 11, 24, 23, 59, 30, tzinfo=UTC)
    quota.take(owner(), evening)
    with pytest.raises(RefusedError, match="at most 1 uploads a user and day") as refused:
        quota.take(owner(), evening)
    assert refused.value.retry_after_seconds == 31
    quota.take(owner(), evening + timedelta(seconds=31))


def test_what_is_refused_does_not_count(phone: Phone, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UPLOADS_PER_DAY", "1")
    assert phone.begin(body={}).status == 400
    assert phone.begin(body={"size": MAX_BYTES + 1, "sha256": sha256(b""), "kind": "auto"}).status == 413
    content = age_file()
    phone.upload(content)
    assert phone.begin(content).status == 409
    assert phone.begin(age_file()).status == 429


def test_failure_of_aws_is_told_without_its_words(phone: Phone, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUOTA_TABLE", "missing")
    answer = phone.begin(age_file())
    assert (answer.status, answer.code, answer.headers["retry-after"]) == (503, "unavailable", "30")
    assert "missing" not in json.dumps(answer.body)


def test_fault_of_ours_is_told_without_a_traceback(
    phone: Phone, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("ENCRYPTION_KEY_ARN")
    answer = phone.begin(age_file())
    assert (answer.status, answer.code) == (500, "internal")
    assert "ENCRYPTION_KEY_ARN" not in json.dumps(answer.body)
    assert "ENCRYPTION_KEY_ARN" in caplog.text


def test_link_that_leaves_a_header_unsigned_is_never_given(storage: Storage) -> None:
    version_2: Any = storage.primary.client
    client = boto3.client(  # pyright: ignore[reportUnknownMemberType]
        "s3",
        region_name="ap-south-1",
        endpoint_url=version_2.meta.endpoint_url,
        aws_access_key_id="x",
        aws_secret_access_key="y",
        config=aws.PROMPT.merge(aws.Config(signature_version="s3")),
    )
    with pytest.raises(RuntimeError, match="expected every header of the upload to be signed"):
        DeviceBucket(client, "b").upload_link(
            "k", size=1, sha256=sha256(b"1"), encryption_key_arn="arn", replaces=None, now=datetime.now(UTC)
        )
