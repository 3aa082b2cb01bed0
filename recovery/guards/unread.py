"""Parts of templates that no rule can look at, because CloudFormation makes resources of them at deploy."""

from collections.abc import Iterator
from typing import Any, cast

from recovery.guards.finding import NotRead
from recovery.guards.templates import Assembly, Stack
from recovery.guards.values import Value, listed

LOOP, MACRO = "Fn::ForEach::", "Fn::Transform"
_NESTED, _MODULE = "AWS::CloudFormation::Stack", "::MODULE"


def unread(assembly: Assembly) -> Iterator[NotRead]:
    """What was not looked at, and why."""
    names = {stack.name for stack in assembly.stacks}
    for stack in assembly.stacks:
        for path, reason in _of_stack(stack, names):
            yield NotRead(stack=stack.name, file=stack.file, path=path, reason=reason)


def _of_stack(stack: Stack, names: set[str]) -> Iterator[tuple[str, str]]:
    for each in listed(stack.template.get("Transform")):
        name = cast(dict[str, Any], each).get("Name") if isinstance(each, dict) else each
        yield "Transform", f"what {name} makes of the template is known to CloudFormation only"
    yield from _expanded(stack.template, "")
    for name, resource in stack.resources.items():
        if resource.type == _NESTED and f"{stack.name}/{name}" not in names:
            yield f"Resources.{name}", "the template of this nested stack is none of these"
        elif resource.type.endswith(_MODULE):
            yield f"Resources.{name}", f"the resources of the module {resource.type} are made by CloudFormation"


def _expanded(value: Value, path: str) -> Iterator[tuple[str, str]]:
    """Loops and macros within a template, wherever they stand."""
    if isinstance(value, dict):
        for key, each in cast(dict[str, Any], value).items():
            where = f"{path}.{key}" if path else key
            if key.startswith(LOOP) or key == MACRO:
                yield where, f"{key} is carried out by CloudFormation only"
            else:
                yield from _expanded(each, where)
    elif isinstance(value, list):
        for index, each in enumerate(cast(list[Any], value)):
            yield from _expanded(each, f"{path}.{index}")
