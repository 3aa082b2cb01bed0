"""The commands of the cloud, as a person uses them: two phones, one of which is lost."""

import re
import shutil
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests

from device import keys
from device.backups import BackupManager
from device.cloud.account import AccountFile
from device.cloud.backups import CloudBackups
from device.schema import synthetic
from tests.device.cloud.double import CLIENT_ID, CloudDouble
from tests.device.commands import error_of, facts_of, run, start

ROWS = 400


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Changes to the home of a phone, which nothing connects to another's."""

    def change(name: str) -> Path:
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        monkeypatch.setenv("HOME", str(folder))
        monkeypatch.setenv("XDG_CONFIG_HOME", str(folder / ".config"))
        return folder

    return change


@pytest.fixture
def phone(home: Callable[[str], Path]) -> Path:
    """A phone with a database."""
    folder = home("phone")
    synthetic.create(folder / "duskspendr.db", transactions=ROWS)
    return folder


@pytest.fixture
def signed_in(phone: Path, account_file: AccountFile) -> Path:
    """The phone, whose user has signed in."""
    place = phone / ".config" / "duskspendr-backup"
    place.parent.mkdir()
    shutil.copytree(account_file.path.parent, place)
    place.chmod(0o700)
    return phone


def sign_in(cloud: CloudDouble, *more: str) -> tuple[int, str, str]:
    """Sign in with the program in a process of its own and a browser beside it; its status and what it said."""
    address = ["--api", cloud.origin, "--issuer", cloud.origin, "--client-id", CLIENT_ID]
    program = start("login", *address, "--no-browser", "--redirect-uri", "http://127.0.0.1:0/callback", *more)
    assert program.stderr is not None
    match = re.fullmatch(r"sign in at (http\S+)\n", said := program.stderr.readline())
    assert match, said
    assert requests.get(match[1], timeout=10).text.endswith("You can close this page.")
    out, err = program.communicate(timeout=20)
    return program.returncode, out, err


def rows_of(database: Path) -> list[str]:
    return list(sqlite3.connect(database).iterdump())


def test_lost_phone_comes_back_on_another_with_the_kit(
    cloud: CloudDouble, phone: Path, home: Callable[[str], Path], tmp_path: Path
):
    before = rows_of(phone / "duskspendr.db")
    key = facts_of("keygen", "--out", phone / "key.txt")["recipient"]
    kit = facts_of("recovery-kit", "--out", tmp_path)
    made = facts_of(
        *("create", "--database", phone / "duskspendr.db", "--into", phone / "backups"),
        *("--recipient", key, "--recipient", kit["recipient"]),
    )
    assert sign_in(cloud)[0] == 0
    facts_of("upload", made["path"])
    shutil.rmtree(phone)

    other = home("other phone")
    assert sign_in(cloud)[0] == 0
    (listed,) = facts_of("cloud", "list")["backups"]
    assert (listed["kind"], listed["size"]) == ("manual", made["size"])
    got = facts_of("download", "--into", other)
    (tmp_path / "passphrase").write_text(kit["passphrase"])
    facts_of(
        *("restore", got["path"], "--database", other / "duskspendr.db"),
        *("--identity", kit["text"], "--passphrase-file", tmp_path / "passphrase"),
    )
    assert rows_of(other / "duskspendr.db") == before


@pytest.mark.usefixtures("phone")
def test_login_keeps_the_tokens_and_shows_none(cloud: CloudDouble):
    status, out, err = sign_in(cloud, "--device", "ashas-phone")
    assert status == 0
    assert "this device is called ashas-phone" in out
    tokens = [*cloud.access_tokens, *cloud.refresh_tokens]
    assert not any(token in out + err for token in tokens)
    assert AccountFile().load().access_token.get_secret_value() in tokens


@pytest.mark.usefixtures("phone")
def test_device_keeps_its_name_when_its_user_signs_in_again(cloud: CloudDouble):
    sign_in(cloud)
    name = AccountFile().load().device
    sign_in(cloud)
    assert AccountFile().load().device == name


@pytest.mark.usefixtures("phone")
def test_login_that_cannot_reach_the_issuer_is_one_error():
    addresses = ["--api", "https://api.invalid", "--issuer", "http://127.0.0.1:9", "--client-id", "x"]
    assert error_of("login", *addresses, "--no-browser")["code"] == "offline"


@pytest.mark.usefixtures("phone")
@pytest.mark.parametrize(
    "command", [["cloud", "list"], ["cloud", "delete", "--yes"], ["download", "--into", "."]], ids=lambda each: each[0]
)
def test_nobody_signed_in_is_one_error(command: list[str]):
    error = error_of(*command)
    assert (error["code"], error["do"]) == ("signed_out", "sign in with `duskspendr-backup login`")


