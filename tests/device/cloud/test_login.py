"""Signing in through a browser, keeping the tokens, renewing them."""

import ssl
import stat
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any, cast
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import requests
import trustme

from device.cloud.account import Account, AccountFile
from device.cloud.backups import CloudBackups
from device.cloud.errors import ClockSkewError, LoginError, OfflineError, ServerError, SignedOutError
from device.cloud.login import log_in
from device.cloud.signing import current
from device.errors import UsageError
from tests.device.cloud.double import CLIENT_ID, CloudDouble
from tests.device.cloud.serving import running_cloud_double

ANY_PORT = "http://127.0.0.1:0/callback"
Browser = Callable[[str], None]


def in_a_browser(url: str) -> None:
    """Follow the address and its redirects, as a browser beside this process does."""
    threading.Thread(target=requests.get, args=(url,), kwargs={"timeout": 5}).start()


def sign_in(cloud: CloudDouble, browser: Browser = in_a_browser, **how: Any) -> Account:
    how = {"redirect_uris": [ANY_PORT], "timeout_seconds": 5.0} | how
    return log_in(api=cloud.origin, issuer=cloud.origin, client_id=CLIENT_ID, show=browser, **how)


def answering(**changes: str) -> tuple[Browser, list[int]]:
    """A browser that comes back with a changed answer before the right one, and what it was told."""
    told: list[int] = []

    def browse(url: str) -> None:
        def come_back() -> None:
            right = requests.get(url, allow_redirects=False, timeout=5).headers["Location"]
            query = {name: values[0] for name, values in parse_qs(urlsplit(right).query).items()}
            wrong = {name: value for name, value in (query | changes).items() if value}
            told.append(requests.get(f"{right.partition('?')[0]}?{urlencode(wrong)}", timeout=5).status_code)
            if told[0] != requests.codes.ok:
                told.append(requests.get(right, timeout=5).status_code)

        threading.Thread(target=come_back).start()

    return browse, told


def test_sign_in_gives_tokens_that_the_api_takes(cloud: CloudDouble, tmp_path: Path):
    file = AccountFile(tmp_path / "account.json")
    file.save(sign_in(cloud))
    assert CloudBackups(file).versions() == []


def test_sign_in_asks_for_pkce_and_a_refresh_token(cloud: CloudDouble):
    shown: list[str] = []
    sign_in(cloud, lambda url: (shown.append(url), in_a_browser(url))[1])
    query = parse_qs(urlsplit(shown[0]).query)
    assert query["code_challenge_method"] == ["S256"]
    assert query["scope"] == ["openid offline_access"]
    assert query["redirect_uri"][0].startswith("http://127.0.0.1:")


def test_device_gets_a_name_by_chance_or_by_choice(cloud: CloudDouble):
    assert sign_in(cloud).device != sign_in(cloud).device
    assert sign_in(cloud, device="ashas-phone").device == "ashas-phone"


@pytest.mark.parametrize("name", ["Asha", "a/b", "", "a" * 65, "phone\n"])
def test_device_name_that_the_api_does_not_take_is_refused(cloud: CloudDouble, name: str):
    with pytest.raises(UsageError, match="device's name"):
        sign_in(cloud, device=name)


def test_answer_to_another_question_is_not_taken(cloud: CloudDouble):
    """A page of somebody else's may call the listener too: RFC 8252, 8.9."""
    browser, told = answering(state="forged", code="forged")
    sign_in(cloud, browser)
    until = time.monotonic() + 5  # it may be signed in before the browser has read its page
    while len(told) < 2 and time.monotonic() < until:
        time.sleep(0.01)
    assert told == [400, 200]


def test_answer_of_another_issuer_is_refused(cloud: CloudDouble):
    browser, _ = answering(iss="https://evil.example")
    with pytest.raises(LoginError, match=r"found one of https://evil.example"):
        sign_in(cloud, browser)


def test_user_who_declines_is_told_so(cloud: CloudDouble):
    browser, _ = answering(code="", error="access_denied", error_description="The user declined")
    with pytest.raises(LoginError, match="found The user declined"):
        sign_in(cloud, browser)


def test_code_that_the_issuer_does_not_take_is_told(cloud: CloudDouble):
    browser, _ = answering(code="stolen")
    with pytest.raises(LoginError, match="invalid_grant"):
        sign_in(cloud, browser)


