"""A cloud of the test's own, and somebody signed in to it."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from device.cloud.account import Account, AccountFile
from device.cloud.backups import CloudBackups
from tests.device.cloud.double import CLIENT_ID, CloudDouble
from tests.device.cloud.serving import running_cloud_double


@pytest.fixture
def cloud() -> Iterator[CloudDouble]:
    with running_cloud_double() as double:
        yield double


@pytest.fixture
def account_file(cloud: CloudDouble, tmp_path: Path) -> AccountFile:
    """Of somebody who has just signed in."""
    tokens = cloud.tokens()
    file = AccountFile(tmp_path / "config" / "account.json")
    file.save(
        Account(
            api=cloud.origin,
            issuer=cloud.origin,
            client_id=CLIENT_ID,
            token_endpoint=f"{cloud.origin}/token",
            device="new-phone",
            access_token=SecretStr(str(tokens["access_token"])),
            refresh_token=SecretStr(str(tokens["refresh_token"])),
            expires_at=time.time() + cloud.token_seconds,
        )
    )
    return file


@pytest.fixture
def waits() -> list[float]:
    """How long the client waited between attempts: it only notes it."""
    return []


@pytest.fixture
def backups(account_file: AccountFile, waits: list[float]) -> CloudBackups:
    return CloudBackups(account_file, pause=waits.append)


@pytest.fixture
def backup_file(tmp_path: Path) -> Path:
    """Large enough that it takes several reads."""
    path = tmp_path / "backup_20261124T101500Z.enc"
    path.write_bytes(b"age-encryption.org/v1\n" + bytes(range(256)) * 4000)
    return path
