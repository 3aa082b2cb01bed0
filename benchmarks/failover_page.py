"""The page of the failover benchmark: each step's work and waits, the bare promotion, and what is left between."""

from collections.abc import Mapping
from statistics import median
from typing import Any

from lab.emulator.replication import PROMOTION_UNSEEN_SECONDS
from recovery.objectives import APPROVAL_TIMEOUT, GUARD_TURN

MAX_OVERHEAD_SECONDS = 5.0
# Choices and the like: they decide within a millisecond or two.
SHOWN_SECONDS = 0.005


def render(facts: Mapping[str, Any]) -> str:
    """Markdown of what :mod:`benchmarks.failover` measured."""
    bare, total = median(facts["by_hand"]), median(facts["totals"])
    overhead = total - bare
    steps: Mapping[str, Mapping[str, float]] = facts["steps"]
    shown = {name: step for name, step in steps.items() if step["work"] + step["waits"] >= SHOWN_SECONDS}
    lines = [
        "# What the failover machine costs",
        "",
        "Written by `make bench-failover`. Figures of the lab, of one machine and one run; none is a duration of AWS.",
        "",
        f"{facts['measured_on']}, {facts['machine']}, load {facts['load_before']} before it began and"
        f" {facts['load_after']} at its end; medians of {facts['runs']} interleaved runs.",
        "",
        "The deployed machine fails over while both regions answer; its times are its execution's history. The rival is"
        " the bare promotion of the same replica, by hand: ask RDS, look until `pg_is_in_recovery()` is false, and"
        " nothing else: no fence, no proof, no service, no record.",
        "",
        "| step | work | waits of its own |",
        "|---|---|---|",
        *(f"| {name} | {step['work']:.2f} s | {step['waits']:.2f} s |" for name, step in shown.items()),
        f"| between the steps | {facts['between']:.2f} s | |",
        f"| **the machine, from start to end** | **{total:.2f} s** | |",
        f"| the bare promotion, which is part of Promote and AwaitPrimary | {bare:.2f} s | |",
        f"| **the machine's own** | **{overhead:.2f} s** | |",
        "",
        f"Of single runs: the machine {_runs(facts['totals'])}; by hand {_runs(facts['by_hand'])}.",
        "",
        f"- at most {MAX_OVERHEAD_SECONDS:.0f} s of its own:"
        f" {'met' if overhead <= MAX_OVERHEAD_SECONDS else '**not met**'}",
        "",
        "What the lab has otherwise than AWS, and what is left out:",
        "",
        "- No wait of the state machine is shortened. Waits of its own are those between two attempts of a step and"
        " those that its definition says.",
        "- Each run is the first failover of a lab that was just deployed, so that the functions of the steps and the"
        " checks start within it; the guards and the heartbeat ran a moment before, as they do each minute. A function"
        " starts as a process of this machine: how long Lambda takes for that is not measured.",
        "- A person approves at once, which AskApproval is counted with; they have"
        f" {APPROVAL_TIMEOUT.total_seconds() / 60:.0f} minutes.",
        f"- A primary that cannot be fenced adds its guard's turn, {GUARD_TURN.total_seconds():.0f} s: a wait that is"
        " meant, and no part of these runs.",
        f"- RDS in the lab begins {PROMOTION_UNSEEN_SECONDS} s after it was asked and then promotes at once. How long"
        " AWS takes is not measured; both contenders would wait for the same.",
        "- The database is small, and no container starts: Checks and Serve take longer where there is more of either.",
    ]
    return "\n".join(lines) + "\n"


def _runs(seconds: list[float]) -> str:
    return ", ".join(f"{each:.2f} s" for each in seconds)