@pytest.mark.parametrize("status", [500, 502])
def test_issuer_that_fails_at_the_last_step_is_told(cloud: CloudDouble, status: int):
    cloud.fail("POST /token", status)
    with pytest.raises(OfflineError, match="no answer that could be read"):
        sign_in(cloud)


@pytest.mark.parametrize("token", ['{"access_token": "x", "token_type": "mac"}', '{"token_type": "Bearer"}'])
def test_token_that_is_no_bearer_token_is_refused(cloud: CloudDouble, token: str):
    cloud.fail("POST /token", 200, body=token)
    with pytest.raises(ServerError, match="a bearer token"):
        sign_in(cloud)


def test_recovery_region_is_kept_with_the_account(cloud: CloudDouble):
    assert sign_in(cloud, recovery_api="https://recovery.example/").recovery_api == "https://recovery.example"
    with pytest.raises(UsageError, match="the recovery region's API"):
        sign_in(cloud, recovery_api="http://recovery.example")


def test_nobody_in_the_browser_ends_the_wait(cloud: CloudDouble):
    with pytest.raises(LoginError, match="a sign-in within 0 s, found none"):
        sign_in(cloud, lambda _: None, timeout_seconds=0.05)


def test_port_in_use_is_told(cloud: CloudDouble):
    taken = f"{cloud.origin}/callback"
    with pytest.raises(LoginError, match="no port that is free"):
        sign_in(cloud, redirect_uris=[taken])


def test_next_address_is_taken_when_a_port_is_in_use(cloud: CloudDouble):
    sign_in(cloud, redirect_uris=[f"{cloud.origin}/callback", ANY_PORT])
    (asked,) = [query["redirect_uri"] for query in cloud.asked]
    assert asked.startswith("http://127.0.0.1:")
    assert asked != f"{cloud.origin}/callback"


@pytest.mark.parametrize("address", ["https://example.com/callback", "http://192.0.2.1:80/", "duskspendr:/callback"])
def test_way_back_leads_to_this_machine_alone(cloud: CloudDouble, address: str):
    with pytest.raises(UsageError, match="on this machine"):
        sign_in(cloud, redirect_uris=[address])


@pytest.mark.parametrize("issuer", ["http://example.com", "ftp://x", "example.com", ""])
def test_issuer_without_https_is_refused(cloud: CloudDouble, issuer: str):
    with pytest.raises(UsageError, match="https"):
        log_in(api=cloud.origin, issuer=issuer, client_id=CLIENT_ID, show=in_a_browser)


def test_discovery_of_another_issuer_is_refused(cloud: CloudDouble):
    facts = (
        f'{{"issuer": "https://evil", "authorization_endpoint": "{cloud.origin}", "token_endpoint": "{cloud.origin}"}}'
    )
    cloud.fail("GET /.well-known", 200, body=facts)
    with pytest.raises(LoginError, match="calls itself https://evil"):
        sign_in(cloud)


@pytest.mark.parametrize(("methods", "is_taken"), [('["plain"]', False), ('["plain", "S256"]', True)])
def test_issuer_without_pkce_is_refused(cloud: CloudDouble, methods: str, is_taken: bool):
    facts = (
        f'"issuer": "{cloud.origin}", "authorization_endpoint": "{cloud.origin}/authorize",'
        f' "token_endpoint": "{cloud.origin}/token", "code_challenge_methods_supported": {methods}'
    )
    cloud.fail("GET /.well-known", 200, body=f"{{{facts}}}")
    with nullcontext() if is_taken else pytest.raises(LoginError, match="PKCE with S256"):
        sign_in(cloud)


def test_address_that_is_no_issuer_is_told(cloud: CloudDouble):
    cloud.fail("GET /.well-known", 200, body="<html>")
    with pytest.raises(LoginError, match="OpenID Connect Discovery"):
        sign_in(cloud)