@pytest.mark.usefixtures("signed_in")
def test_only_backups_are_uploaded(cloud: CloudDouble, tmp_path: Path):
    (tmp_path / "photo.jpg").write_bytes(bytes(1000))
    assert error_of("upload", tmp_path / "photo.jpg")["code"] == "not_a_backup"
    (tmp_path / "cut.enc").write_bytes(b"age-encryption.org/v1\n-> X25519 a")
    assert error_of("upload", tmp_path / "cut.enc")["code"] == "cut"
    assert cloud.requests == []


@pytest.mark.usefixtures("signed_in")
def test_download_takes_the_newest_that_is_not_damaged(cloud: CloudDouble, tmp_path: Path):
    now = datetime.now(UTC)
    cloud.add(b"older", created_at=now - timedelta(days=2))
    cloud.add(b"newer", created_at=now - timedelta(days=1), verified=None)
    cloud.add(b"bad", created_at=now, verified=False)
    got = facts_of("download", "--into", tmp_path)
    assert Path(got["path"]).read_bytes() == b"newer"
    assert re.fullmatch(r"backup_\d{8}T\d{6}\.\d{6}Z\.enc", Path(got["path"]).name)


@pytest.mark.usefixtures("signed_in")
def test_download_of_a_chosen_version(cloud: CloudDouble, tmp_path: Path):
    older = cloud.add(b"older")
    cloud.add(b"newer")
    got = facts_of("download", "--into", tmp_path, "--version", older.version)
    assert Path(got["path"]).read_bytes() == b"older"
    assert error_of("download", "--into", tmp_path, "--version", "none")["code"] == "not_in_cloud"


@pytest.mark.usefixtures("signed_in")
def test_download_asks_which_of_several_devices(cloud: CloudDouble, tmp_path: Path):
    cloud.add(b"a", device="a")
    cloud.add(b"b", device="b")
    assert error_of("download", "--into", tmp_path, status=2)["do"] == "choose one of a, b"
    got = facts_of("download", "--into", tmp_path, "--device", "b")
    assert Path(got["path"]).read_bytes() == b"b"


@pytest.mark.usefixtures("signed_in")
def test_list_says_what_the_cloud_found(cloud: CloudDouble):
    for verified in (True, False, None):
        cloud.add(b"x", verified=verified)
    lines = run("cloud", "list").stdout
    assert [word in lines for word in ("  checked ", "  DAMAGED ", "  not checked yet ")] == [True] * 3
    assert len(lines.splitlines()) == 3


@pytest.mark.usefixtures("signed_in")
def test_empty_cloud_says_so():
    assert run("cloud", "list").stdout == "no backups in the cloud\n"
    assert facts_of("cloud", "list") == {"backups": []}


@pytest.mark.usefixtures("signed_in")
def test_delete_has_to_be_meant(cloud: CloudDouble):
    cloud.add(b"x")
    assert error_of("cloud", "delete", status=2)["expected"].startswith("--yes")
    assert len(cloud.stored) == 1
    assert facts_of("cloud", "delete", "--yes") == {"deleted": 1, "signed_out": True}
    assert cloud.stored == []


def test_nothing_goes_to_the_cloud_again_after_a_deletion(cloud: CloudDouble, signed_in: Path):
    (signed_in / "backups").mkdir()
    recipient = facts_of("keygen", "--out", signed_in / "key.txt")["recipient"]
    facts_of("cloud", "delete", "--yes")
    assert facts_of(*daily(signed_in, recipient))["uploaded"] is False
    assert cloud.stored == []


@pytest.mark.usefixtures("signed_in")
def test_deletion_that_did_not_end_keeps_the_sign_in(cloud: CloudDouble):
    cloud.fail("DELETE /v1/backups", 403)
    error_of("cloud", "delete", "--yes")
    assert AccountFile().exists()


def test_cloud_backup_of_the_library_stays_on_the_device_too(
    cloud: CloudDouble, signed_in: Path, account_file: AccountFile
):
    identity = keys.generate()
    manager = BackupManager(signed_in / "duskspendr.db", signed_in / "backups", recipients=[identity.to_public()])
    made, uploaded = manager.create_cloud_backup(lambda path: CloudBackups(account_file).upload(path, kind="auto"))
    assert cloud.stored[0].content == made.path.read_bytes()
    assert (uploaded.sha256, uploaded.device) == (made.sha256, "new-phone")


