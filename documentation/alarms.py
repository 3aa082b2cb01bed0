"""What the table of alarms says, as Markdown: the facts and commands of a runbook, and the table as a whole."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from types import ModuleType

from recovery.alarms import backups, database, devices, guarding, proofs, service, watch
from recovery.alarms.message import span
from recovery.alarms.model import Alarm, Event
from recovery.alarms.table import ALARMS, EVENTS, alarm_of, cause_of, event_of
from recovery.alarms.values import fill, values_of
from recovery.names import Names
from recovery.objectives import Tier

Row = Alarm | Event
SIGNALS: tuple[Row, ...] = (*ALARMS, *EVENTS)
# Pages speak of production. Its account is nobody's business but the reader's, who puts the number in.
NAMES = Names(environment="prod", account="ACCOUNT")
# What a message fills in when it is sent and a page leaves to its reader.
OPEN_VALUES = {
    "before": "2026-11-24T03:44:00Z",
    "began_day": "2026-11-23",
    "now": "2026-11-24T04:00:00Z",
    "job": "JOB",
}
PARTS: tuple[tuple[str, ModuleType], ...] = (
    ("The database and its copies", database),
    ("The application", service),
    ("Snapshots, vaults and keys", backups),
    ("Proofs and failovers", proofs),
    ("One primary at a time", guarding),
    ("Device backups", devices),
    ("The alarms themselves", watch),
)
CITIES = {NAMES.primary_region: "Mumbai", NAMES.recovery_region: "Singapore"}
_ANY_REGION = {
    "region": "the region",
    "other_region": "the other region",
    "vault": f"{NAMES.primary_vault_name} or {NAMES.recovery_vault_name}",
    "instance": f"{NAMES.instance_identifier} or {NAMES.replica_identifier}",
}
_STANDS = {
    "primary": "Mumbai",
    "recovery": "Singapore",
    "both": "Mumbai and Singapore",
    "serving": "the region that serves",
    "standby": "Singapore, while it does not serve",
}
_KINDS = {"page": ("danger", "PAGE"), "ticket": ("info", "TICKET"), "over": ("success", "OVER")}
_WITHOUT_DATA = {"breaching": "it speaks", "notBreaching": "it is quiet", "ignore": "it stays as it is"}


def signal_of(subject: str) -> Row | None:
    """The alarm or event whose page has this name; None when there is none."""
    return alarm_of(subject) or event_of(subject)


def signals_of(part: ModuleType) -> tuple[Row, ...]:
    """The alarms and events of one part of the table: those of its causes."""
    causes = {cause.name for cause in part.CAUSES}
    return tuple(signal for signal in SIGNALS if signal.cause in causes)


def facts(signal: Row) -> str:
    """What the table knows of a signal: its line, what is at stake, when it speaks, what belongs with it."""
    kind, title = _KINDS[_kind(signal)]
    rows = [
        ("at stake", _promise(signal.tier)),
        *_when_rows(signal),
        ("stands in", _STANDS[signal.stands]),
        *_incident_rows(signal),
    ]
    lines = [f'!!! {kind} "{title}"', "", f"    {headline(signal)}.", "", '<div class="facts" markdown>', ""]
    return "\n".join([*lines, "| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows), "", "</div>"])


def headline(signal: Row) -> str:
    """The line that a message begins with; a signal of both regions names neither."""
    regions = regions_of(signal)
    values = values_of(NAMES, regions[0]) | OPEN_VALUES | (_ANY_REGION if len(regions) > 1 else {})
    line = fill(signal.happened, values)
    return line[0].upper() + line[1:]


def commands(signal: Row) -> str:
    """The commands that the message says, for production; in tabs where they differ by region."""
    blocks = {region: _block(signal, region) for region in regions_of(signal)}
    if len(set(blocks.values())) == 1:
        return next(iter(blocks.values()))
    tabs = [
        f'=== "{CITIES[region]}"\n\n' + "\n".join(f"    {line}" for line in block.splitlines())
        for region, block in blocks.items()
    ]
    return "\n\n".join(tabs)


def proof(signal: Row) -> str:
    """How to know that the trouble is over."""
    regions = regions_of(signal)
    values = values_of(NAMES, regions[0]) | OPEN_VALUES | (_ANY_REGION if len(regions) > 1 else {})
    line = fill(signal.proof, values)
    return f"**{line[0].upper() + line[1:]}.**"


def words(signal: Row) -> Mapping[str, str]:
    """The numbers of a signal that a page may weave into its sentences."""
    found = {"rto": span(signal.tier.rto), "rpo": _rpo(signal.tier)}
    return found | ({"limit": _limit(signal)} if isinstance(signal, Alarm) else {})


def table() -> str:
    """Every alarm and event, by part."""
    blocks: list[str] = []
    for title, part in PARTS:
        blocks += [f"## {title}", "", "| alarm or event | when | tier | stands in |", "|---|---|---|---|"]
        blocks += [_table_row(signal) for signal in signals_of(part)]
        blocks.append("")
    return "\n".join(blocks)


def index() -> str:
    """Every runbook with what happened, by part: pages first, for those are read in a hurry."""
    blocks: list[str] = []
    for title, part in PARTS:
        blocks += [f"## {title}", ""]
        for signal in sorted(signals_of(part), key=lambda each: _kind(each) != "page"):
            mark = "**page**" if _kind(signal) == "page" else _kind(signal)
            blocks.append(f"- [{signal.subject}]({signal.runbook}.md), {mark}: {headline(signal)}.")
        blocks.append("")
    return "\n".join(blocks)


def tiers(all_tiers: Iterable[Tier]) -> str:
    """The spec's tiers."""
    rows = [f"| {each.label} | {span(each.rto)} | {_rpo(each)} | {each.strategy} |" for each in all_tiers]
    return "\n".join(["| tier | RTO | RPO | strategy |", "|---|---|---|---|", *rows])


