"""Sings: publishes the metric whose alarm has to travel all the way to on-call's tools. EventBridge calls it."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from lambdas.shared.metrics import COUNT, publish
from lambdas.shared.settings import Settings


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001 - Lambda's signature
    """Publish one note."""
    publish(Settings.read(), {"CanarySung": (COUNT, 1)})
    return {"sung": True}
