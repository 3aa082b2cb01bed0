"""Executions of deployed state machines, started as an operator would and waited for."""

import json
import uuid
from typing import Any

from lab.cloud import Cloud, LabError
from lab.polling import wait_for


def execute(cloud: Cloud, region: str, machine_arn: str) -> dict[str, Any]:
    """Run a machine to its end and return its output. Raises :class:`LabError` with the cause when it failed."""
    states = cloud.clients(region).states
    execution = states.start_execution(stateMachineArn=machine_arn, name=f"lab-{uuid.uuid4()}")["executionArn"]

    def ended() -> str | None:
        status = states.describe_execution(executionArn=execution)["status"]
        return status if status != "RUNNING" else None

    status = wait_for(f"the execution {execution}", ended)
    found = states.describe_execution(executionArn=execution)
    if status != "SUCCEEDED":
        raise LabError(f"{machine_arn} ended {status}: {found.get('error')}: {found.get('cause')}")
    return json.loads(found.get("output", "{}"))
