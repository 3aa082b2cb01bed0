"""No template breaks the guards, however wrong it is written."""

import copy
import random
from collections.abc import Iterator
from typing import Any, cast

from recovery.guards.checking import check
from recovery.guards.examples import example
from recovery.guards.templates import Assembly

# What people, or tools, write where something else belongs.
WRONG: list[Any] = [
    None, [], {}, "x", "", 5, -1, True, [None], ["x"], {"x": "y"}, [[]], [5], "arn:aws:rds", "<a|b|c>",
    {"Ref": "Nowhere"}, {"Ref": ["a"]}, {"Ref": {}}, [{"Ref": "Nowhere"}], {"Fn::GetAtt": []}, {"Fn::GetAtt": 5},
    {"Fn::Join": "x"}, {"Fn::If": ["a"]}, {"Fn::Sub": []}, {"Fn::Select": 5}, {"Fn::Split": {}}, {"Fn::Equals": 1},
    {"Fn::FindInMap": "x"}, {"Fn::ImportValue": {"Ref": "x"}}, {"Fn::And": 3}, {"Fn::Not": []}, '{"States": [1]}',
    '{"States": {"a": 1, "b": {"Branches": 2, "Choices": [3]}}}',
]  # fmt: skip
TRIES = 400


def places(value: object, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    if isinstance(value, dict):
        for key, each in cast(dict[str, object], value).items():
            yield from places(each, (*path, key))
    elif isinstance(value, list):
        for index, each in enumerate(cast(list[object], value)):
            yield from places(each, (*path, index))


def test_every_wrong_value_everywhere_ends_in_a_report() -> None:
    chance = random.Random(71)  # noqa: S311 - the same tries every time
    stacks = example().stacks
    for _ in range(TRIES):
        assembly = Assembly()
        for stack in stacks:
            template = copy.deepcopy(stack.template)
            resources = template["Resources"]
            chosen = chance.choice([path for path in places(resources) if len(path) > 1 and path[-1] != "Type"])
            holder = resources
            for key in chosen[:-1]:
                holder = holder[key]
            holder[chosen[-1]] = copy.deepcopy(chance.choice(WRONG))
            assembly.add(stack.name, template, known_region=stack.known_region)
        assert check(assembly).rules
