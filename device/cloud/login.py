"""Signing in: the user's browser goes to the issuer and comes back to this machine, RFC 8252."""

import secrets
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import cast
from urllib.parse import urlsplit

from device.cloud.account import DEVICE_NAME, Account
from device.cloud.errors import LoginError
from device.cloud.protocol import Authorization, discover
from device.cloud.requesting import check_address
from device.errors import UsageError
from device.limits import LOGIN_PORTS, LOGIN_TIMEOUT_SECONDS

REDIRECT_URIS = tuple(f"http://localhost:{port}/callback" for port in LOGIN_PORTS)

_PAGE = b"<!doctype html><meta charset=utf-8><title>DuskSpendr</title><p>%s You can close this page."


def log_in(
    *,
    api: str,
    recovery_api: str | None = None,
    issuer: str,
    client_id: str,
    show: Callable[[str], None],
    redirect_uris: Sequence[str] = REDIRECT_URIS,
    device: str | None = None,
    timeout_seconds: float = LOGIN_TIMEOUT_SECONDS,
) -> Account:
    """Have the user sign in, and return the account that is to be kept.

    ``show`` gets the address that the user's browser has to open. ``device`` names this device in the cloud; by default
    it gets a name by chance, which tells nothing of its owner. The browser comes back to the first of
    ``redirect_uris`` whose port is free; port 0 is any free one.
    Raises :class:`UsageError`, :class:`LoginError` and :class:`CloudError`.
    """
    check_address(api, "the API")
    if recovery_api is not None:
        check_address(recovery_api, "the recovery region's API")
    if device is None:
        device = f"device-{secrets.token_hex(4)}"
    if not DEVICE_NAME.fullmatch(device):
        raise UsageError(expected="1 to 64 of a-z, 0-9 and - as the device's name", found=device, do="choose another")
    endpoints = discover(issuer)
    with _listening(redirect_uris) as listener:
        authorization = Authorization(endpoints, client_id=client_id, redirect_uri=listener.redirect_uri)
        listener.authorization = authorization
        show(authorization.url)
        tokens = authorization.exchange(listener.wait(timeout_seconds))
    return Account(
        api=api.rstrip("/"),
        recovery_api=recovery_api and recovery_api.rstrip("/"),
        issuer=endpoints.issuer,
        client_id=client_id,
        token_endpoint=endpoints.token_endpoint,
        device=device,
        access_token=tokens.access_token,
        refresh_token=tokens.refresh_token,
        expires_at=tokens.expires_at,
    )


class _Listener(HTTPServer):
    """Waits on this machine alone for the one answer to our question, and takes no other."""

    authorization: Authorization
    callback: str | None = None

    def __init__(self, redirect_uri: str) -> None:
        parts = urlsplit(redirect_uri)
        super().__init__(("127.0.0.1", parts.port or 0), _Handler)
        self.path = parts.path or "/"
        self.origin = f"http://{parts.hostname}:{self.server_port}"
        self.redirect_uri = f"{self.origin}{parts.path}"

    def wait(self, timeout_seconds: float) -> str:
        """The address that the browser was sent back to. Raises :class:`LoginError` after the time-out."""
        deadline = time.monotonic() + timeout_seconds
        while self.callback is None:
            self.timeout = deadline - time.monotonic()
            if self.timeout <= 0:
                raise LoginError(
                    expected=f"a sign-in within {timeout_seconds:.0f} s", found="none", do="start again and sign in"
                )
            self.handle_request()
        return self.callback


class _Handler(BaseHTTPRequestHandler):
    # A browser may open a connection and say nothing.
    timeout = 5

    def do_GET(self) -> None:
        listener = cast("_Listener", self.server)
        url = f"{listener.origin}{self.path}"
        if urlsplit(url).path != listener.path:
            self._say(404, b"There is nothing here.")
        elif not listener.authorization.is_answered_by(url):
            self._say(400, b"This is not the answer to the sign-in that was started on this device.")
        else:
            listener.callback = url
            self._say(200, b"DuskSpendr has its answer.")

    def _say(self, status: int, text: bytes) -> None:
        page = _PAGE % text
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Say nothing: the requests hold the code."""


def _listening(redirect_uris: Sequence[str]) -> _Listener:
    for redirect_uri in redirect_uris:
        parts = urlsplit(redirect_uri)
        if parts.scheme != "http" or parts.hostname not in ("localhost", "127.0.0.1") or parts.query or parts.fragment:
            raise UsageError(
                expected="an address on this machine for the way back",
                found=redirect_uri,
                do=f"write it like {REDIRECT_URIS[0]}, as it is registered with the issuer",
            )
        with suppress(OSError):
            return _Listener(redirect_uri)
    raise LoginError(
        expected=f"to listen for the browser at {' or '.join(redirect_uris)}",
        found="no port that is free",
        do="end the program that has it, or name another registered address with --redirect-uri",
    )
