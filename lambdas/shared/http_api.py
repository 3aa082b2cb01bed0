"""API Gateway's HTTP events (payload 2.0) as requests, and answers as it takes them."""

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from aws_lambda_powertools import Logger
from botocore.exceptions import BotoCoreError, ClientError

from recovery.device_backups.keys import Owner, require_device
from recovery.device_backups.refusals import RefusedError

logger = Logger()

RETRY_AFTER_SECONDS = 30


@dataclass(frozen=True)
class Request:
    """A request of the user that the authorizer let in."""

    owner: Owner
    path: Mapping[str, str]
    query: Mapping[str, str]
    body: str

    @property
    def device(self) -> str:
        """The device in the path. Raises :class:`RefusedError` for a name that no device can have."""
        return require_device(self.path["device"])


def answer(
    event: Mapping[str, Any], work: Callable[[Request], object], *, status: HTTPStatus = HTTPStatus.OK
) -> dict[str, Any]:
    """Do ``work`` and answer with what it returns, as JSON; what is refused or fails is told in the API's one form."""
    try:
        return _response(status, work(_request(event)))
    except RefusedError as refusal:
        logger.info("refused", extra={"refusal": refusal.body["error"]["code"]})
        return _refused(refusal)
    except (BotoCoreError, ClientError):
        logger.exception("AWS did not do its part")
        return _refused(
            RefusedError(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "unavailable",
                "the backups cannot be reached just now",
                expected="an answer of the storage",
                found="none",
                do="Try again in a while; nothing was lost.",
                retry_after_seconds=RETRY_AFTER_SECONDS,
            )
        )
    # Whatever went wrong belongs in the log, never in the answer; the alarm on the API's errors sees the status.
    except Exception:
        logger.exception("the request failed")
        return _refused(
            RefusedError(
                HTTPStatus.INTERNAL_SERVER_ERROR,
                "internal",
                "the request failed",
                expected="an answer",
                found="a fault of the service",
                do="Try again; tell us if it happens twice.",
            )
        )


def _request(event: Mapping[str, Any]) -> Request:
    claims = event["requestContext"]["authorizer"]["jwt"]["claims"]
    return Request(
        owner=Owner.of(claims.get("sub")),
        path=event.get("pathParameters") or {},
        query=event.get("queryStringParameters") or {},
        body=_body(event),
    )


def _body(event: Mapping[str, Any]) -> str:
    body: str = event.get("body") or ""
    if not event.get("isBase64Encoded"):
        return body
    # What is no text is no JSON either, and is refused as such.
    return base64.b64decode(body).decode(errors="replace")


def _refused(refusal: RefusedError) -> dict[str, Any]:
    wait = refusal.retry_after_seconds
    headers = {} if wait is None else {"retry-after": str(wait)}
    return _response(refusal.status, refusal.body, headers)


def _response(status: HTTPStatus, body: object, headers: Mapping[str, str] | None = None) -> dict[str, Any]:
    return {
        "statusCode": int(status),
        # Links are secrets of whoever asked for them.
        "headers": {"content-type": "application/json", "cache-control": "no-store", **(headers or {})},
        "body": json.dumps(body),
    }
