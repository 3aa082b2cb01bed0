"""What the answers amount to: the region that serves, each tier's last measurement, what a person has to look at."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from recovery import objectives
from recovery.evidence.page import duration, moment
from recovery.instances import Instance, active_region
from recovery.objectives import APPLICATION, DATABASE, FULL, TIERS, Tier
from recovery.status.questions import RegionAnswers, Status, Unanswered

# A stack in one of these is whole; UPDATE_ROLLBACK_COMPLETE is too, but not what was last deployed.
_WHOLE = {"CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE"}
# The change set that would create it was made, and nobody executed it.
_NEVER_BEGUN = "REVIEW_IN_PROGRESS"
# What puts a measurement of the tier into the environment's evidence.
_MEASURED_BY = {
    DATABASE: "`dr drill instance --environment {environment}` measures it",
    APPLICATION: "the next `dr rollback --environment {environment}` measures it",
    FULL: "a restore that is verified, or a failover, measures it",
}
_PARTS = {
    "stacks": "the stacks",
    "instance": "the instance",
    "automated_backup": "the automated backups",
    "snapshot": "the vault",
    "alarms": "the alarms",
    "replica_lag": "the replica's lag",
}


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One measurement, in seconds, and when it was judged."""

    seconds: float
    at: datetime
    lab: bool


@dataclass(frozen=True, kw_only=True)
class TierStatus:
    """A tier and what was measured of it last; None is unmeasured."""

    tier: Tier
    rto: Measured | None
    rpo: Measured | None


def serving_region(status: Status) -> str | None:
    """Where the product is served from.

    None when the recovery region cannot say whether its replica was promoted, and when no instance is there to serve.
    """
    standby = status.recovery.instance
    if isinstance(standby, Unanswered):
        return None
    region = active_region(status.names, standby)
    return None if region == status.primary.name and status.primary.instance is None else region


def tier_statuses(status: Status) -> list[TierStatus]:
    """Every tier with its last measured RTO and RPO, each from the newest evidence that has it."""
    return [TierStatus(tier=tier, rto=_newest(status, tier, "rto"), rpo=_newest(status, tier, "rpo")) for tier in TIERS]


def _newest(status: Status, tier: Tier, objective: str) -> Measured | None:
    for each in () if isinstance(status.evidence, Unanswered) else status.evidence:
        for result in each.evidence.objectives:
            seconds = getattr(result, f"{objective}_measured_seconds")
            if result.tier == tier.number and seconds is not None:
                return Measured(seconds=seconds, at=each.evidence.finished_at, lab=each.evidence.lab)
    return None


def findings(status: Status) -> list[str]:
    """What a person has to look at, one line each, the worst first; open alarms have a place of their own."""
    return [
        *_silences(status),
        *_both_write(status),
        *_unanswered(status),
        *(line for region in (status.primary, status.recovery) for line in _stacks(status, region)),
        *(line for region in (status.primary, status.recovery) for line in _region(status, region)),
        *_lag(status),
        *_evidence(status),
        *_tiers(status),
    ]


def _answers(region: RegionAnswers) -> dict[str, object]:
    return {part: getattr(region, part) for part in _PARTS}


def _is_silent(region: RegionAnswers) -> bool:
    answers = [each for each in _answers(region).values() if each is not None]
    return all(isinstance(each, Unanswered) and each.silent for each in answers)


def _silences(status: Status) -> Iterator[str]:
    for region in (status.primary, status.recovery):
        if _is_silent(region) and isinstance(region.stacks, Unanswered):
            yield region.stacks.reason


def _both_write(status: Status) -> Iterator[str]:
    old, new = status.primary.instance, status.recovery.instance
    if isinstance(old, Instance) and isinstance(new, Instance) and old.source is None and new.source is None:
        yield f"{old.identifier} and {new.identifier} both take writes: fence the one that does not serve"