def test_account_is_readable_by_its_owner_alone(account_file: AccountFile):
    assert stat.S_IMODE(account_file.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(account_file.path.parent.stat().st_mode) == 0o700


def test_account_that_others_could_read_is_not_used(account_file: AccountFile):
    account_file.path.chmod(0o644)
    with pytest.raises(SignedOutError, match="mode 0644"):
        account_file.load()


def test_account_shows_no_token(account_file: AccountFile, cloud: CloudDouble):
    account = account_file.load()
    shown = f"{account} {account!r} {account.model_dump()}"
    assert not any(token in shown for token in (*cloud.access_tokens, *cloud.refresh_tokens))


def test_damaged_account_is_told_without_its_content(account_file: AccountFile, cloud: CloudDouble):
    account_file.path.write_text(account_file.path.read_text()[:-9])
    with pytest.raises(SignedOutError, match="found something else") as raised:
        account_file.load()
    assert not any(token in str(raised.value) for token in cloud.access_tokens)


def test_nobody_signed_in_is_told(tmp_path: Path):
    with pytest.raises(SignedOutError, match="duskspendr-backup login"):
        CloudBackups(AccountFile(tmp_path / "none.json")).versions()


def test_token_is_renewed_before_its_time_is_over(account_file: AccountFile):
    old = account_file.load()
    account_file.save(old.model_copy(update={"expires_at": time.time() + 10}))
    renewed = current(account_file)
    assert renewed.access_token != old.access_token
    assert renewed.refresh_token != old.refresh_token
    assert account_file.load() == renewed


def test_refresh_token_stays_with_an_issuer_that_gives_no_new_one(account_file: AccountFile, cloud: CloudDouble):
    cloud.rotates = False
    old = account_file.load()
    account_file.save(old.model_copy(update={"expires_at": 0.0}))
    assert current(account_file).refresh_token == old.refresh_token


def test_refused_token_is_renewed_once_and_the_request_goes_on(backups: CloudBackups, cloud: CloudDouble):
    cloud.revoke_access()
    assert backups.versions() == []
    assert cloud.count("POST /token") == 1


def test_sign_in_that_holds_no_more_is_told(backups: CloudBackups, cloud: CloudDouble):
    cloud.revoke_access()
    cloud.refresh_tokens.clear()
    with pytest.raises(SignedOutError, match="it holds no more: sign in with `duskspendr-backup login`"):
        backups.versions()


def test_new_token_that_is_refused_too_ends_it(backups: CloudBackups, cloud: CloudDouble):
    cloud.fail("GET /v1/backups", 401, times=2)
    with pytest.raises(SignedOutError):
        backups.versions()
    assert cloud.count("GET /v1/backups") == 2


def test_issuer_that_is_down_for_a_moment_is_waited_for(backups: CloudBackups, cloud: CloudDouble, waits: list[float]):
    cloud.revoke_access()
    cloud.fail("POST /token", 503)
    assert backups.versions() == []
    assert len(waits) == 1


def test_wrong_clock_is_told_where_a_token_is_refused(backups: CloudBackups, cloud: CloudDouble):
    next_week = format_datetime(datetime.now(UTC) + timedelta(days=7), usegmt=True)
    cloud.fail("GET /v1/backups", 401, headers={"Date": next_week})
    with pytest.raises(ClockSkewError, match=r"found one that is (7 days|6 days), .* off: set this device's clock"):
        backups.versions()


def test_processes_that_renew_at_once_use_the_refresh_token_once(account_file: AccountFile, cloud: CloudDouble):
    account_file.save(account_file.load().model_copy(update={"expires_at": 0.0}))
    with ThreadPoolExecutor(8) as pool:
        accounts = list(pool.map(current, [AccountFile(account_file.path)] * 8))
    assert cloud.count("POST /token") == 1
    assert len({account.access_token.get_secret_value() for account in accounts}) == 1


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def secure_cloud(authority: trustme.CA) -> Iterator[CloudDouble]:
    """A cloud behind a certificate of the test's own authority."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    cast("Any", authority.issue_cert("127.0.0.1")).configure_cert(context)
    with running_cloud_double(context) as double:
        yield double


def test_sign_in_and_transfers_go_over_https(
    secure_cloud: CloudDouble, authority: trustme.CA, backup_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "authority.pem"))
    file = AccountFile(tmp_path / "account.json")
    file.save(sign_in(secure_cloud))
    backups = CloudBackups(file)
    backups.upload(backup_file, kind="auto")
    backups.download(backups.versions()[0], tmp_path / "back.enc")
    assert (tmp_path / "back.enc").read_bytes() == backup_file.read_bytes()


def test_certificate_that_nobody_trusts_ends_it(secure_cloud: CloudDouble, account_file: AccountFile):
    account_file.save(account_file.load().model_copy(update={"api": secure_cloud.origin}))
    with pytest.raises(OfflineError, match=r"a valid certificate at 127\.0\.0\.1"):
        CloudBackups(account_file).versions()
    with pytest.raises(OfflineError, match="a valid certificate"):
        sign_in(secure_cloud)
    assert secure_cloud.requests == []
