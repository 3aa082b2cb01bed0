"""An OpenID Connect issuer whose key the tests hold, so that they can sign what no real issuer would."""

import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

from joserfc import jwt
from joserfc.jwk import RSAKey

KEY_ID = "key-1"
AUDIENCE = "the-app"


def new_key() -> RSAKey:
    return RSAKey.generate_key(2048)


@dataclass(frozen=True)
class Issuer:
    """The issuer: its address, which is its name, and its key."""

    url: str
    key: RSAKey

    def claims(self, **changes: Any) -> dict[str, Any]:
        """The claims of a good token; None takes one away."""
        now = int(time.time())
        good = {"iss": self.url, "aud": AUDIENCE, "sub": "user-1", "iat": now - 1, "exp": now + 300}
        return {name: value for name, value in (good | changes).items() if value is not None}

    def token(self, *, key: RSAKey | None = None, kid: str = KEY_ID, **changes: Any) -> str:
        """A token with the good claims, but for the changes, signed by this issuer's key or by another."""
        return jwt.encode({"alg": "RS256", "kid": kid}, self.claims(**changes), key or self.key)

    def unsigned(self) -> str:
        """A token that says of itself that it needs no signature."""
        return f"{_part({'alg': 'none', 'kid': KEY_ID})}.{_part(self.claims())}."

    def signed_with_the_public_key(self) -> str:
        """HMAC under what everybody knows: some libraries took that for a signature."""
        signed = f"{_part({'alg': 'HS256', 'kid': KEY_ID})}.{_part(self.claims())}"
        digest = hmac.new(self.key.as_pem(private=False), signed.encode(), hashlib.sha256).digest()
        return f"{signed}.{_base64url(digest)}"

    def tampered(self, **changes: Any) -> str:
        """A good token whose claims were changed behind its signature."""
        header, _, signature = self.token().split(".")
        return f"{header}.{_part(self.claims(**changes))}.{signature}"


def _part(value: dict[str, Any]) -> str:
    return _base64url(json.dumps(value).encode())


def _base64url(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


@contextmanager
def running_issuer() -> Generator[Issuer]:
    """Serve the issuer's documents on this machine."""
    key = new_key()
    public = dict(key.as_dict(private=False))

    class Documents(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            url = f"http://{self.headers['host']}"
            documents = {
                "/.well-known/openid-configuration": {"issuer": url, "jwks_uri": f"{url}/keys"},
                "/keys": {"keys": [public | {"kid": KEY_ID, "use": "sig", "alg": "RS256"}]},
            }
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(documents[self.path]).encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
            """Keep the tests' output clean."""

    with HTTPServer(("127.0.0.1", 0), Documents) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield Issuer(f"http://127.0.0.1:{server.server_port}", key)
        server.shutdown()
        thread.join()
