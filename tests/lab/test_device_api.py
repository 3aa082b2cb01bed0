"""The device API as deployed: a lost phone's backups, other people's tokens, and the document run against it.

The tests stand in an order: the last ones lose the primary region.
"""

import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from device.cloud.account import AccountFile
from device.cloud.backups import CloudBackups
from device.schema import synthetic
from lab import readback
from lab.cloud import LabError, running_cloud
from lab.deployment import bootstrap, deploy, synthesize
from lab.device_cloud import PRIMARY, RECOVERY, DeviceCloud
from lab.polling import wait_for
from tests.age_files import age_file, sha256
from tests.infrastructure.assemblies import ROOT
from tests.lab.issuer import AUDIENCE, Issuer, new_key, running_issuer
from tests.lab.phones import Phone, running_sign_in

Phones = Callable[[str], Phone]
PASSWORD = "Correct-horse-1"
NO_TOKEN = {"message": "Unauthorized"}


@dataclass(frozen=True)
class User:
    """Somebody who is signed in, and what their phone does."""

    devices: DeviceCloud
    email: str
    token: str

    def upload(self, content: bytes, *, device: str = "phone", kind: str = "auto") -> None:
        begun = self.begin(content, device=device, kind=kind)
        assert begun.status == 201, begun.data
        sent = self.devices.send(begun.json()["upload"], content)
        assert sent.status == 200, sent.data

    def begin(self, content: bytes, *, device: str = "phone", kind: str = "auto") -> Any:
        body = {"size": len(content), "sha256": sha256(content), "kind": kind}
        return self.call("POST", f"/v1/devices/{device}/backups", body=body)

    def backups(self, stack: str = PRIMARY) -> list[dict[str, Any]]:
        answer = self.call("GET", "/v1/backups", stack=stack)
        assert answer.status == 200, answer.data
        return answer.json()["backups"]

    def verified(self) -> list[dict[str, Any]]:
        """The backups, once somebody has looked at each of them."""
        return wait_for("the verification", lambda: self._if_looked_at(self.backups()), seconds=20)

    def download(self, backup: dict[str, Any], stack: str = PRIMARY) -> bytes:
        path = f"/v1/devices/{backup['device']}/backups/{backup['version']}/download?kind={backup['kind']}"
        answer = self.call("POST", path, stack=stack)
        assert answer.status == 200, answer.data
        return self.devices.send(answer.json()["download"]).data

    def call(self, method: str, path: str, *, stack: str = PRIMARY, body: object = None) -> Any:
        return self.devices.call(method, path, token=self.token, stack=stack, body=body)

    @staticmethod
    def _if_looked_at(backups: list[dict[str, Any]]) -> list[dict[str, Any]] | None:
        return None if any(each["verified"] is None for each in backups) else backups


@pytest.fixture(scope="module")
def devices() -> Iterator[DeviceCloud]:
    with running_cloud(waits=False) as cloud:
        assembly = synthesize(cloud)
        bootstrap(cloud, assembly)
        devices = DeviceCloud(cloud, deploy(cloud, assembly, lambda _: None, only=[PRIMARY]))
        devices.replicate()
        yield devices


def sign_in(devices: DeviceCloud, email: str, *, new: bool = True) -> User:
    if new:
        devices.sign_up(email, PASSWORD)
    return User(devices, email, devices.sign_in(email, PASSWORD).access)


@pytest.fixture(scope="module")
def asha(devices: DeviceCloud) -> User:
    return sign_in(devices, "asha@example.com")


@pytest.fixture(scope="module")
def ravis_phones(devices: DeviceCloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Phones]:
    """New phones on which Ravi has signed in."""
    devices.sign_up("ravi@example.com", PASSWORD)

    with running_sign_in(devices) as issuer:

        def phone(name: str) -> Phone:
            phone = Phone(tmp_path_factory.mktemp(name), devices, issuer)
            phone.sign_in("ravi@example.com", PASSWORD)
            return phone

        yield phone


def test_lost_phones_backup_is_restored_on_another_phone(devices: DeviceCloud, asha: User) -> None:
    contents = [age_file(), age_file(100_000)]
    for content in contents:
        asha.upload(content)
    other_phone = sign_in(devices, asha.email, new=False)
    newest, older = other_phone.verified()
    assert (newest["newest"], newest["verified"], older["newest"]) == (True, True, False)
    assert other_phone.download(newest) == contents[1]
    assert other_phone.download(older) == contents[0]


