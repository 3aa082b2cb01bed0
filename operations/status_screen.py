"""What ``dr status`` shows: the screen for a person, and the same as one JSON object."""

from datetime import UTC, datetime
from typing import Any

from rich.text import Text

from operations.terminal import STATUS_STYLES, aligned
from recovery.evidence.page import duration, moment
from recovery.instances import Instance
from recovery.status import (
    Answer,
    Measured,
    Record,
    RegionAnswers,
    Status,
    TierStatus,
    Unanswered,
    findings,
    serving_region,
    tier_statuses,
)

_BAD, _GOOD, _DOUBTFUL = STATUS_STYLES["failed"], STATUS_STYLES["passed"], STATUS_STYLES["not_proven"]


def open_alarms(found: Status) -> list[str]:
    """Every open alarm of the regions that told, with its region."""
    return [
        f"{region.name} {name}"
        for region in (found.primary, found.recovery)
        if not isinstance(region.alarms, Unanswered)
        for name in region.alarms
    ]


def screen(found: Status) -> list[str | Text]:
    """The screen: within 80 columns and 24 lines, but for what there is to look at."""
    names = found.names
    lines: list[str | Text] = [
        Text(f"{names.environment} in account {names.account}, {moment(found.now)}", style="bold"),
        f"served from {serving_region(found) or 'unknown'}; {_standby(found)}",
        "",
        *aligned([("TIER", "RTO", "LAST MEASURED", "RPO", "LAST MEASURED"), *map(_tier_row, tier_statuses(found))]),
        "",
        *aligned([("NEWEST", found.primary.name, found.recovery.name), *_backup_rows(found)]),
        "",
        f"last drill     {_record(_last_drill(found), found)}",
        f"last evidence  {_record(_last(found), found)}",
        *_alarm_lines(found),
    ]
    wrong = findings(found)
    if wrong:
        lines += ["", Text("to look at:", style=_BAD), *(f"- {line}" for line in wrong)]
    return lines


def _standby(found: Status) -> str:
    standby = found.recovery.instance
    if isinstance(standby, Unanswered):
        return f"{found.recovery.name} did not tell"
    if standby is None:
        return f"there is no replica in {found.recovery.name}"
    return f"{standby.identifier} {'follows' if standby.source else 'was promoted'}"


def _tier_row(each: TierStatus) -> tuple[str, ...]:
    tier = each.tier
    rpo = "N/A" if tier.rpo is None else duration(tier.rpo.total_seconds()) if tier.rpo else "0"
    measured = "N/A" if tier.rpo is None else _measured(each.rpo)
    return f"{tier.number} {tier.name}", duration(tier.rto.total_seconds()), _measured(each.rto), rpo, measured


def _measured(found: Measured | None) -> str:
    if found is None:
        return "unmeasured"
    return f"{duration(found.seconds)}{' (lab)' if found.lab else ''} {found.at.astimezone(UTC):%Y-%m-%d}"


def _backup_rows(found: Status) -> list[tuple[str, ...]]:
    regions = (found.primary, found.recovery)
    replica = found.recovery.instance
    follows = isinstance(replica, Unanswered) or (isinstance(replica, Instance) and replica.source is not None)
    return [
        ("automated backup", *(_age(each.automated_backup, found.now) for each in regions)),
        ("snapshot", *(_age(each.snapshot, found.now) for each in regions)),
        ("replica's lag", "", _lag(found.recovery.replica_lag) if follows else "no replica"),
    ]


def _age(newest: Answer[datetime | None], now: datetime) -> str:
    if isinstance(newest, Unanswered):
        return "unknown"
    if newest is None:
        return "none"
    seconds = max((now - newest).total_seconds(), 0)
    return f"{duration(seconds) if seconds < 2 * 86_400 else f'{seconds / 86_400:.1f} days'} old"


def _lag(lag: Answer[float | None]) -> str:
    if isinstance(lag, Unanswered):
        return "unknown"
    if lag is None:
        return "unmeasured"
    return "does not replicate" if lag < 0 else f"{lag:.0f} s"


def _last(found: Status) -> Record | None:
    return None if isinstance(found.evidence, Unanswered) or not found.evidence else found.evidence[0]


def _last_drill(found: Status) -> Record | None:
    """The newest evidence of an exercise: ``restore`` alone is a restore that somebody needed."""
    records = () if isinstance(found.evidence, Unanswered) else found.evidence
    return next((each for each in records if each.evidence.drill != "restore" or each.evidence.lab), None)


def _record(record: Record | None, found: Status) -> str | Text:
    if record is None:
        return "unknown" if isinstance(found.evidence, Unanswered) else "none"
    evidence = record.evidence
    return f"{evidence.verdict} {evidence.drill}, {moment(evidence.finished_at)}\n               {record.name}"


def _alarm_lines(found: Status) -> list[str | Text]:
    unknown = any(isinstance(region.alarms, Unanswered) for region in (found.primary, found.recovery))
    alarms = open_alarms(found)
    if not alarms:
        return [Text.assemble("open alarms    ", ("unknown", _DOUBTFUL) if unknown else ("none", _GOOD))]
    more = " (not every region told)" if unknown else ""
    return [
        Text.assemble("open alarms    ", (f"{len(alarms)}{more}", _BAD)),
        *(f"               {alarm}" for alarm in alarms),
    ]


def facts(found: Status) -> dict[str, Any]:
    """All that the screen shows, and what each region answered; durations in seconds."""
    return {
        "environment": found.names.environment,
        "account": found.names.account,
        "at": found.now.isoformat(),
        "active_region": serving_region(found),
        "tiers": [_tier_facts(each) for each in tier_statuses(found)],
        "regions": {each.name: _region_facts(each) for each in (found.primary, found.recovery)},
        "last_drill": _record_facts(_last_drill(found)),
        "last_evidence": _record_facts(_last(found)),
        "open_alarms": open_alarms(found),
        "findings": findings(found),
    }


def _tier_facts(each: TierStatus) -> dict[str, Any]:
    def measured(found: Measured | None) -> dict[str, Any] | None:
        return found and {"seconds": found.seconds, "at": found.at.isoformat(), "lab": found.lab}

    tier = each.tier
    return {
        "tier": tier.number,
        "name": tier.name,
        "rto_target_seconds": tier.rto.total_seconds(),
        "rto_measured": measured(each.rto),
        "rpo_target_seconds": None if tier.rpo is None else tier.rpo.total_seconds(),
        "rpo_measured": measured(each.rpo),
    }


def _region_facts(region: RegionAnswers) -> dict[str, Any]:
    """Null where there is nothing; an object with ``unknown`` where nobody could say."""

    def shown(value: Any) -> Any:  # noqa: ANN401 - any answer
        if isinstance(value, Unanswered):
            return {"unknown": value.reason}
        if isinstance(value, Instance):
            return {"identifier": value.identifier, "status": value.status, "source": value.source}
        return value.isoformat() if isinstance(value, datetime) else value

    return {
        "stacks": shown(region.stacks),
        "instance": shown(region.instance),
        "newest_automated_backup": shown(region.automated_backup),
        "newest_snapshot": shown(region.snapshot),
        "open_alarms": shown(region.alarms),
        "replica_lag_seconds": shown(region.replica_lag),
    }


def _record_facts(record: Record | None) -> dict[str, Any] | None:
    if record is None:
        return None
    evidence = record.evidence
    return {
        "name": record.name,
        "drill": evidence.drill,
        "verdict": evidence.verdict,
        "finished_at": evidence.finished_at.isoformat(),
        "lab": evidence.lab,
    }
