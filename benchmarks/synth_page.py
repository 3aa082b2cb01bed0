"""The page of the synthesis benchmark."""

from collections.abc import Mapping
from typing import Any

OURS, OURS_UNCHECKED = "ours, all environments, checked", "ours, checked by the guards alone"
EMPTY, RIVAL = "an empty app, Python", "the same resources, TypeScript, unchecked"
GUARDS = "`dr guard` on what was synthesized"
BARE, IMPORTS_PYTHON = "boto3", "python3.13"
MAX_IMPORT_RATIO = 1.3


def render(facts: Mapping[str, Any]) -> str:
    """Markdown of what :mod:`benchmarks.synth` measured."""
    resources, contenders = facts["resources"], facts["contenders"]
    lines = [
        "# What synthesizing costs",
        "",
        "Written by `make bench-synth`. Figures of one machine and one run, to be read as ratios.",
        "",
        f"{facts['measured_on']}, {facts['machine']}, load {facts['load_before']} before and {facts['load_after']}"
        f" after; medians of {facts['runs']} interleaved runs, each a process of its own. {resources:,} resources in"
        f" {facts['stacks']} stacks. Processor time is what to compare: the clock counts what else went on.",
        "",
        "| contender | processor | against ours | a resource | clock |",
        "|---|---|---|---|---|",
    ]
    for name, each in contenders.items():
        share = "" if name == EMPTY else f"{each['cpu'] / resources * 1000:.1f} ms"
        ratio = each["cpu"] / contenders[OURS]["cpu"]
        lines.append(f"| {name} | {each['cpu']:.1f} s | {ratio:.2f} | {share} | {each['median']:.1f} s |")
    checks = contenders[OURS]["cpu"] - contenders[OURS_UNCHECKED]["cpu"]
    guards = contenders[GUARDS]["cpu"]
    left = contenders[OURS_UNCHECKED]["cpu"] - guards - contenders[RIVAL]["cpu"]
    lines += [
        "",
        f"cdk-nag and CloudFormation's own checks take {checks:.1f} s of ours, the guards {guards:.1f} s at most; each"
        f" runs once for the app. Against the rival about {left:.1f} s are left for Python, jsii, higher constructs and"
        " assets.",
        "",
        "The rival is TypeScript, type-checked, on the same aws-cdk-lib: it makes every resource of our templates, by"
        " type and count in every stack (each run is held against ours), as a bare CfnResource, with no construct that"
        " works anything out, no assets and no plugins: a lower bound. What a TypeScript app with the same constructs"
        " takes is unmeasured: writing all of ours twice is not small, and was not done.",
        "",
        *_calls(facts["calls"]),
        "",
        "## What the functions weigh",
        "",
        "| asset | files | unpacked |",
        "|---|---|---|",
    ]
    lines += [
        f"| {kind} | {each['files']:,} | {each['mib']:.1f} MiB |" for kind, each in sorted(facts["assets"].items())
    ]
    return "\n".join([*lines, *_imports(facts["imports"])]) + "\n"


def _calls(calls: Mapping[str, Any]) -> list[str]:
    return [
        "## What ours asks the CDK for",
        "",
        f"Each of the {calls['calls']:,} calls goes to Node and back. These are the most frequent.",
        "",
        "| call | times |",
        "|---|---|",
        *(f"| {call} | {times:,} |" for call, times in calls["most"]),
    ]


def _imports(imports: Mapping[str, float]) -> list[str]:
    lines = ["", "## What the functions take to import", ""]
    if not imports:
        return [*lines, f"Unmeasured: there was no {IMPORTS_PYTHON}, which the layer's wheels need."]
    bare = imports[BARE]
    lines += [
        f"Processor time of `import` in a fresh {IMPORTS_PYTHON} with the layer's own wheels, without bytecode, as"
        f" Lambda finds them. The goal is at most {MAX_IMPORT_RATIO} of boto3 alone.",
        "",
        "| import | processor | against boto3 | goal |",
        "|---|---|---|---|",
    ]
    for name, seconds in sorted(imports.items(), key=lambda each: each[1]):
        met = "" if name == BARE else "met" if seconds <= MAX_IMPORT_RATIO * bare else "missed"
        lines.append(f"| {name} | {seconds:.2f} s | {seconds / bare:.2f} | {met} |")
    return lines
