"""The guards of both regions, asked over Lambda. A region that does not answer soon is silent: an answer, too."""

import json
from functools import cache
from typing import TYPE_CHECKING, Any

from botocore.config import Config
from botocore.exceptions import ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as NoConnectionError

from lambdas.shared.aws import client
from recovery.failover.errors import SilentError

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

# A guard does its shortest work in seconds; what reads tables may take as long as the function that asks can wait.
QUICK_SECONDS, PATIENT_SECONDS = 60, 840
PATIENT = {"changes", "compare", "check"}
# How Lambda says that the region has trouble, and not the guard.
_REGION_ERRORS = {"ServiceException", "ServiceUnavailable", "ServiceUnavailableException", "InternalFailure"}


class RegionalFunctions:
    """Functions of the project in any region, by their names."""

    def __init__(self, guard: str, check: str) -> None:
        self._guard, self._check = guard, check

    def ask(self, region: str, action: str, payload: dict[str, Any]) -> dict[str, Any]:
        """What the region's guard answers. Raises SilentError, or RuntimeError with what the guard raised."""
        return _invoke(region, self._guard, {"action": action, **payload}, patient=action in PATIENT)

    def check(self, region: str, payload: dict[str, Any]) -> dict[str, Any]:
        """What the region's check of its own instance answers. Raises as :meth:`ask` does."""
        return _invoke(region, self._check, payload, patient=True)


def _invoke(region: str, function: str, payload: dict[str, Any], *, patient: bool) -> dict[str, Any]:
    try:
        answer = _client(region, patient).invoke(FunctionName=function, Payload=json.dumps(payload).encode())
        body: dict[str, Any] = json.loads(answer["Payload"].read() or b"{}")
    except (NoConnectionError, HTTPClientError) as error:
        raise SilentError(f"{function} in {region} does not answer: {error}") from error
    except ClientError as error:
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if status >= 500 or error.response.get("Error", {}).get("Code") in _REGION_ERRORS:
            raise SilentError(f"{function} in {region} does not answer: {error}") from error
        raise
    if "FunctionError" in answer:
        raise RuntimeError(f"{function} in {region}: {body.get('errorType')}: {body.get('errorMessage')}")
    return body


@cache
def _client(region: str, patient: bool) -> "LambdaClient":
    config = Config(
        connect_timeout=3,
        read_timeout=PATIENT_SECONDS if patient else QUICK_SECONDS,
        # Once more for a connection that broke, and no more: a guard's actions may be repeated.
        retries={"mode": "standard", "total_max_attempts": 2},
    )
    return client("lambda", region=region, config=config)
