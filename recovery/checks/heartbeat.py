"""How old is the restored data, and is anything missing from its history?"""

from datetime import timedelta

from recovery.checks.outcome import Check, CheckContext, Measurement, Outcome, Part, counted
from recovery.database import Connection
from recovery.heartbeat import Pulse, has_pulse, heartbeat_at, newest_heartbeat, read_pulse


def check_heartbeat(connection: Connection, context: CheckContext, _part: Part) -> Outcome:
    """The chain is unbroken from its first row, goes through the manifest's, and ends within the RPO.

    The measurement ``rpo_seconds`` is the disaster time minus the newest heartbeat before it.
    """
    if not has_pulse(connection):
        return Outcome(status="failed", detail="the table continuity.heartbeat is missing: the data cannot be dated")
    pulse = read_pulse(connection)
    newest = newest_heartbeat(connection)
    if newest is None:
        return Outcome(status="failed", detail="continuity.heartbeat has no rows: the data cannot be dated")
    measurements: dict[str, Measurement] = {
        "heartbeats": pulse.length,
        "newest_heartbeat": newest.written_at.isoformat(),
        "silences": pulse.silences,
        "longest_silence_seconds": pulse.longest_silence_seconds,
    }
    problems = [*pulse.faults, *_lost_anchor(connection, context)]
    age = _age(connection, context)
    if context.disaster_time is not None and age is None:
        problems.append(f"no heartbeat is older than the disaster time {context.disaster_time.isoformat()}")
    if age is not None and context.rpo is not None and age > context.rpo:
        problems.append(
            f"the newest heartbeat is {age.total_seconds():.1f} s older than the disaster time, the RPO allows"
            f" {context.rpo.total_seconds():.0f} s"
        )
    seconds = None if age is None else age.total_seconds()
    if problems:
        return Outcome(
            status="failed", detail="; ".join(problems), measurements={**measurements, "rpo_seconds": seconds}
        )
    dated = f"the newest of {newest.written_at.isoformat()}"
    if seconds is not None:
        dated = f"the newest {seconds:.1f} s before the disaster time"
    return Outcome(
        status="passed",
        detail=f"{counted(pulse.length, 'heartbeat')} in an unbroken chain, {dated}{_silences(pulse)}",
        measurements={**measurements, "rpo_seconds": seconds},
    )


def _silences(pulse: Pulse) -> str:
    if not pulse.silences:
        return ""
    return f"; it fell silent {counted(pulse.silences, 'time')}, for {pulse.longest_silence_seconds:.0f} s at most"


def _lost_anchor(connection: Connection, context: CheckContext) -> list[str]:
    """A chain can be consistent in itself and still not be ours, or have lost its end."""
    anchor = context.manifest.heartbeat
    if anchor is None:
        return []
    found = heartbeat_at(connection, anchor.sequence)
    if found is None:
        return [f"heartbeat {anchor.sequence}, which the manifest has seen, is missing"]
    if found.hash != anchor.hash:
        return [f"heartbeat {anchor.sequence} is another one than the manifest has seen: the chain was rewritten"]
    return []


def _age(connection: Connection, context: CheckContext) -> timedelta | None:
    if context.disaster_time is None:
        return None
    # Rows written after the disaster time say nothing about what was lost before it.
    last = newest_heartbeat(connection, not_after=context.disaster_time)
    return None if last is None else context.disaster_time - last.written_at


HEARTBEAT = Check(run=check_heartbeat)
