"""An OpenID Connect issuer, the API of device backups and the storage behind it, over real HTTP on this machine.

It keeps the contract of the API, to which its document holds it and who asks it, and fails where a test tells it to.
"""

import base64
import hashlib
import json
import re
import secrets
import ssl
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast
from urllib.parse import parse_qs, urlencode, urlsplit

from tests.device.cloud.document import Operation, operation
from tests.device.cloud.double import CLIENT_ID, CloudDouble, Stored


@contextmanager
def running_cloud_double(tls: ssl.SSLContext | None = None) -> Generator[CloudDouble]:
    """Serve on a free port of this machine until the block ends."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    double = CloudDouble(origin=f"{'https' if tls else 'http'}://127.0.0.1:{server.server_port}")
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    cast("Any", server).double = double
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield double
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert double.deviations == []


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    _cut: int | None = None
    _lost = False
    _operation: Operation | None = None

    @property
    def double(self) -> CloudDouble:
        return cast("Any", self.server).double

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Keep the tests' output free of it."""

    def do_GET(self) -> None:
        self._serve()

    do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815 - the names that the base calls

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        parts = urlsplit(self.path)
        request = f"{self.command} {parts.path}"
        query = {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        self.double.requests.append(request)
        if parts.path.startswith("/v1/"):
            self._hold_request(parts.path, query, body)
        if failure := self.double.failure_of(request):
            self._cut, self._lost = failure.cut, failure.lost
            if failure.cut is None and not failure.lost:
                self._operation = None
                self._answer(failure.status, failure.body.encode(), failure.headers)
                return
        for pattern, method in self._ROUTES.items():
            if match := re.fullmatch(pattern, request):
                method(self, match, query, body)
                return
        self._json(404, {"message": "Not Found"})

    def _hold_request(self, path: str, query: dict[str, str], body: bytes) -> None:
        self._operation = operation(self.command, path)
        if self._operation is None:
            self.double.deviations.append(f"{self.command} {path}: the document has no such operation")
        else:
            self.double.deviations += self._operation.faults_of_request(query, body)

    # The issuer

    def _discovery(self, _match: re.Match[str], _query: dict[str, str], _body: bytes) -> None:
        origin = self.double.origin
        endpoints = {"authorization_endpoint": f"{origin}/authorize", "token_endpoint": f"{origin}/token"}
        self._json(200, {"issuer": origin, **endpoints, "scopes_supported": ["openid", "offline_access"]})

    def _authorize(self, _match: re.Match[str], query: dict[str, str], _body: bytes) -> None:
        assert query["response_type"] == "code"
        assert query["client_id"] == CLIENT_ID
        assert query["code_challenge_method"] == "S256"
        code = secrets.token_urlsafe()
        self.double.codes[code] = query
        self.double.asked.append(query)
        answer = urlencode({"code": code, "state": query["state"]})
        self._answer(302, b"", {"Location": f"{query['redirect_uri']}?{answer}"})

    def _token(self, _match: re.Match[str], _query: dict[str, str], body: bytes) -> None:
        form = {name: values[0] for name, values in parse_qs(body.decode()).items()}
        if form["client_id"] != CLIENT_ID:
            self._json(401, {"error": "invalid_client"})
        elif form["grant_type"] == "authorization_code" and self._code_is_good(form):
            self._json(200, self.double.tokens())
        elif form["grant_type"] == "refresh_token" and form["refresh_token"] in self.double.refresh_tokens:
            tokens = self.double.tokens()
            if self.double.rotates:
                self.double.refresh_tokens.discard(form["refresh_token"])
            else:
                del tokens["refresh_token"]
            self._json(200, tokens)
        else:
            self._json(400, {"error": "invalid_grant", "error_description": "it holds no more"})

    def _code_is_good(self, form: dict[str, str]) -> bool:
        asked = self.double.codes.pop(form["code"], None)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest()).rstrip(b"=")
        return (
            asked is not None
            and asked["redirect_uri"] == form["redirect_uri"]
            and asked["code_challenge"] == challenge.decode()
        )

    # The API

    def _begin_upload(self, match: re.Match[str], _query: dict[str, str], body: bytes) -> None:
        order = json.loads(body)
        digest = base64.b64decode(order["sha256"])
        if not self._is_signed_in():
            return
        mine = [each for each in self._mine() if (each.device, each.kind) == (match[1], order["kind"])]
        newest = max(mine, key=lambda each: each.created_at, default=None)
        if order["size"] > self.double.quota_bytes:
            self._error(413, "too-large", "at most so many bytes", f"{order['size']}")
        elif newest and hashlib.sha256(newest.content).digest() == digest:
            self._error(409, "already-there", "a new backup", "the same checksum")
        else:
            link = self._link({"PUT": match[1], **order})
            headers = {"content-length": str(order["size"]), "x-amz-checksum-sha256": order["sha256"]}
            upload = {"method": "PUT", "url": link, "headers": headers, "expires_at": self._end_of_link()}
            self._json(201, {"upload": upload, "key": f"{order['kind']}-backups/{match[1]}"})

    def _list(self, _match: re.Match[str], query: dict[str, str], _body: bytes) -> None:
        if not self._is_signed_in():
            return
        mine = [each for each in self._mine() if query.get("device") in (None, each.device)]
        newest = {(each.device, each.kind): each for each in sorted(mine, key=lambda each: each.created_at)}
        start = int(query.get("next", 0))
        end = start + self.double.page_size
        backups = [
            {
                "device": each.device,
                "version": each.version,
                "kind": each.kind,
                "size": len(each.content),
                "created_at": each.created_at.isoformat(),
                "verified": each.verified,
                "newest": newest[each.device, each.kind] is each,
            }
            for each in mine[start:end]
        ]
        self._json(200, {"backups": backups, "next": str(end) if end < len(mine) else None})

    def _begin_download(self, match: re.Match[str], query: dict[str, str], _body: bytes) -> None:
        if not self._is_signed_in():
            return
        wanted = (match[1], match[2], query["kind"])
        for each in self._mine():
            if (each.device, each.version, each.kind) == wanted:
                checksum = base64.b64encode(hashlib.sha256(each.content).digest()).decode()
                link = {
                    "method": "GET",
                    "url": self._link({"GET": each}),
                    "headers": dict[str, str](),
                    "expires_at": self._end_of_link(),
                }
                self._json(200, {"download": link, "size": len(each.content), "sha256": checksum})
                return
        self._error(404, "no-such-backup", "a version", "none")

    def _delete(self, _match: re.Match[str], _query: dict[str, str], _body: bytes) -> None:
        if not self._is_signed_in():
            return
        mine = self._mine()
        for each in mine[: self.double.delete_at_most]:
            self.double.stored.remove(each)
        deleted = min(len(mine), self.double.delete_at_most)
        self._json(200, {"deleted": deleted, "remaining": len(mine) - deleted})

    # The storage

    def _storage(self, match: re.Match[str], query: dict[str, str], body: bytes) -> None:
        link = self.double.links.get(query["signature"], {})
        if match[1] not in link:
            self._answer(403, b"<Error><Code>SignatureDoesNotMatch</Code></Error>")
        elif match[1] == "PUT":
            self._put(link, body)
        else:
            self._get(link["GET"].content)

    def _put(self, link: dict[str, Any], body: bytes) -> None:
        checksum = base64.b64encode(hashlib.sha256(body).digest()).decode()
        if self.headers["x-amz-checksum-sha256"] != link["sha256"] or len(body) != link["size"]:
            self._answer(403, b"<Error><Code>SignatureDoesNotMatch</Code></Error>")
        elif checksum != link["sha256"]:
            self._answer(400, b"<Error><Code>BadDigest</Code></Error>")
        else:
            self.double.add(body, device=link["PUT"], kind=link["kind"], verified=None)
            self._answer(200, b"")

    def _get(self, content: bytes) -> None:
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if asked is None:
            self._answer(200, content)
            return
        start = int(asked[1])
        self._answer(206, content[start:], {"Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"})

    _ROUTES = {  # noqa: RUF012 - never changed
        r"GET /\.well-known/openid-configuration": _discovery,
        r"GET /authorize": _authorize,
        r"POST /token": _token,
        r"POST /v1/devices/([a-z0-9-]+)/backups": _begin_upload,
        r"GET /v1/backups": _list,
        r"POST /v1/devices/([a-z0-9-]+)/backups/(\w+)/download": _begin_download,
        r"DELETE /v1/backups": _delete,
        r"(PUT|GET) /storage": _storage,
    }

    def _mine(self) -> list[Stored]:
        return [each for each in self.double.stored if each.subject == self.double.subject]

    def _is_signed_in(self) -> bool:
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if self.double.access_tokens.get(token, 0) > time.time():
            return True
        self._json(401, {"message": "Unauthorized"})
        return False

    def _link(self, facts: dict[str, Any]) -> str:
        signature = secrets.token_urlsafe()
        self.double.links[signature] = facts
        return f"{self.double.origin}/storage?signature={signature}"

    def _end_of_link(self) -> str:
        return (datetime.now(UTC) + timedelta(minutes=15)).isoformat()

    def _error(self, status: int, code: str, expected: str, found: str) -> None:
        facts = {"code": code, "message": code, "expected": expected, "found": found, "do": "what the server says"}
        self._json(status, {"error": facts})

    def _json(self, status: int, body: object) -> None:
        if self._operation:
            self.double.deviations += self._operation.faults_of_answer(status, json.dumps(body).encode())
        self._answer(status, json.dumps(body).encode(), {"Content-Type": "application/json"})

    def _answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.close_connection = True
        if self._lost:
            return
        self.send_response_only(status)
        headers = {"Date": self.date_time_string(), "Content-Length": str(len(body))} | (headers or {})
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body[: self._cut])
