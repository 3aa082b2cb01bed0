"""HTTP with time-outs, errors in our own terms, and patience for what passes."""

import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol
from urllib.parse import urlsplit

import requests
from requests.auth import AuthBase
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt, wait_exponential_jitter

from device.cloud.answers import error_of
from device.cloud.errors import CloudError, OfflineError
from device.errors import UsageError
from device.limits import CLOUD_ATTEMPTS, CLOUD_TIMEOUTS_SECONDS, LONGEST_WAIT_SECONDS, SHORTEST_WAIT_SECONDS

Pause = Callable[[float], None]

_backing_off = wait_exponential_jitter(multiplier=SHORTEST_WAIT_SECONDS, max=LONGEST_WAIT_SECONDS)


class Readable(Protocol):
    """A body of a known size, in bytes, that is read piece by piece."""

    def __len__(self) -> int: ...
    def read(self, size: int = -1, /) -> bytes: ...


class Bearer(AuthBase):
    """Puts a token into a request; without one it keeps requests from taking a login out of ``.netrc``."""

    def __init__(self, token: str | None = None) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._token is not None:
            request.headers["Authorization"] = f"Bearer {self._token}"
        return request


def patient(pause: Pause = time.sleep) -> Retrying:
    """Tries again, ever slower, what fails with an error that passes; then raises that error."""
    return Retrying(
        retry=retry_if_exception(lambda error: isinstance(error, CloudError) and error.passing),
        stop=stop_after_attempt(CLOUD_ATTEMPTS),
        wait=_wait,
        sleep=pause,
        reraise=True,
    )


@contextmanager
def answered(
    method: str,
    url: str,
    *,
    token: str | None = None,
    headers: Mapping[str, str] | None = None,
    json: Mapping[str, Any] | None = None,
    data: Readable | None = None,
    params: Mapping[str, str] | None = None,
) -> Generator[requests.Response]:
    """One request and its good answer, whose body is read by whoever asked.

    Raises :class:`CloudError` in its kinds, also when the connection breaks while the body is read.
    """
    try:
        with requests.request(
            method,
            url,
            auth=Bearer(token),
            headers=dict(headers or {}),
            json=json,
            data=data,
            params=params,
            timeout=CLOUD_TIMEOUTS_SECONDS,
            allow_redirects=False,
            stream=True,
        ) as response:
            if not 200 <= response.status_code < 300:
                raise error_of(response)
            yield response
    except requests.exceptions.SSLError as error:
        raise OfflineError(
            expected=f"a server with a valid certificate at {host_of(url)}",
            found=_reason(error),
            do="check the address, this device's clock, and whether a network stands in between",
        ) from None
    except requests.RequestException as error:
        raise OfflineError(
            expected=f"an answer of {host_of(url)}",
            found=_reason(error),
            do="check the connection and try again; the backup on this device is safe",
            passing=True,
        ) from None


def check_address(url: str, what: str) -> None:
    """Tokens and backups go over HTTPS, or stay on this machine. Raises :class:`UsageError`."""
    parts = urlsplit(url)
    local = parts.hostname in ("localhost", "127.0.0.1", "::1")
    if not parts.hostname or parts.scheme not in ("https", "http") or (parts.scheme == "http" and not local):
        raise UsageError(expected=f"an https address as {what}", found=url, do="write it like https://host/path")


def host_of(url: str) -> str:
    """What may be told of an address: a signed link is a secret."""
    return urlsplit(url).netloc


def _wait(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, CloudError) and error.retry_after_seconds is not None:
        return error.retry_after_seconds
    return _backing_off(state)


def _reason(error: requests.RequestException) -> str:
    """In few words: the libraries' own messages hold the address with its signature."""
    if isinstance(error, requests.exceptions.Timeout):
        return "none in time"
    if isinstance(error, requests.exceptions.SSLError):
        return "one that this device does not trust"
    return "no connection" if isinstance(error, requests.exceptions.ConnectionError) else "a connection that broke"
