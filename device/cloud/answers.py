"""What an answer of the API or of S3 means when it is no success."""

import json
import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import cast

import requests

from device.cloud.errors import (
    LOG_IN,
    AlreadyThereError,
    ArchivedError,
    ClockSkewError,
    CloudError,
    ExpiredLinkError,
    ForbiddenError,
    NotInCloudError,
    QuotaError,
    ServerError,
    SignedOutError,
    TooLargeError,
    TransferError,
)
from device.limits import CLOCK_SKEW_SECONDS, LONGEST_WAIT_SECONDS

_TRY_LATER = "try again later; the backup on this device is safe"
_NEW_LINK = "start again, a new link is made"

_BY_STATUS: dict[int, tuple[type[CloudError], str, str]] = {
    401: (SignedOutError, "a sign-in that the server takes", LOG_IN),
    403: (ForbiddenError, "the right to do this", "sign in as the user whose backups these are"),
    404: (NotInCloudError, "that backup in the cloud", "look with `duskspendr-backup cloud list`"),
    413: (TooLargeError, "a backup of a size that the server takes", "keep it on another medium, and tell the support"),
}

# The API's own codes, where the status alone does not tell.
_BY_API_CODE: dict[str, tuple[type[CloudError], str, str]] = {
    "already-there": (AlreadyThereError, "a backup that is not in the cloud yet", "nothing, it is safe there"),
    "archived": (ArchivedError, "a backup that can be read at once", "ask again in 5 hours, it is being fetched"),
}

# S3 tells by a code in XML what its status leaves open:
# https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
_BY_S3_CODE: dict[str, tuple[type[CloudError], str, str, bool]] = {
    "ExpiredToken": (ExpiredLinkError, "a link that still holds", _NEW_LINK, True),
    # Another upload came first, or ours did and only its answer was lost: a new link tells which.
    "PreconditionFailed": (ExpiredLinkError, "a link whose upload is still to come", _NEW_LINK, True),
    "ConditionalRequestConflict": (ExpiredLinkError, "a link whose upload is still to come", _NEW_LINK, True),
    "RequestTimeout": (ServerError, "the whole file in time", _TRY_LATER, True),
    "SlowDown": (ServerError, "an answer of the storage", _TRY_LATER, True),
    "BadDigest": (TransferError, "the file with the checksum that was announced", "start again", True),
    "XAmzContentChecksumMismatch": (
        TransferError,
        "the file with the checksum that was announced",
        "start again",
        True,
    ),
    "InvalidObjectState": (
        ArchivedError,
        "a backup that can be read at once",
        "ask the support to bring it back",
        False,
    ),
}


def error_of(response: requests.Response) -> CloudError:
    """The error that a response with a status from 400 up, or another one nobody expects, stands for."""
    found, said = _found(response), _said(response)
    if response.status_code == 401 and (skew := _skew(response)) is not None:
        return ClockSkewError(
            expected="a clock that is right",
            found=f"one that is {skew} off",
            do="set this device's clock, and start again",
        )
    if (s3_code := _s3_code(response)) and (error := _s3_error(s3_code, found, response)):
        return error
    if response.status_code == 429 or response.status_code >= 500:
        return _later(response, found)
    known = _BY_API_CODE.get(said.get("code", "")) or _BY_STATUS.get(response.status_code)
    if known is not None:
        kind, expected, do = known
        return kind(expected=said.get("expected", expected), found=found, do=said.get("do", do))
    return ServerError(
        expected="an answer that this client knows",
        found=found,
        do="check the address of the API; a network that asks for its own sign-in answers like this too",
    )


def _s3_error(code: str, found: str, response: requests.Response) -> CloudError | None:
    if code == "AccessDenied" and "expired" in response.text:
        code = "ExpiredToken"
    if code not in _BY_S3_CODE:
        return None
    kind, expected, do, passing = _BY_S3_CODE[code]
    return kind(expected=expected, found=found, do=do, passing=passing)


def _later(response: requests.Response, found: str) -> CloudError:
    """What passes by itself, soon or at a time that the server tells."""
    kind = QuotaError if response.status_code == 429 else ServerError
    said, seconds = _said(response), _retry_after(response)
    do = said.get("do", _TRY_LATER)
    if seconds is not None:
        do = f"try again after {datetime.now().astimezone() + timedelta(seconds=seconds):%Y-%m-%d %H:%M}; {do}"
    return kind(
        expected=said.get("expected", "the server to do what was asked"),
        found=found,
        do=do,
        passing=seconds is None or seconds <= LONGEST_WAIT_SECONDS,
        retry_after_seconds=seconds,
    )


def _retry_after(response: requests.Response) -> float | None:
    """RFC 9110, 10.2.3: seconds or a date."""
    value = response.headers.get("Retry-After", "")
    if value.isdecimal():
        return float(value)
    try:
        return max(0.0, (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError):
        return None


def _skew(response: requests.Response) -> timedelta | None:
    """How far this clock is from the server's, where that is too far."""
    try:
        theirs = parsedate_to_datetime(response.headers.get("Date", ""))
        skew = abs(datetime.now(UTC) - theirs)
    except (TypeError, ValueError):
        return None
    return skew if skew > timedelta(seconds=CLOCK_SKEW_SECONDS) else None


def _said(response: requests.Response) -> dict[str, str]:
    """The API's own words, where the answer has them."""
    try:
        body = json.loads(response.text)
    except ValueError:
        return {}
    error = cast("dict[str, object]", body).get("error") if isinstance(body, dict) else None
    if not isinstance(error, dict):
        return {}
    return {key: value for key, value in cast("dict[str, object]", error).items() if isinstance(value, str) and value}


def _found(response: requests.Response) -> str:
    said = _said(response)
    words = said.get("found") or said.get("message") or _s3_code(response) or response.reason or ""
    return f"HTTP {response.status_code} {words}".rstrip()


def _s3_code(response: requests.Response) -> str | None:
    match = re.search(r"<Code>(\w+)</Code>", response.text)
    return match[1] if match else None
