"""An OpenID Connect issuer whose key the tests hold, so that they can sign what no real issuer would."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

KEY_ID = "key-1"
AUDIENCE = "the-app"


def new_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@dataclass(frozen=True)
class Issuer:
    """The issuer: its address, which is its name, and its key."""

    url: str
    key: rsa.RSAPrivateKey

    def claims(self, **changes: Any) -> dict[str, Any]:
        """The claims of a good token; None takes one away."""
        now = int(time.time())
        good = {"iss": self.url, "aud": AUDIENCE, "sub": "user-1", "iat": now - 1, "exp": now + 300}
        return {name: value for name, value in (good | changes).items() if value is not None}

    def token(self, *, key: rsa.RSAPrivateKey | None = None, kid: str = KEY_ID, **changes: Any) -> str:
        """A token with the good claims, but for the changes, signed by this issuer's key or by another."""
        return jwt.encode(self.claims(**changes), key or self.key, algorithm="RS256", headers={"kid": kid})

    def unsigned(self) -> str:
        """A token that says of itself that it needs no signature."""
        return jwt.encode(self.claims(), "", algorithm="none", headers={"kid": KEY_ID})

    def signed_with_the_public_key(self) -> str:
        """HMAC under what everybody knows: some libraries took that for a signature."""
        public = self.key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        algorithm: Any = jwt.get_algorithm_by_name("HS256")
        header = jwt.utils.base64url_encode(json.dumps({"alg": "HS256", "typ": "JWT", "kid": KEY_ID}).encode())
        payload = jwt.utils.base64url_encode(json.dumps(self.claims()).encode())
        signature = jwt.utils.base64url_encode(algorithm.sign(header + b"." + payload, public))
        return b".".join((header, payload, signature)).decode()

    def tampered(self, **changes: Any) -> str:
        """A good token whose claims were changed behind its signature."""
        header, _, signature = self.token().split(".")
        payload = jwt.utils.base64url_encode(json.dumps(self.claims(**changes)).encode()).decode()
        return f"{header}.{payload}.{signature}"


@contextmanager
def running_issuer() -> Iterator[Issuer]:
    """Serve the issuer's documents on this machine."""
    key = new_key()
    public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key()))

    class Documents(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            url = f"http://127.0.0.1:{self.server.server_address[1]}"
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
