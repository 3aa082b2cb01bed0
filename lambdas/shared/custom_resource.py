"""Answers to CloudFormation, which waits for one of every custom resource, failures included."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import urllib3
from aws_lambda_powertools import Logger

logger = Logger()

# CloudFormation takes at most 4096 bytes of answer; the reason must leave room for the rest.
LONGEST_REASON = 1000


def answer_cloudformation(
    event: Mapping[str, Any], physical_id: str, work: Callable[[Mapping[str, Any]], Mapping[str, str]]
) -> None:
    """Do ``work`` on the resource's properties, unless it is deleted, and answer with what it returns or why it failed.

    Raises RuntimeError when CloudFormation does not take the answer.
    """
    status, reason, data = "SUCCESS", "", dict[str, str]()
    try:
        if event["RequestType"] != "Delete":
            data = dict(work(event["ResourceProperties"]))
    # Whatever went wrong belongs in the answer.
    except Exception as error:
        logger.exception("the custom resource failed")
        status, reason = "FAILED", str(error) or type(error).__name__
    body = {
        "Status": status,
        "Reason": reason[:LONGEST_REASON],
        "PhysicalResourceId": event.get("PhysicalResourceId") or physical_id,
        "StackId": event["StackId"],
        "RequestId": event["RequestId"],
        "LogicalResourceId": event["LogicalResourceId"],
        "Data": data,
    }
    # The URL is presigned for a request without a content type.
    response = urllib3.request(
        "PUT",
        event["ResponseURL"],
        body=json.dumps(body).encode(),
        headers={"Content-Type": ""},
        retries=urllib3.Retry(5, backoff_factor=0.5, status_forcelist=(500, 503), allowed_methods=None),
        timeout=10.0,
    )
    if response.status >= 400:
        raise RuntimeError(f"expected CloudFormation to take the answer, found HTTP {response.status}")
