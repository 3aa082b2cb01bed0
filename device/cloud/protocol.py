"""OpenID Connect for an app on a device: authorization code with PKCE on a loopback redirect, and refresh tokens.

RFC 8252 and RFC 7636, spoken by Authlib. Any issuer that tells its endpoints by OpenID Connect Discovery will do.
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# Authlib ships no types.

import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests
from authlib.common.security import generate_token
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from pydantic import BaseModel, SecretStr, ValidationError

from device.cloud.errors import LOG_IN, LoginError, OfflineError, ServerError, SignedOutError
from device.cloud.requesting import answered, check_address, host_of
from device.limits import CLOUD_TIMEOUTS_SECONDS

_VERIFIER_LETTERS = 64  # RFC 7636: 43 to 128


class Issuer(BaseModel):
    """What an issuer tells of itself, of OpenID Connect Discovery 1.0 what is needed here."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    scopes_supported: tuple[str, ...] = ()
    code_challenge_methods_supported: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Tokens:
    """What an issuer gave; ``expires_at`` in seconds since 1970."""

    access_token: SecretStr
    refresh_token: SecretStr | None
    expires_at: float | None


def discover(issuer: str) -> Issuer:
    """Ask an issuer for its endpoints. Raises :class:`LoginError` and :class:`CloudError`."""
    check_address(issuer, "the issuer")
    url = f"{issuer.rstrip('/')}/.well-known/openid-configuration"
    with answered("GET", url) as response:
        try:
            found = Issuer.model_validate_json(response.content)
        except ValidationError as error:
            what = f"{'.'.join(map(str, error.errors()[0]['loc'])) or 'a document'}: {error.errors()[0]['msg']}"
            raise LoginError(expected=f"OpenID Connect Discovery at {url}", found=what, do="check --issuer") from None
    if found.issuer.rstrip("/") != issuer.rstrip("/"):
        raise LoginError(
            expected=f"the issuer {issuer}", found=f"one that calls itself {found.issuer}", do="check --issuer"
        )
    if found.code_challenge_methods_supported is not None and "S256" not in found.code_challenge_methods_supported:
        raise LoginError(expected="an issuer that knows PKCE with S256", found="one without", do="use another issuer")
    check_address(found.authorization_endpoint, "the authorization endpoint")
    check_address(found.token_endpoint, "the token endpoint")
    return found


class Authorization:
    """One attempt to sign in: the address for the browser, and tokens for what comes back from it."""

    def __init__(self, issuer: Issuer, *, client_id: str, redirect_uri: str) -> None:
        # Cognito refuses scopes it does not know, others give refresh tokens for this one only.
        scope = "openid offline_access" if "offline_access" in issuer.scopes_supported else "openid"
        self._issuer = issuer
        self._session = OAuth2Session(client_id, scope=scope, redirect_uri=redirect_uri, code_challenge_method="S256")
        self._verifier = generate_token(_VERIFIER_LETTERS)
        url, state = self._session.create_authorization_url(issuer.authorization_endpoint, code_verifier=self._verifier)
        self.url = url
        self._state = state

    def is_answered_by(self, callback: str) -> bool:
        """Whether the address that a browser called is the answer to this attempt and to no other."""
        return _parameters(callback).get("state") == self._state

    def exchange(self, callback: str) -> Tokens:
        """Exchange the code that came back. Raises :class:`LoginError` and :class:`OfflineError`."""
        answer = _parameters(callback)
        if answer.get("iss", self._issuer.issuer) != self._issuer.issuer:  # RFC 9207
            raise LoginError(expected=f"an answer of {self._issuer.issuer}", found=f"one of {answer['iss']}", do=LOG_IN)
        if "code" not in answer:
            reason = answer.get("error_description") or answer.get("error") or "an answer without a code"
            raise LoginError(expected="the sign-in to succeed", found=reason, do="try again")
        try:
            token = self._session.fetch_token(
                self._issuer.token_endpoint,
                authorization_response=callback,
                state=self._state,
                code_verifier=self._verifier,
                timeout=CLOUD_TIMEOUTS_SECONDS,
            )
            return _tokens(token)
        except OAuthError as error:
            raise LoginError(expected="tokens for the code", found=str(error), do="try again") from None
        except (requests.RequestException, ValueError):
            raise _no_token(self._issuer.token_endpoint) from None


def renew(token_endpoint: str, client_id: str, refresh_token: SecretStr) -> Tokens:
    """New tokens for a refresh token, which stays where an issuer gives no new one.

    Raises :class:`SignedOutError` when it holds no more, and :class:`OfflineError`.
    """
    session = OAuth2Session(client_id)
    try:
        token = session.refresh_token(
            token_endpoint, refresh_token=refresh_token.get_secret_value(), timeout=CLOUD_TIMEOUTS_SECONDS
        )
        return _tokens(token)
    except OAuthError as error:
        raise SignedOutError(expected="a sign-in that still holds", found=str(error), do=LOG_IN) from None
    except (requests.RequestException, ValueError):
        raise _no_token(token_endpoint) from None


def _tokens(token: Any) -> Tokens:  # noqa: ANN401 - Authlib's dict
    access = token.get("access_token")
    if not isinstance(access, str) or str(token.get("token_type", "")).lower() != "bearer":
        raise ServerError(expected="a bearer token of the issuer", found="something else", do="use another issuer")
    refresh, expires_in = token.get("refresh_token"), token.get("expires_in")
    return Tokens(
        access_token=SecretStr(access),
        refresh_token=SecretStr(refresh) if refresh else None,
        expires_at=time.time() + float(expires_in) if expires_in else None,
    )


def _parameters(url: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


def _no_token(endpoint: str) -> OfflineError:
    return OfflineError(
        expected=f"tokens of {host_of(endpoint)}",
        found="no answer that could be read",
        do="check the connection and try again",
        passing=True,
    )
