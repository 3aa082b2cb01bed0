"""Blocks of a runbook that differ by region, as tabs: whoever is woken pastes what is right where it happened."""

import re
from collections.abc import Mapping

from documentation.alarms import CITIES, NAMES, Row, regions_of
from documentation.errors import PageError
from recovery.alarms.values import values_of

_BLOCK = re.compile(r"^(?P<indent> *)```\n(?P<body>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL)
_WORD = re.compile(r"\{\{ (\w+) \}\}")
# What a block may leave to its region.
WORDS = ("region", "other_region", "instance", "vault", "restore_testing_plan")


def in_tabs(signal: Row, text: str) -> str:
    """``text`` with a tab a region for each block that names one of :data:`WORDS`.

    Where the signal stands in one region only, its names are filled in. Raises PageError for a word outside of a block.
    """
    filled = _BLOCK.sub(lambda found: _of_every_region(signal, found), text)
    left = [word for word in _WORD.findall(filled) if word in WORDS]
    if left:
        raise PageError(f"expected {{{{ {left[0]} }}}} in a block of commands only, found it in a sentence")
    return filled


def _of_every_region(signal: Row, found: re.Match[str]) -> str:
    if not any(word in WORDS for word in _WORD.findall(found["body"])):
        return found[0]
    blocks = {region: _filled(found[0], _values(region)) for region in regions_of(signal)}
    if len(blocks) == 1:
        return next(iter(blocks.values()))
    indent = found["indent"]
    tabs = [
        f'{indent}=== "{CITIES[region]}"\n\n' + "\n".join(f"    {line}" for line in block.splitlines())
        for region, block in blocks.items()
    ]
    return "\n\n".join(tabs)


def _values(region: str) -> Mapping[str, str]:
    vault = "recovery" if region == NAMES.recovery_region else "primary"
    known = values_of(NAMES, region) | {"restore_testing_plan": NAMES.restore_testing_plan_name(vault)}
    return {word: known[word] for word in WORDS}


def _filled(text: str, values: Mapping[str, str]) -> str:
    """``text`` with the region's names; other markers are for others to fill."""
    return _WORD.sub(lambda word: values.get(word[1], word[0]), text)