def test_lost_phone_and_its_kit_are_enough_for_another_phone(ravis_phones: Phones, tmp_path: Path) -> None:
    first, second = ravis_phones("first"), ravis_phones("second")
    synthetic.create(first.database, transactions=500)
    rows = first.rows()
    key = first.run("keygen", "--out", first.home / "key.txt")["recipient"]
    kit = first.run("recovery-kit", "--out", tmp_path)
    recipients = ("--recipient", key, "--recipient", kit["recipient"])
    made = first.run("create", "--database", first.database, "--into", first.home, *recipients)
    first.run("upload", made["path"])
    shutil.rmtree(first.home)

    (listed,) = second.run("cloud", "list")["backups"]
    assert (listed["size"], listed["kind"], listed["newest"]) == (made["size"], "manual", True)
    got = second.run("download", "--into", second.home)["path"]
    (tmp_path / "passphrase").write_text(kit["passphrase"])
    unlocked = ("--identity", kit["text"], "--passphrase-file", tmp_path / "passphrase")
    second.run("restore", got, "--database", second.database, *unlocked)
    assert second.rows() == rows


def test_what_is_no_backup_is_told(devices: DeviceCloud) -> None:
    user = sign_in(devices, "confused@example.com")
    user.upload(b"SQLite format 3\0" + bytes(4096))
    (backup,) = user.verified()
    assert backup["verified"] is False


def test_deployed_buckets_keep_versions_in_both_regions(devices: DeviceCloud) -> None:
    assert [each for each in readback.device_backups(devices.cloud, devices.deployment) if not each.holds] == []


def test_wrong_password_signs_nobody_in(devices: DeviceCloud, asha: User) -> None:
    with pytest.raises(LabError, match="expected a redirect to the app"):
        devices.sign_in(asha.email, "Wrong-horse-1")


def test_nobody_reaches_anothers_backups(devices: DeviceCloud, asha: User) -> None:
    thief = sign_in(devices, "thief@example.com")
    assert thief.backups() == []
    for backup in asha.backups():
        path = f"/v1/devices/{backup['device']}/backups/{backup['version']}/download"
        answer = thief.call("POST", path)
        assert (answer.status, answer.json()["error"]["code"]) == (404, "no-such-backup")
    assert thief.call("DELETE", "/v1/backups").json() == {"deleted": 0, "remaining": 0}
    assert len(asha.backups()) == 2


def test_link_is_used_once(asha: User) -> None:
    content = age_file()
    link = asha.begin(content, device="tablet").json()["upload"]
    assert [asha.devices.send(link, content).status for _ in range(2)] == [200, 412]


@contextmanager
def trusting(devices: DeviceCloud, issuer: Issuer) -> Generator[None]:
    """Let the deployed authorizer trust another issuer for a while: the pool signs no token that is wrong."""
    clients: Any = devices.cloud.clients(devices.deployment.primary_region)
    gateway = clients._client("apigatewayv2")
    api = devices.api_url().split("/")[-2]
    (authorizer,) = gateway.get_authorizers(ApiId=api)["Items"]

    def trust(configuration: dict[str, Any]) -> None:
        gateway.update_authorizer(ApiId=api, AuthorizerId=authorizer["AuthorizerId"], JwtConfiguration=configuration)

    trust({"Issuer": issuer.url, "Audience": [AUDIENCE]})
    yield
    trust(authorizer["JwtConfiguration"])


@pytest.fixture(scope="class")
def issuer(devices: DeviceCloud) -> Iterator[Issuer]:
    with running_issuer() as issuer, trusting(devices, issuer):
        yield issuer


class TestTokens:
    """An issuer of our own, before and after which the user pool is trusted."""

    def status(self, devices: DeviceCloud, token: str | None) -> int:
        answer = devices.call("GET", "/v1/backups", token=token)
        if answer.status == 401:
            assert answer.json() == NO_TOKEN
        return answer.status

    @pytest.mark.parametrize("audience", [AUDIENCE, [AUDIENCE, "other"]])
    def test_good_token_is_taken(self, devices: DeviceCloud, issuer: Issuer, audience: object) -> None:
        assert self.status(devices, issuer.token(aud=audience)) == 200

    def test_client_id_stands_for_a_missing_audience(self, devices: DeviceCloud, issuer: Issuer) -> None:
        assert self.status(devices, issuer.token(aud=None, client_id=AUDIENCE)) == 200

    @pytest.mark.parametrize(
        "changes",
        [
            {"exp": int(time.time()) - 60},
            {"nbf": int(time.time()) + 3600},
            {"iat": int(time.time()) + 3600},
            {"aud": "another-app"},
            {"aud": None},
            {"aud": None, "client_id": "another-app"},
            {"iss": "https://id.example.com"},
            {"iss": None},
        ],
        ids=[
            "expired",
            "not valid yet",
            "issued in the future",
            "another audience",
            "no audience",
            "another client",
            "another issuer",
            "no issuer",
        ],
    )
    def test_token_with_wrong_claims_is_refused(
        self, devices: DeviceCloud, issuer: Issuer, changes: dict[str, Any]
    ) -> None:
        assert self.status(devices, issuer.token(**changes)) == 401

    def test_forged_token_is_refused(self, devices: DeviceCloud, issuer: Issuer) -> None:
        assert self.status(devices, issuer.token(key=new_key())) == 401
        assert self.status(devices, issuer.token(kid="key-2")) == 401
        assert self.status(devices, issuer.tampered(sub="user-2")) == 401

    def test_token_that_needs_no_signature_is_refused(self, devices: DeviceCloud, issuer: Issuer) -> None:
        assert self.status(devices, issuer.unsigned()) == 401

    def test_token_signed_with_what_everybody_knows_is_refused(self, devices: DeviceCloud, issuer: Issuer) -> None:
        assert self.status(devices, issuer.signed_with_the_public_key()) == 401

    @pytest.mark.parametrize("token", [None, "", "x", "a.b.c", "null"])
    def test_call_without_a_token_is_refused(self, devices: DeviceCloud, issuer: Issuer, token: str | None) -> None:
        del issuer
        assert self.status(devices, token) == 401

    def test_token_of_the_pool_is_one_of_another_issuer_now(
        self, devices: DeviceCloud, issuer: Issuer, asha: User
    ) -> None:
        del issuer
        assert self.status(devices, asha.token) == 401

    def test_token_without_a_subject_is_refused_by_the_function(self, devices: DeviceCloud, issuer: Issuer) -> None:
        answer = devices.call("GET", "/v1/backups", token=issuer.token(sub=None))
        assert (answer.status, answer.json()["error"]["code"]) == (401, "no-subject")


