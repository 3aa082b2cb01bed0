"""State machines that end: every step has its time."""

import json
from collections.abc import Iterator
from typing import Any, cast

from recovery.guards.finding import Problem, Unknown
from recovery.guards.rule import Change, Says, rule
from recovery.guards.templates import Resource, dig
from recovery.guards.unresolved import Unresolved
from recovery.guards.values import listed

MACHINE = "AWS::StepFunctions::StateMachine"
_TIMEOUTS = "https://docs.aws.amazon.com/step-functions/latest/dg/sfn-stuck-execution.html"
_STEP = (
    '{"StartAt": "Look", "States": {"Look": {"Type": "Task", "Resource": "arn:aws:states:::sns:publish", "End": true}}}'
)
_LOOP = (
    '{"StartAt": "Look", "States": {"Look": {"Type": "Task", "Resource": "arn:aws:states:::sns:publish",'
    ' "TimeoutSeconds": 60, "Next": "Again?"}, "Again?": {"Type": "Choice", "Choices": [{"Variable": "$.again",'
    ' "BooleanEquals": true, "Next": "Look"}], "Default": "Done"}, "Done": {"Type": "Succeed"}}}'
)


def _definition(machine: Resource) -> dict[str, Any] | Unknown | None:
    found = machine.get("DefinitionString")
    if found is None:
        whole = machine.get("Definition")
        return cast(dict[str, Any], whole) if isinstance(whole, dict) else None
    if isinstance(found, Unresolved):
        # What is not known of the text is an ARN within it, unless the text cannot be read without it.
        found = found.text
    try:
        parsed: Any = json.loads(str(found))
    except ValueError:
        return Unknown("DefinitionString", "it cannot be read as JSON before it is deployed")
    return cast(dict[str, Any], parsed) if isinstance(parsed, dict) else None


def _states(definition: dict[str, Any], path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every state with its path, those inside a map or a parallel state too."""
    for name, state in _named(definition).items():
        where = f"{path}.States.{name}"
        yield where, state
        inside = [(inner, state.get(inner)) for inner in ("ItemProcessor", "Iterator")]
        inside += [(f"Branches.{index}", branch) for index, branch in enumerate(listed(state.get("Branches")))]
        for inner, machine in inside:
            if isinstance(machine, dict):
                yield from _states(cast(dict[str, Any], machine), f"{where}.{inner}")


def _named(definition: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The states of a machine by name; what is no state is left out."""
    states = definition.get("States")
    found = cast(dict[str, Any], states) if isinstance(states, dict) else {}
    return {name: cast(dict[str, Any], state) for name, state in found.items() if isinstance(state, dict)}


@rule(
    MACHINE,
    fix="Set TimeoutSeconds of the state.",
    source=_TIMEOUTS,
    bad=Change("primary.Machine", "DefinitionString", _STEP),
)
def step_without_timeout(machine: Resource) -> Says:
    """Every task of a state machine has a time-out.

    A step whose answer never comes waits for a year: the failover hangs, and neither fails nor tells anybody.
    """
    definition = _definition(machine)
    if isinstance(definition, Unknown):
        yield definition
        return
    for path, state in _states(definition or {}, "DefinitionString"):
        if state.get("Type") == "Task" and not {"TimeoutSeconds", "TimeoutSecondsPath"} & set(state):
            yield Problem(f"{path}.TimeoutSeconds", None, "a number of seconds")


def _following(state: dict[str, Any]) -> Iterator[str]:
    for key in ("Next", "Default"):
        if isinstance(state.get(key), str):
            yield state[key]
    for key in ("Choices", "Catch"):
        for each in listed(state.get(key)):
            if isinstance(dig(each, "Next"), str):
                yield dig(each, "Next")


def _loops(states: dict[str, dict[str, Any]]) -> str | None:
    """A state that can come back to itself, if there is one."""
    for start in states:
        seen: set[str] = set()
        ahead = list(_following(states[start]))
        while ahead:
            name = ahead.pop()
            if name == start:
                return start
            if name not in seen and name in states:
                seen.add(name)
                ahead += _following(states[name])
    return None


@rule(
    MACHINE,
    fix="Set TimeoutSeconds of the whole machine.",
    source=_TIMEOUTS,
    bad=Change("primary.Machine", "DefinitionString", _LOOP),
)
def machine_loops_for_ever(machine: Resource) -> Says:
    """A state machine that can go in circles has a time-out over all.

    A loop that waits for what never happens runs for a year, with every step in time.
    """
    definition = _definition(machine)
    if isinstance(definition, Unknown):
        yield definition
        return
    if definition is None or "TimeoutSeconds" in definition:
        return
    looping = _loops(_named(definition))
    if looping is not None:
        yield Problem("DefinitionString.TimeoutSeconds", f"a way from {looping} back to it", "a number of seconds")
