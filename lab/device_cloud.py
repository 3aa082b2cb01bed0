"""The deployed device API as a phone in the lab reaches it: where it is, and how a user signs in."""

import base64
import hashlib
import json
import secrets
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlencode, urlsplit

import urllib3

from lab.cloud import Cloud, LabError
from lab.deployment import Deployment

if TYPE_CHECKING:
    from mypy_boto3_cognito_idp import CognitoIdentityProviderClient

# Which stack holds the API of which region.
PRIMARY, RECOVERY = "DeviceBackups", "RecoveryFoundation"


@dataclass(frozen=True)
class Tokens:
    """What the issuer gives to a signed-in app."""

    access: str
    id: str
    refresh: str


@dataclass(frozen=True)
class DeviceCloud:
    """The device API of a deployed lab. Tokens are real: signed by the user pool, for the app's client."""

    cloud: Cloud
    deployment: Deployment

    def api_url(self, stack: str = PRIMARY) -> str:
        """Where the API of a region answers, without a name to be resolved."""
        api_id = urlsplit(self.deployment.output(stack, "DeviceApiUrl")).netloc.split(".")[0]
        return f"{self.cloud.endpoint}/_aws/execute-api/{api_id}/$default"

    @property
    def issuer(self) -> str:
        """What stands in the tokens as ``iss``."""
        return self.deployment.output(RECOVERY, "SignInIssuer")

    @property
    def client_id(self) -> str:
        """The app's client, who is the tokens' audience."""
        return self.deployment.output(RECOVERY, "SignInAudience")

    def replicate(self) -> None:
        """Switch the bucket's replication on: the emulator loses what the template says of it."""
        bucket, replica = (
            self.deployment.output(PRIMARY, "BucketName"),
            self.deployment.output(RECOVERY, "DeviceReplicaBucketName"),
        )
        self.cloud.clients(self.deployment.primary_region).s3.put_bucket_replication(
            Bucket=bucket,
            ReplicationConfiguration={
                "Role": f"arn:aws:iam::{self.cloud.account}:role/replication",
                "Rules": [
                    {
                        "Status": "Enabled",
                        "Priority": 1,
                        "Filter": {"Prefix": ""},
                        "DeleteMarkerReplication": {"Status": "Disabled"},
                        "Destination": {"Bucket": f"arn:aws:s3:::{replica}"},
                    }
                ],
            },
        )

    def sign_up(self, email: str, password: str) -> None:
        """Make a user whose address is confirmed."""
        self._cognito.admin_create_user(
            UserPoolId=self._pool,
            Username=email,
            UserAttributes=[{"Name": "email", "Value": email}, {"Name": "email_verified", "Value": "true"}],
            MessageAction="SUPPRESS",
        )
        self._cognito.admin_set_user_password(UserPoolId=self._pool, Username=email, Password=password, Permanent=True)

    def sign_in(self, email: str, password: str) -> Tokens:
        """Sign in as the app does: authorization code with PKCE, through the pool's login page.

        Raises :class:`LabError` when the pool does not let the user in.
        """
        verifier = secrets.token_urlsafe(48)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        asked = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self._redirect,
            "scope": "openid",
            "state": secrets.token_urlsafe(16),
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        back = self.enter(f"{self.cloud.endpoint}/oauth2/authorize?{urlencode(asked)}", email, password)
        returned = parse_qs(urlsplit(back).query)
        if returned.get("state") != [asked["state"]]:
            raise LabError(f"expected the state to come back, found {returned.get('state')}")
        exchange = {
            "grant_type": "authorization_code",
            "client_id": self.client_id,
            "code": returned["code"][0],
            "redirect_uri": self._redirect,
            "code_verifier": verifier,
        }
        answer = self._form("/oauth2/token", exchange)
        _expect(answer.status, 200, "tokens", answer.data)
        tokens: dict[str, Any] = answer.json()
        return Tokens(tokens["access_token"], tokens["id_token"], tokens["refresh_token"])

    def enter(self, address: str, email: str, password: str) -> str:
        """Open the pool's login page and enter a password, as in a browser; the address that leads back to the app.

        Raises :class:`LabError` when the pool does not let the user in.
        """
        page = self._http.request("GET", address)
        _expect(page.status, 200, "the login page", page.data)
        asked = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        answer = self._form("/login", asked | {"username": email, "password": password})
        _expect(answer.status, 302, "a redirect to the app", answer.data)
        return answer.headers["location"]

    def call(
        self, method: str, path: str, *, token: str | None, stack: str = PRIMARY, body: object = None
    ) -> urllib3.BaseHTTPResponse:
        """Call the API."""
        headers = {"content-type": "application/json"} | ({} if token is None else {"authorization": f"Bearer {token}"})
        content = None if body is None else json.dumps(body)
        return self._http.request(method, f"{self.api_url(stack)}{path}", headers=headers, body=content)

    def send(self, link: dict[str, Any], content: bytes | None = None) -> urllib3.BaseHTTPResponse:
        """Use a link that the API gave."""
        return self._http.request(link["method"], link["url"], headers=link["headers"], body=content)

    @cached_property
    def _http(self) -> urllib3.PoolManager:
        return urllib3.PoolManager(retries=False, timeout=urllib3.Timeout(connect=5, read=60))

    @cached_property
    def _cognito(self) -> "CognitoIdentityProviderClient":
        return self.cloud.clients(self.deployment.recovery_region).cognito

    @property
    def _pool(self) -> str:
        return self.issuer.rpartition("/")[2]

    @cached_property
    def _redirect(self) -> str:
        client = self._cognito.describe_user_pool_client(UserPoolId=self._pool, ClientId=self.client_id)
        return client["UserPoolClient"].get("CallbackURLs", [""])[0]

    def _form(self, path: str, fields: dict[str, str]) -> urllib3.BaseHTTPResponse:
        return self._http.request(
            "POST",
            f"{self.cloud.endpoint}{path}",
            body=urlencode(fields),
            headers={"content-type": "application/x-www-form-urlencoded"},
            redirect=False,
        )


def _expect(status: int, wanted: int, what: str, content: bytes) -> None:
    if status != wanted:
        raise LabError(f"expected {what} (HTTP {wanted}), found HTTP {status}: {content[:200]!r}")
