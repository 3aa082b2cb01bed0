"""How ``dr`` reaches AWS: an environment's names, clients that give up, and one line for what AWS refuses."""

# pyright: reportUnknownMemberType=false
# boto3-stubs types the clients it is installed for; the overloads of all others are unknown.

import re
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import boto3
import typer
from botocore import loaders
from botocore import session as sessions
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,  # noqa: A004 - botocore's own
    CredentialRetrievalError,
    HTTPClientError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOTokenLoadError,
    TokenRetrievalError,
)

from operations.terminal import InputError
from recovery.instances import active_region, find_instance
from recovery.names import PRIMARY_REGION, RECOVERY_REGION, Names

if TYPE_CHECKING:
    from mypy_boto3_rds import RDSClient

REGIONS = (PRIMARY_REGION, RECOVERY_REGION)
Environment = Annotated[str, typer.Option(help="The environment, as prod or staging.", show_default=False)]

# A region that is down mostly does not answer at all: whoever waits for it at night waits this long, twice.
_CONNECT_SECONDS, _READ_SECONDS, _ATTEMPTS = 3, 5, 2
_NO_CREDENTIALS = (
    NoCredentialsError,
    PartialCredentialsError,
    CredentialRetrievalError,
    ProfileNotFound,
    SSOTokenLoadError,
    TokenRetrievalError,
)
_BAD_CREDENTIALS = {
    "AuthFailure",
    "ExpiredToken",
    "ExpiredTokenException",
    "IncompleteSignature",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "MissingAuthenticationToken",
    "RequestExpired",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
}
_SILENT_STATUS = 500
# What botocore knows of the services' APIs; to read it is most of the cost of making a client.
_LOADER = loaders.create_loader()


def client(
    service: Any,  # noqa: ANN401 - the caller says which client it is
    region: str | None,
    *,
    read_seconds: int = _READ_SECONDS,
    attempts: int = _ATTEMPTS,
) -> Any:  # noqa: ANN401
    """A client that gives up soon, unless told to wait; of the AWS profile's region where that is None.

    Safe to use from a thread of its own.
    """
    config = Config(
        connect_timeout=_CONNECT_SECONDS,
        read_timeout=read_seconds,
        retries={"total_max_attempts": attempts, "mode": "standard"},
    )
    # A session of its own: the default one is not safe to use from several threads, and keeps the credentials that it
    # was first asked with.
    own = sessions.get_session()
    own.register_component("data_loader", _LOADER)
    session: Any = boto3.Session(botocore_session=own)
    return session.client(service, region_name=region, config=config)


def read_region(value: str) -> str:
    """One of the two regions. Raises :class:`InputError` for any other: nothing of an environment lies there."""
    if value not in REGIONS:
        raise InputError(f"--region: expected {' or '.join(REGIONS)}, found {value!r}: an environment has these two")
    return value


def names_of(environment: str, region: str) -> Names:
    """The environment's names, in the account of the credentials.

    Raises :class:`InputError` for what is no environment's name, botocore's ClientError or BotoCoreError.
    """
    if not re.fullmatch(r"[a-z][a-z0-9-]{0,19}", environment):
        raise InputError(f"--environment: expected a name such as prod or staging, found {environment!r}")
    return Names(environment=environment, account=client("sts", region).get_caller_identity()["Account"])


def names_anywhere(environment: str) -> Names:
    """The environment's names, asked of whichever region answers; errors as of :func:`names_of`."""
    try:
        return names_of(environment, RECOVERY_REGION)
    except (BotoCoreError, ClientError) as error:
        if not is_silence(error):
            raise
    return names_of(environment, PRIMARY_REGION)


def serving_names(environment: str) -> tuple[Names, str]:
    """The environment's names and the region it serves from now; errors as of :func:`names_of`."""
    names = names_anywhere(environment)
    rds: RDSClient = client("rds", names.recovery_region)
    try:
        return names, active_region(names, find_instance(rds, names.replica_identifier))
    except (BotoCoreError, ClientError) as error:
        if not is_silence(error):
            raise
    # Where the recovery region does not answer, only the other can serve.
    return names, names.primary_region


def names_and_region(environment: str, region: str | None) -> tuple[Names, str]:
    """The environment's names, and the region to act in: the one asked for, or else the one it serves from now.

    Where the region is given, nothing is asked of the other. Raises :class:`InputError`.
    """
    asked = RECOVERY_REGION if region is None else read_region(region)
    with aws_in(asked, f"to find {environment}"):
        return serving_names(environment) if region is None else (names_of(environment, asked), asked)


def is_silence(error: Exception) -> bool:
    """Whether the region did not answer, rather than refuse."""
    if isinstance(error, ClientError):
        return _http_status(error) >= _SILENT_STATUS
    return isinstance(error, (ConnectionError, HTTPClientError))


def _http_status(error: ClientError) -> int:
    return error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)


def reason(error: Exception, region: str | None) -> str:
    """What AWS said, as what was found and what to do, in one line."""
    if isinstance(error, _NO_CREDENTIALS):
        return f"no usable AWS credentials ({error}): sign in, or set AWS_PROFILE"
    if is_silence(error):
        how = f"HTTP {_http_status(error)}" if isinstance(error, ClientError) else type(error).__name__
        return f"{region or 'the region'} does not answer ({how}): see whether the region is down"
    if isinstance(error, ClientError):
        code = error.response.get("Error", {}).get("Code", "")
        if code in _BAD_CREDENTIALS:
            return f"AWS refuses the credentials ({code}): sign in again"
        if "AccessDenied" in code or "UnauthorizedOperation" in code:
            return f"the credentials may not do this ({error}): use a role that may"
    return f"{error}: check the names, the region and the AWS credentials"


@contextmanager
def aws_in(region: str | None, what: str) -> Generator[None]:
    """Say in one line what AWS refuses; None is the profile's region. Raises :class:`InputError` for it."""
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        raise InputError(f"expected {what}, found: {reason(error, region)}") from None
