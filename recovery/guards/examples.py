"""Each rule's good and bad example: the two regions in ``example``, and the one change that breaks the rule."""

import copy
from functools import cache
from pathlib import Path
from typing import Any, cast

from recovery.guards.reading import parse
from recovery.guards.rule import Change
from recovery.guards.templates import Assembly, Json, dig
from recovery.guards.values import Value

FOLDER = Path(__file__).parent / "example"


@cache
def _templates() -> dict[str, tuple[str, Json]]:
    """Region and template of each stack of the example."""
    files = sorted(FOLDER.glob("*/*.yaml"))
    return {file.stem: (file.parent.name, parse(file.read_text(encoding="utf-8"), file.name)) for file in files}


def example(change: Change | None = None) -> Assembly:
    """The good example, or the bad one that ``change`` makes of it."""
    assembly = Assembly()
    for name, (region, template) in _templates().items():
        changed = copy.deepcopy(template)
        if change is not None and change.resource.partition(".")[0] == name:
            apply(changed, change)
        assembly.add(name, changed, known_region=region)
    return assembly


def apply(template: Json, change: Change) -> None:
    """Carry a change out on its stack's template."""
    resources = cast(Json, template["Resources"])
    name = change.resource.partition(".")[2]
    if not change.path:
        resources[name] = change.value
    elif change.path.startswith("^"):
        put(resources[name], change.path[1:], change.value)
    else:
        put(resources[name].setdefault("Properties", {}), change.path, change.value)


def put(body: Value, path: str, value: Value) -> None:
    """Set what is at a dotted path, which may be one item beyond a list's end; None takes it away."""
    *way, last = path.split(".")
    for key in way:
        body = cast(list[Any], body)[int(key)] if isinstance(body, list) else cast(Json, body).setdefault(key, {})
    if isinstance(body, list):
        items = cast(list[Any], body)
        items[int(last) : int(last) + 1] = [] if value is None else [value]
    elif value is None:
        cast(Json, body).pop(last, None)
    else:
        body[last] = value


def good_value(change: Change) -> Value:
    """What stands in the good example where ``change`` changes it; None when nothing does."""
    stack, _, name = change.resource.partition(".")
    body = cast(Json, _templates()[stack][1]["Resources"]).get(name)
    if body is None or not change.path:
        return body
    return body.get(change.path[1:]) if change.path.startswith("^") else dig(body.get("Properties"), change.path)