def _kind(signal: Row) -> str:
    """What its message begins with."""
    return "over" if isinstance(signal, Event) and signal.over else signal.severity


def _table_row(signal: Row) -> str:
    when = _condition(signal) if isinstance(signal, Alarm) else _event(signal)
    bold = "**" if _kind(signal) == "page" else ""
    link = f"[{signal.subject}](runbooks/{signal.runbook}.md)"
    return f"| {bold}{link}{bold} | {when} | {signal.tier.number} | {_STANDS[signal.stands]} |"


def regions_of(signal: Row) -> tuple[str, ...]:
    """The regions where a signal may speak."""
    match signal.stands:
        case "primary":
            return (NAMES.primary_region,)
        case "recovery" | "standby":
            return (NAMES.recovery_region,)
        case "both" | "serving":
            return (NAMES.primary_region, NAMES.recovery_region)


def _block(signal: Row, region: str) -> str:
    values = values_of(NAMES, region) | OPEN_VALUES
    return "\n".join(["```", *(fill(command, values) for command in signal.commands), "```"])


def _when_rows(signal: Row) -> Sequence[tuple[str, str]]:
    if isinstance(signal, Event):
        return (("event", _event(signal)),)
    return (
        ("alarm", f"`{NAMES.alarm_name(signal.subject)}`"),
        ("speaks when", _condition(signal)),
        ("without data", f"{_WITHOUT_DATA[signal.missing.mode]}: {signal.missing.reason}"),
    )


def _incident_rows(signal: Row) -> Sequence[tuple[str, str]]:
    cause = cause_of(signal.cause)
    others = _links(each for each in SIGNALS if each != signal and _incident(each) == _incident(signal))
    rows = [("same incident", others)] if others else []
    if cause is not None and cause.because_of:
        causes = _links(each for each in SIGNALS if each.cause in cause.because_of)
        rows.append(("quiet while one speaks of", causes))
    return rows


def _incident(signal: Row) -> str:
    """What PagerDuty's key ends with: several causes may look at one thing from different sides."""
    cause = cause_of(signal.cause)
    return (cause.incident if cause else None) or signal.cause


def _links(signals: Iterable[Row]) -> str:
    return ", ".join(f"[{each.subject}]({each.runbook}.md)" for each in signals)


def _condition(alarm: Alarm) -> str:
    metric = alarm.metric
    side = "above" if alarm.above is not None else "below"
    times = "" if alarm.periods == 1 else f", {alarm.periods} times in a row"
    return f"`{metric.name}` ({metric.statistic} of {span(metric.period)}) is {side} {_limit(alarm)}{times}"


def _limit(alarm: Alarm) -> str:
    name, limit = alarm.metric.name, alarm.limit
    if alarm.share_of is not None:
        return f"{limit * 100:g} % of the storage"
    if name.endswith("Percent"):
        return f"{limit:g} %"
    if name.endswith("Seconds") or name in _SECONDS:
        return _seconds(limit)
    return f"{limit:,.0f}"


# Metrics of AWS in seconds, whose names do not say so.
_SECONDS = ("ReplicaLag", "ReplicationLatency", "TargetResponseTime")


def _seconds(limit: float) -> str:
    return f"{limit:g} s" if limit % 60 else span(timedelta(seconds=limit)) if limit else "0"


def _event(event: Event) -> str:
    values = ", ".join(each for listed in event.detail.values() for each in listed if "{" not in each)
    return f"`{event.source}`, {event.detail_type}: {values}"


def _promise(tier: Tier) -> str:
    return f"{tier.label}: RTO {span(tier.rto)}, RPO {_rpo(tier)}"


def _rpo(tier: Tier) -> str:
    return "N/A" if tier.rpo is None else span(tier.rpo) if tier.rpo else "0"