def run_document(devices: DeviceCloud, token: str, folder: Path, *arguments: str) -> None:
    """Run schemathesis on the document; the same seed asks the same."""
    command = [
        str(Path(sys.executable).parent / "schemathesis"),
        *("--config-file", str(Path(__file__).with_name("schemathesis.toml"))),
        *("run", str(ROOT / "docs/api/device-backups.openapi.yaml"), "--url", devices.api_url()),
        *("-H", f"Authorization: Bearer {token}", "--checks", "all"),
        # API Gateway's own answer to a method without a route is 404.
        *("--exclude-checks", "unsupported_method", "--max-examples", "10", "--seed", "1", "--no-color", *arguments),
    ]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


def test_document_says_what_the_api_does(devices: DeviceCloud, tmp_path: Path) -> None:
    user = sign_in(devices, "tester@example.com")
    for kind in ("auto", "manual"):
        user.upload(age_file(), kind=kind)
    run_document(devices, user.token, tmp_path, "--exclude-operation-id", "deleteBackups")
    without_stateful = ("--phases", "examples,coverage,fuzzing")
    run_document(devices, user.token, tmp_path, "--include-operation-id", "deleteBackups", *without_stateful)
    assert user.backups() == []


def test_deletion_reaches_both_regions(devices: DeviceCloud, asha: User) -> None:
    user = sign_in(devices, "leaving@example.com")
    for kind in ("auto", "auto", "manual"):
        user.upload(age_file(), kind=kind)
    assert len(user.backups(RECOVERY)) == 3
    assert user.call("DELETE", "/v1/backups").json() == {"deleted": 6, "remaining": 0}
    assert user.backups() == user.backups(RECOVERY) == []
    assert len(asha.backups(RECOVERY)) == len(asha.backups()) == 3


def test_recovery_region_neither_takes_nor_deletes(asha: User) -> None:
    assert asha.call("DELETE", "/v1/backups", stack=RECOVERY).status == 404
    assert asha.call("POST", "/v1/devices/phone/backups", stack=RECOVERY, body={}).status == 404


def test_without_the_primary_region_people_sign_in_list_and_download(devices: DeviceCloud, asha: User) -> None:
    before = asha.verified()
    contents = [asha.download(backup) for backup in before]
    devices.cloud.press("lose-region", devices.deployment.primary_region)
    new_phone = sign_in(devices, asha.email, new=False)
    copies = new_phone.backups(RECOVERY)
    # On AWS versions and tags are the same too; the emulator gives a copy a version of its own, and no later tags.
    same = ("device", "kind", "size", "newest")
    assert [[each[name] for name in same] for each in copies] == [[each[name] for name in same] for each in before]
    assert [new_phone.download(copy, RECOVERY) for copy in copies] == contents


def test_without_the_primary_region_the_client_reads_the_copies(ravis_phones: Phones, tmp_path: Path) -> None:
    cloud = CloudBackups(AccountFile(ravis_phones("third").account), pause=lambda _: None)
    (backup,) = cloud.versions()
    cloud.download(backup, tmp_path / "backup.enc")
    assert cloud.reads_copies
    assert (tmp_path / "backup.enc").read_bytes().startswith(b"age-encryption.org/v1\n")


def test_lost_region_is_told_as_one_that_does_not_answer(asha: User) -> None:
    answer = asha.call("GET", "/v1/backups")
    assert (answer.status, answer.json()["error"]["code"]) == (503, "unavailable")
