"""What the tests of ``dr`` against AWS share: an emulated cloud, and an account of its own for each test."""

import secrets
from collections.abc import Callable, Iterator

import pytest
from typer.testing import CliRunner, Result

from lab.cloud import Cloud, running_cloud
from operations.cli import app

Dr = Callable[..., Result]


@pytest.fixture(scope="session")
def cloud() -> Iterator[Cloud]:
    with running_cloud() as cloud:
        yield cloud


@pytest.fixture
def account(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> str:
    """An account with nothing in it; the process has the environment of an operator who is signed in to it."""
    account = f"{secrets.randbelow(9 * 10**11) + 10**11}"
    sign_in(cloud, monkeypatch)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", account)
    return account


def sign_in(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the process the environment of an operator of the cloud's own account."""
    for name, value in cloud.environment.items():
        if name.startswith("AWS_"):
            monkeypatch.setenv(name, value)


@pytest.fixture
def dr() -> Dr:
    """Run ``dr``; whatever happens, no traceback reaches a user."""

    def run(*arguments: str) -> Result:
        result = CliRunner().invoke(app, list(arguments))
        assert "Traceback" not in result.output
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result

    return run


def error_of(result: Result, status: int = 2) -> str:
    """The one line of a command that did nothing."""
    assert result.exit_code == status, result.output
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    return line
