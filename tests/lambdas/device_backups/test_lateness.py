"""The devices whose backups stay away are counted."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lambdas.count_late_devices.handler import handler
from recovery import objectives
from recovery.device_backups.lateness import DeviceCount, count_devices
from tests.age_files import age_file
from tests.emitters import EMITTERS, emitted_by
from tests.lambdas.device_backups.phones import Phone, Storage


def devices(count: int) -> None:
    for number in range(count):
        Phone(f"user-{number}").upload(age_file(1))


@pytest.mark.parametrize(
    ("later", "expected"),
    [
        (timedelta(0), DeviceCount(in_time=5)),
        (objectives.DEVICE_BACKUP_MAX_AGE - timedelta(minutes=5), DeviceCount(in_time=5)),
        (objectives.DEVICE_BACKUP_MAX_AGE + timedelta(minutes=5), DeviceCount(late=5)),
        (objectives.DEVICE_ACTIVE_FOR + timedelta(minutes=5), DeviceCount(inactive=5)),
    ],
    ids=["now", "before 48 h", "after 48 h", "after 30 days"],
)
def test_devices_are_counted_by_the_age_of_their_newest_backup(
    storage: Storage, later: timedelta, expected: DeviceCount
) -> None:
    devices(5)
    count = count_devices(storage.primary.client, storage.primary.name, now=datetime.now(UTC) + later)
    assert count == expected


def test_device_counts_once_whatever_else_it_has(storage: Storage) -> None:
    phone = Phone("user-1")
    for _ in range(3):
        phone.upload(age_file())
    phone.upload(age_file(), kind="manual")
    count = count_devices(storage.primary.client, storage.primary.name, now=datetime.now(UTC))
    assert count == DeviceCount(in_time=1)


def test_every_page_is_counted(storage: Storage) -> None:
    devices(40)

    def two_a_page(params: dict[str, Any], **_: Any) -> None:
        params["query_string"]["max-keys"] = 2

    storage.primary.client.meta.events.register("before-call.s3.ListObjectsV2", two_a_page)
    count = count_devices(storage.primary.client, storage.primary.name, now=datetime.now(UTC))
    assert count == DeviceCount(in_time=40)


@pytest.mark.parametrize(
    ("count", "percent"),
    [
        (DeviceCount(), 0),
        (DeviceCount(inactive=5), 0),
        (DeviceCount(in_time=4, late=1, inactive=95), 20),
        (DeviceCount(late=2), 100),
    ],
)
def test_share_of_the_late_is_of_those_that_are_expected(count: DeviceCount, percent: float) -> None:
    assert count.late_percent == percent


def test_function_publishes_what_it_counted(storage: Storage, context: Any, capsys: pytest.CaptureFixture[str]) -> None:
    del storage
    devices(2)
    assert handler({}, context) == {"in_time": 2, "late": 0, "inactive": 0, "late_percent": 0}
    printed = capsys.readouterr().out
    assert set(emitted_by("count_late_devices", printed)) == EMITTERS["count_late_devices"]
    (metric,) = [json.loads(line) for line in printed.splitlines() if "_aws" in line]
    (directive,) = metric["_aws"]["CloudWatchMetrics"]
    assert directive["Dimensions"] == [["Environment"]]
    assert {each["Name"]: each["Unit"] for each in directive["Metrics"]} == {
        "DevicesInTime": "Count",
        "DevicesLate": "Count",
        "DevicesInactive": "Count",
        "DevicesLatePercent": "Percent",
    }


def test_count_that_cannot_be_had_raises(storage: Storage, context: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    del storage
    monkeypatch.setenv("DEVICE_BUCKET", "no-such-bucket-of-ours")
    with pytest.raises(Exception, match="NoSuchBucket"):
        handler({}, context)