def daily(phone: Path, recipient: str) -> list[str | Path]:
    return ["daily", "--database", phone / "duskspendr.db", "--into", phone / "backups", "--recipient", recipient]


def test_day_is_backed_up_uploaded_and_done(cloud: CloudDouble, signed_in: Path):
    (signed_in / "backups").mkdir()
    recipient = facts_of("keygen", "--out", signed_in / "key.txt")["recipient"]
    first = facts_of(*daily(signed_in, recipient))
    assert (first["outcome"], first["uploaded"]) == ("done", True)
    assert [each.content for each in cloud.stored] == [Path(first["backup"]).read_bytes()]
    assert cloud.stored[0].kind == "auto"
    facts_of("verify", first["backup"], "--identity", signed_in / "key.txt")
    assert facts_of(*daily(signed_in, recipient))["outcome"] == "not_due"


def test_day_without_network_is_kept_and_goes_on_later(cloud: CloudDouble, signed_in: Path):
    (signed_in / "backups").mkdir()
    recipient = facts_of("keygen", "--out", signed_in / "key.txt")["recipient"]
    cloud.fail("POST /v1/devices", 403)
    failed = facts_of(*daily(signed_in, recipient), status=1)
    assert failed["failure"]["code"] == "forbidden"
    assert Path(failed["backup"]).is_file()
    done = facts_of(*daily(signed_in, recipient))
    assert (done["outcome"], done["backup"], done["uploaded"]) == ("done", failed["backup"], True)


def test_corrupt_database_fails_the_day_and_displaces_nothing(phone: Path):
    (phone / "backups").mkdir()
    recipient = facts_of("keygen", "--out", phone / "key.txt")["recipient"]
    facts_of(*daily(phone, recipient))
    before = sorted(path.name for path in (phone / "backups").glob("*.enc"))
    (phone / "backups" / ".daily.json").unlink()
    (phone / "duskspendr.db").write_bytes(b"SQLite format 3\0" + bytes(range(256)) * 400)
    failed = facts_of(*daily(phone, recipient), status=1)
    assert failed["failure"]["code"] == "corrupt_database"
    assert sorted(path.name for path in (phone / "backups").glob("*.enc")) == before


def test_of_many_programs_started_at_once_one_makes_the_backup(phone: Path):
    (phone / "backups").mkdir()
    recipient = facts_of("keygen", "--out", phone / "key.txt")["recipient"]
    programs = [start(*daily(phone, recipient)) for _ in range(4)]
    assert [program.wait(timeout=60) for program in programs] == [0] * 4
    for program in programs:
        program.communicate()
    assert len(list((phone / "backups").glob("*.enc"))) == 1


def test_schedule_starts_what_was_given(phone: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    recipient = facts_of("keygen", "--out", phone / "key.txt")["recipient"]
    options = daily(phone, recipient)[1:]
    done = facts_of("schedule", "install", *options, "--with", "systemd")
    (shown,) = facts_of("schedule", "show")["schedules"]
    assert done == {"schedules": [shown]}
    words = re.findall(r'"([^"]*)"', shown["command"])
    assert words[1:] == ["daily", *map(str, options)]
    program = start(*words[1:])
    assert program.communicate(timeout=60)[0].startswith("done; the newest is ")
    assert error_of("schedule", "install", *options, status=2)["do"].endswith("`schedule remove`")
    assert facts_of("schedule", "remove")["removed"] == [shown]
    assert facts_of("schedule", "show") == {"schedules": []}


def test_schedule_of_a_missing_database_is_refused(phone: Path):
    recipient = facts_of("keygen", "--out", phone / "key.txt")["recipient"]
    options = daily(phone, recipient)[1:]
    (phone / "duskspendr.db").unlink()
    assert error_of("schedule", "install", *options, status=2)["code"] == "not_there"
    assert not (phone / ".config").exists()


@pytest.mark.parametrize(("form", "rows"), [("csv", ROWS), ("json", ROWS + 21), ("sqlite", None)])
def test_export_says_what_it_wrote(phone: Path, form: str, rows: int | None):
    out = phone / f"out.{form}"
    facts = facts_of("export", "--database", phone / "duskspendr.db", "--format", form, "--out", out)
    assert facts == {"path": str(out), "format": form, "size": out.stat().st_size, "rows": rows}
    assert error_of("export", "--database", phone / "duskspendr.db", "--format", form, "--out", out, status=2)


def test_export_in_no_known_format_is_a_usage_error(phone: Path):
    arguments = ["--database", phone / "duskspendr.db", "--format", "xml", "--out", phone / "out"]
    assert run("export", *arguments).exit_code == 2
