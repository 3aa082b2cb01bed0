"""What the deployed state machines do with the functions, step by step and in this process."""

import itertools
import json
from typing import Any

from lambdas.check_restore.handler import handler as check_restore
from lambdas.describe_restore.handler import handler as describe_restore
from lambdas.judge_restore.handler import handler as judge_restore
from lambdas.manifest.handler import handler as manifest

Json = dict[str, Any]

_executions = itertools.count(1)


def take_manifest(context: Any, execution: str | None = None) -> Json:
    """Plan, every slice, assemble; returns the last step's answer."""
    name = execution or f"manifest-{next(_executions)}"
    plan = manifest({"step": "plan", "execution": name}, context)
    for number in plan["parts"]:
        manifest({"step": "part", "execution": name, "part": number}, context)
    return manifest({"step": "assemble", "execution": name}, context)


def verify(event: Json, context: Any, execution: str = "execution-1") -> tuple[Json, Json]:
    """Describe, plan, every part, judge; returns the state that the judge was handed, and its answer."""
    state: Json = {"input": event, "execution": execution}
    state["restore"] = described = describe_restore({"input": event}, context)
    if described["checkable"]:
        _check(state, context)
    return state, judge_restore(json.loads(json.dumps(state)), context)


def _check(state: Json, context: Any) -> None:
    carried = {"execution": state["execution"], "restore": state["restore"]}
    try:
        state["plan"] = plan = check_restore({"step": "plan", **carried}, context)
    except Exception as error:
        state["error"] = {"Error": type(error).__name__, "Cause": str(error)}
        return
    state["answers"] = [check_restore({"step": "part", **carried, "part": part}, context) for part in plan["parts"]]
