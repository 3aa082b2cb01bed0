"""Whatever a token's subject is, its user has a prefix of their own and nobody else's."""

import itertools
from datetime import UTC, datetime

import pytest

from recovery.device_backups.keys import KINDS, BackupKey, Owner, parse_key, require_device, stamp_of
from recovery.device_backups.refusals import RefusedError

SUBJECTS = [
    "a",
    "ab",
    "a/b",
    "a/",
    "/a",
    "..",
    "../a",
    "a/../b",
    ".",
    " ",
    "\0",
    "A",
    "ä",
    "a\u0308",  # the same letter in two characters is another subject
    "मुंबई",
    "🦊",
    "auth0|5f7c8ec7c33c6c004bbafe82",
    "x" * 100_000,
    "auto-backups/",
    "%2e%2e%2f",
]


@pytest.mark.parametrize("kind", KINDS)
def test_no_prefix_is_the_beginning_of_another(kind: str) -> None:
    prefixes = [Owner.of(subject).prefix("auto" if kind == "auto" else "manual") for subject in SUBJECTS]
    assert len(set(prefixes)) == len(SUBJECTS)
    assert not [(one, other) for one, other in itertools.permutations(prefixes, 2) if other.startswith(one)]


@pytest.mark.parametrize("subject", SUBJECTS)
def test_every_key_of_a_subject_reads_back_as_theirs(subject: str) -> None:
    owner = Owner.of(subject)
    stamp = stamp_of(datetime(2026, 11, 24, 20, 15, 1, 42, tzinfo=UTC))
    assert parse_key(owner.auto_key("phone-2")) == BackupKey("auto", owner.user, "phone-2", None)
    assert parse_key(owner.manual_key("phone-2", stamp)) == BackupKey(
        "manual", owner.user, "phone-2", "20261124T201501000042Z"
    )


@pytest.mark.parametrize("subject", ["", None, 7, ["a"], {"sub": "a"}, True, "\ud800"])
def test_claim_that_names_nobody_is_refused(subject: object) -> None:
    with pytest.raises(RefusedError) as refused:
        Owner.of(subject)
    assert (refused.value.status, refused.value.body["error"]["code"]) == (401, "no-subject")


def test_user_is_the_sha256_of_the_subject() -> None:
    # Where the backups of all existing users lie depends on it.
    assert Owner.of("asha@example.com").user == "ea4e36a829983d27e865b649cd10fcb61f2f1bcd857b47ab709e7adbe941ab68"


@pytest.mark.parametrize("device", ["phone", "0", "-", "a" * 64, "pixel-8-of-asha"])
def test_device_may_be_named_so(device: str) -> None:
    assert require_device(device) == device


@pytest.mark.parametrize("device", ["", "Phone", "a/b", "..", "a.b", "ä", "a b", "a" * 65, "phone\n", "é" * 100_000])
def test_device_may_not_be_named_so(device: str) -> None:
    with pytest.raises(RefusedError, match="the device's name cannot be used") as refused:
        require_device(device)
    assert len(refused.value.body["error"]["found"]) < 1000


@pytest.mark.parametrize(
    "key",
    [
        "auto-backups/x/phone",
        f"auto-backups/{'0' * 64}/",
        f"auto-backups/{'0' * 64}/a/b",
        f"auto-backups/{'0' * 64}/phone/20261124T201501000042Z",
        f"manual-backups/{'0' * 64}/phone",
        f"manual-backups/{'0' * 64}/phone/today",
        f"other/{'0' * 64}/phone",
        f"/auto-backups/{'0' * 64}/phone",
    ],
)
def test_key_of_another_form_is_none_of_ours(key: str) -> None:
    assert parse_key(key) is None


def test_stamps_sort_in_the_order_of_time() -> None:
    moments = [
        datetime(2026, 1, 1, tzinfo=UTC),
        datetime(2026, 1, 1, 0, 0, 0, 1, tzinfo=UTC),
        datetime(2027, 1, 1, tzinfo=UTC),
    ]
    assert sorted(map(stamp_of, moments)) == list(map(stamp_of, moments))
