"""The page of the synthesis benchmark."""

from collections.abc import Mapping
from typing import Any

from benchmarks.measure import MIB

OURS, OURS_UNCHECKED = "ours, all environments, checked", "ours, checked by the guards alone"
EMPTY, RIVAL = "an empty app, Python", "the same resources, TypeScript, unchecked"
GUARDS = "`dr guard` on what was synthesized"
BARE = "boto3"
IMPORT_RUNS = 15
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
        "Unpacked. Archives are stored, not deflated: they are uploaded as large as this.",
        "",
        "| layer | files | MiB |",
        "|---|---|---|",
    ]
    assets = facts["assets"]
    lines += [f"| {name} | {each['files']:,} | {each['bytes'] / MIB:.1f} |" for name, each in assets["layers"].items()]
    return "\n".join([*lines, *_imports(facts)]) + "\n"


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


def _imports(facts: Mapping[str, Any]) -> list[str]:
    imports, functions = facts["imports"], facts["assets"]["functions"]
    bare = imports[BARE]
    ratios = {name: imports[name] / bare for name in functions}
    met = sum(ratio <= MAX_IMPORT_RATIO for ratio in ratios.values())
    lines = [
        "",
        "## What the functions take to import",
        "",
        f"Processor time of `import` in a fresh process of Python {facts['python']}, the project's own, with the"
        f" layers' versions of packages and with bytecode; medians of {IMPORT_RUNS} interleaved runs. boto3 alone takes"
        f" {bare:.3f} s, and the goal is at most {MAX_IMPORT_RATIO} of that: {met} of {len(functions)} functions meet"
        " it. What Lambda takes, which finds no bytecode of ours and of the layers, is unmeasured.",
        "",
        "| function | files | MiB | layers | import | against boto3 | goal |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, ratio in sorted(ratios.items(), key=lambda each: each[1]):
        each = functions[name]
        lines.append(
            f"| {name} | {each['files']} | {each['bytes'] / MIB:.2f} | {', '.join(each['layers'])} |"
            f" {imports[name]:.3f} s | {ratio:.2f} | {'met' if ratio <= MAX_IMPORT_RATIO else '**missed**'} |"
        )
    return lines