def _unanswered(status: Status) -> Iterator[str]:
    for region in (status.primary, status.recovery):
        if _is_silent(region):
            continue
        reasons: dict[str, list[str]] = {}
        for part, answer in _answers(region).items():
            if isinstance(answer, Unanswered):
                reasons.setdefault(answer.reason, []).append(_PARTS[part])
        for reason, parts in reasons.items():
            yield f"{region.name}: {', '.join(parts)} cannot be read: {reason}"


def _stacks(status: Status, region: RegionAnswers) -> Iterator[str]:
    if isinstance(region.stacks, Unanswered):
        return
    environment = status.names.environment
    for name in status.names.stacks_in(region.name):
        state = region.stacks.get(name)
        deploy = f"`cdk deploy '{environment}/{name.removeprefix(f'{environment}-')}'`"
        if state is None:
            yield f"{region.name}: the stack {name} is missing: {deploy}"
        elif state.endswith("_IN_PROGRESS") and state != _NEVER_BEGUN:
            yield f"{region.name}: the stack {name} is {state}: wait for its end, and ask again"
        elif state not in _WHOLE:
            yield f"{region.name}: the stack {name} is {state}: see its events, then {deploy}"


def _region(status: Status, region: RegionAnswers) -> Iterator[str]:
    if region.instance is None:
        yield f"{region.name}: there is no DB instance"
    elif isinstance(region.instance, Instance) and region.instance.status != "available":
        yield f"{region.name}: {region.instance.identifier} is {region.instance.status}"
    limits = (
        ("automated backup", region.automated_backup, objectives.FULL_RPO),
        ("snapshot", region.snapshot, objectives.NEWEST_RECOVERY_POINT_MAX_AGE),
    )
    for kind, newest, limit in limits:
        if newest is None:
            yield f"{region.name}: there is no {kind} to restore"
        elif isinstance(newest, datetime) and status.now - newest > limit:
            yield f"{region.name}: the newest {kind} is of {moment(newest)}, older than {_span(limit)}"


def _lag(status: Status) -> Iterator[str]:
    lag, limit = status.recovery.replica_lag, objectives.REPLICA_LAG_ALARM
    replica = status.recovery.instance
    if not isinstance(replica, Instance) or replica.source is None or isinstance(lag, Unanswered):
        return
    if lag is None:
        yield "the replica's lag is unmeasured: RDS reported none in the last minutes"
    elif lag < 0:
        yield "the replica does not replicate: every minute adds to what a lost region costs"
    elif lag > limit.total_seconds():
        yield f"the replica is {duration(lag)} behind, more than {_span(limit)}"


def _evidence(status: Status) -> Iterator[str]:
    if isinstance(status.evidence, Unanswered):
        if not (status.evidence.silent and _is_silent(status.recovery)):
            yield f"{status.names.recovery_region}: the evidence cannot be read: {status.evidence.reason}"
    elif status.evidence and status.evidence[0].evidence.verdict != "PASS":
        names, name = status.names, status.evidence[0].name
        place = f"--bucket {names.evidence_bucket_name} --region {names.recovery_region}"
        yield f"the last evidence is a FAIL: `dr evidence show {name} {place} --database {names.instance_identifier}`"


def _tiers(status: Status) -> Iterator[str]:
    for each in tier_statuses(status):
        targets = (("RTO", each.rto, each.tier.rto), ("RPO", each.rpo, each.tier.rpo))
        unmeasured = [name for name, found, target in targets if target is not None and found is None]
        if unmeasured:
            how = _MEASURED_BY[each.tier].format(environment=status.names.environment)
            yield f"tier {each.tier.number} ({each.tier.name}): {' and '.join(unmeasured)} unmeasured: {how}"
        for name, found, target in targets:
            if found is not None and target is not None and found.seconds > target.total_seconds():
                late = f"{duration(found.seconds)} of {_span(target)}"
                yield f"tier {each.tier.number} ({each.tier.name}): the last {name} was {late}"


def _span(span: timedelta) -> str:
    days = span / timedelta(days=1)
    return f"{days:.1f} days" if days >= 2 else duration(span.total_seconds())
