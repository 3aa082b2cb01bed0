"""Follows a template's references as far as can be done without deploying it.

What only a deployment knows (a generated id, a parameter without default) never becomes a guess: generated names
become tokens that :meth:`~recovery.guards.templates.Assembly.resource_of` leads back to their resource, everything
else becomes :class:`~recovery.guards.unresolved.Unresolved`.
"""

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from recovery.guards.naming import attribute, reference
from recovery.guards.unresolved import Resolved, Unresolved
from recovery.guards.values import Value, listed

if TYPE_CHECKING:
    from recovery.guards.templates import Stack

# How deep references may lead through parameters, mappings and exports before they must be going in circles.
MAX_DEPTH = 60


@dataclass(frozen=True)
class _Nothing:
    """AWS::NoValue: the property is not there."""


NOTHING = _Nothing()


class _MalformedError(ValueError):
    """A function has other arguments than CloudFormation gives it."""


def _arguments(argument: object, count: int) -> list[Value]:
    if not isinstance(argument, list) or len(cast(list[object], argument)) != count:
        raise _MalformedError
    return cast(list[Any], argument)


def resolve(stack: "Stack", value: object, depth: int = 0) -> Value:
    """``value`` with every function of CloudFormation carried out; Unresolved stands where that cannot be done."""
    if depth > MAX_DEPTH:
        return Unresolved("the references go in circles")
    if isinstance(value, list):
        items = [resolve(stack, item, depth + 1) for item in cast(list[object], value)]
        return [item for item in items if item is not NOTHING]
    if not isinstance(value, dict):
        return value
    mapping = cast(dict[str, object], value)
    if len(mapping) == 1:
        ((name, argument),) = mapping.items()
        function = _FUNCTIONS.get(name)
        if function is not None:
            try:
                return function(stack, argument, depth + 1)
            except _MalformedError:
                return Unresolved(f"{name} is not written as CloudFormation takes it")
        if name.startswith("Fn::"):
            return Unresolved(f"{name} is carried out by CloudFormation only")
    resolved = {key: resolve(stack, item, depth + 1) for key, item in mapping.items()}
    return Resolved((key, item) for key, item in resolved.items() if item is not NOTHING)


def condition_holds(stack: "Stack", name: str, depth: int = 0) -> bool | Unresolved:
    """Whether a template's condition holds, with the parameters' defaults."""
    if name not in stack.conditions:
        return Unresolved(f"there is no condition {name}")
    found = resolve(stack, stack.conditions[name], depth)
    return found if isinstance(found, bool | Unresolved) else Unresolved(f"the condition {name} is no condition")


def _ref(stack: "Stack", argument: object, _: int) -> Value:
    name = str(argument)
    if name == "AWS::NoValue":
        return NOTHING
    pseudo = stack.pseudo_parameters
    if name in pseudo:
        return pseudo[name]
    if name in stack.parameters:
        parameter = stack.parameters[name]
        default = parameter.get("Default")
        kind = str(parameter.get("Type", "String"))
        if default is None or kind.startswith("AWS::SSM::"):
            return Unresolved(f"the parameter {name} is given at deploy")
        return str(default).split(",") if "List" in kind else default
    if name in stack.resources:
        return reference(stack.resources[name])
    return Unresolved(f"there is no {name} to refer to")


def _get_att(stack: "Stack", argument: object, _depth: int) -> Value:
    parts = argument.split(".", 1) if isinstance(argument, str) else _arguments(argument, 2)
    if len(parts) != 2:
        raise _MalformedError
    name, attr = str(parts[0]), str(parts[1])
    if name not in stack.resources:
        return Unresolved(f"there is no resource {name}")
    return attribute(stack.resources[name], attr)


def _joined(parts: list[Any], separator: str) -> str | Unresolved:
    text = separator.join(str(part) for part in parts)
    for part in parts:
        if isinstance(part, Unresolved):
            return Unresolved(part.reason, text)
    return text


def _join(stack: "Stack", argument: object, depth: int) -> Value:
    separator, values = _arguments(argument, 2)
    parts = resolve(stack, values, depth)
    return _joined(cast(list[Any], parts), str(separator)) if isinstance(parts, list) else parts


def _sub(stack: "Stack", argument: object, depth: int) -> Value:
    parts: list[Any] = [argument, None] if isinstance(argument, str) else _arguments(argument, 2)
    text, given = parts
    names = cast(dict[str, Any], given) if isinstance(given, dict) else {}
    pieces: list[Any] = []
    for index, piece in enumerate(re.split(r"\$\{([^!}][^}]*)\}", str(text))):
        if index % 2 == 0:
            pieces.append(piece.replace("${!", "${"))
        elif piece in names:
            pieces.append(resolve(stack, names[piece], depth))
        elif "." in piece:
            pieces.append(_get_att(stack, piece.strip(), depth))
        else:
            pieces.append(_ref(stack, piece.strip(), depth))
    return _joined(pieces, "")


def _select(stack: "Stack", argument: object, depth: int) -> Value:
    index, values = resolve(stack, _arguments(argument, 2), depth)
    if isinstance(values, Unresolved):
        return values
    try:
        return values[int(index)]
    except (IndexError, ValueError, TypeError, KeyError):
        return Unresolved(f"Fn::Select {index} finds nothing")


def _split(stack: "Stack", argument: object, depth: int) -> Value:
    separator, text = resolve(stack, _arguments(argument, 2), depth)
    if isinstance(text, str) and "<" in text and separator != ":":
        return Unresolved("Fn::Split takes a generated name apart")
    return text.split(separator) if isinstance(text, str) else Unresolved("Fn::Split has no known text", str(text))


def _if(stack: "Stack", argument: object, depth: int) -> Value:
    name, then, otherwise = _arguments(argument, 3)
    left, right = resolve(stack, then, depth), resolve(stack, otherwise, depth)
    if left == right:
        return left
    holds = condition_holds(stack, str(name), depth)
    return holds if isinstance(holds, Unresolved) else (left if holds else right)


def _equals(stack: "Stack", argument: object, depth: int) -> Value:
    left, right = resolve(stack, _arguments(argument, 2), depth)
    for side in (left, right):
        if isinstance(side, Unresolved):
            return side
    return str(left) == str(right)


def _every(stack: "Stack", argument: object, depth: int) -> Value:
    found = listed(resolve(stack, argument, depth))
    return False if False in found else next((each for each in found if isinstance(each, Unresolved)), True)


def _any(stack: "Stack", argument: object, depth: int) -> Value:
    found = listed(resolve(stack, argument, depth))
    return True if True in found else next((each for each in found if isinstance(each, Unresolved)), False)


def _not(stack: "Stack", argument: object, depth: int) -> Value:
    (found,) = resolve(stack, _arguments(argument, 1), depth)
    return found if isinstance(found, Unresolved) else not found


def _find_in_map(stack: "Stack", argument: object, depth: int) -> Value:
    keys = resolve(stack, _arguments(argument, 3), depth)
    found: Any = stack.mappings
    for key in keys:
        if isinstance(key, Unresolved):
            return key
        if not isinstance(found, Mapping) or str(key) not in found:
            return Unresolved(f"Fn::FindInMap finds no {key}")
        found = cast(Mapping[str, Any], found)[str(key)]
    return found


def _import_value(stack: "Stack", argument: object, depth: int) -> Value:
    name = resolve(stack, argument, depth)
    if isinstance(name, Unresolved):
        return name
    export = stack.assembly.export(stack, str(name))
    if export is None:
        return Unresolved(f"no stack of these in its region exports {name}")
    return resolve(export[0], export[1], depth + 1)


def _base64(stack: "Stack", argument: object, depth: int) -> Value:
    found = resolve(stack, argument, depth)
    return base64.b64encode(found.encode()).decode() if isinstance(found, str) else found


def _condition(stack: "Stack", argument: object, depth: int) -> Value:
    # Elsewhere `Condition` is an ordinary key, such as that of a policy statement or of a choice.
    if isinstance(argument, str) and argument in stack.conditions:
        return condition_holds(stack, argument, depth)
    return {"Condition": resolve(stack, argument, depth)}


_FUNCTIONS = {
    "Ref": _ref,
    "Fn::GetAtt": _get_att,
    "Fn::Join": _join,
    "Fn::Sub": _sub,
    "Fn::Select": _select,
    "Fn::Split": _split,
    "Fn::If": _if,
    "Fn::Equals": _equals,
    "Fn::And": _every,
    "Fn::Or": _any,
    "Fn::Not": _not,
    "Fn::FindInMap": _find_in_map,
    "Fn::ImportValue": _import_value,
    "Fn::Base64": _base64,
    "Condition": _condition,
}
