"""``dr status``: one screen on whether the environment could be recovered now."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import typer
from botocore.exceptions import BotoCoreError, ClientError
from pydantic import ValidationError
from rich.text import Text

from operations.arguments import Json
from operations.aws import Environment, aws_in, client, is_silence, names_anywhere, reason
from operations.terminal import (
    EXIT_FAILED,
    EXIT_PASSED,
    STATUS_STYLES,
    InputError,
    aligned,
    answer,
    one_error,
    progress,
)
from recovery import status as states
from recovery.evidence.page import duration, moment
from recovery.instances import Instance, find_instance
from recovery.names import RECOVERY_REGION, Names
from recovery.status import (
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

_QUESTIONS_AT_ONCE = 16
_BAD, _GOOD, _DOUBTFUL = STATUS_STYLES["failed"], STATUS_STYLES["passed"], STATUS_STYLES["not_proven"]


def status(environment: Environment, as_json: Json = False) -> None:
    """Show what could be recovered now, and what was measured last.

    Both regions are asked side by side; one that does not answer is one line. Exit status: 0 all is well, 1 something
    needs a look, 2 nobody could be asked.
    """
    with one_error(dsn="", as_json=as_json), progress("asking both regions"):
        with aws_in(RECOVERY_REGION, f"to find {environment}"):
            names = names_anywhere(environment)
        found = _ask(names)
        if found.primary.stacks == {} == found.recovery.stacks and not found.primary.instance:
            raise InputError(
                f"expected the environment {environment} in account {names.account}, found no stack of it in"
                f" {names.primary_region} or {names.recovery_region}: check --environment and AWS_PROFILE"
            )
    answer(_facts(found), as_json=as_json, lines=_screen(found))
    raise typer.Exit(EXIT_FAILED if findings(found) or _alarms(found) else EXIT_PASSED)


def _ask(names: Names) -> Status:
    now = datetime.now(UTC)
    with ThreadPoolExecutor(_QUESTIONS_AT_ONCE) as pool:
        primary = _Asked(pool, names, names.primary_region, now)
        recovery = _Asked(pool, names, names.recovery_region, now)
        s3 = client("s3", names.recovery_region)
        evidence = _submit(pool, names.recovery_region, lambda: states.evidence(s3, names))
        return Status(
            names=names,
            now=now,
            primary=primary.answers(),
            recovery=recovery.answers(),
            evidence=evidence.result(),
        )


class _Asked:
    """The questions to one region, under way."""

    def __init__(self, pool: ThreadPoolExecutor, names: Names, region: str, now: datetime) -> None:
        self._region = region
        recovery = region == names.recovery_region
        identifier = names.replica_identifier if recovery else names.instance_identifier
        vault = names.recovery_vault_name if recovery else names.primary_vault_name
        # Clients are safe to use from several threads, and not to make.
        cloudformation, rds = client("cloudformation", region), client("rds", region)
        backup, cloudwatch = client("backup", region), client("cloudwatch", region)
        questions: dict[str, Callable[[], Any]] = {
            "stacks": lambda: states.stacks(cloudformation, names),
            "instance": lambda: find_instance(rds, identifier),
            "automated_backup": lambda: states.automated_backup(rds, names),
            "snapshot": lambda: states.snapshot(backup, vault),
            "alarms": lambda: states.open_alarms(cloudwatch, names),
            "replica_lag": lambda: states.replica_lag(cloudwatch, identifier, now) if recovery else None,
        }
        self._asked = {part: _submit(pool, region, question) for part, question in questions.items()}

    def answers(self) -> RegionAnswers:
        return RegionAnswers(name=self._region, **{part: each.result() for part, each in self._asked.items()})


def _submit(pool: ThreadPoolExecutor, region: str, question: Callable[[], Any]) -> "Future[Any]":
    def ask() -> Any:  # noqa: ANN401 - whatever the question answers
        try:
            return question()
        except (ClientError, BotoCoreError) as error:
            return Unanswered(reason(error, region), silent=is_silence(error))
        except ValidationError as error:
            return Unanswered(f"a record is damaged ({error.errors()[0]['msg']})", silent=False)

    return pool.submit(ask)


def _alarms(found: Status) -> list[str]:
    return [
        f"{region.name} {name}"
        for region in (found.primary, found.recovery)
        if not isinstance(region.alarms, Unanswered)
        for name in region.alarms
    ]


# -- the screen -------------------------------------------------------------------------------------------------------


def _screen(found: Status) -> list[str | Text]:
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


def _age(newest: states.Answer[datetime | None], now: datetime) -> str:
    if isinstance(newest, Unanswered):
        return "unknown"
    if newest is None:
        return "none"
    seconds = max((now - newest).total_seconds(), 0)
    return f"{duration(seconds) if seconds < 2 * 86_400 else f'{seconds / 86_400:.1f} days'} old"


def _lag(lag: states.Answer[float | None]) -> str:
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
    alarms = _alarms(found)
    if not alarms:
        return [Text.assemble("open alarms    ", ("unknown", _DOUBTFUL) if unknown else ("none", _GOOD))]
    more = " (not every region told)" if unknown else ""
    return [
        Text.assemble("open alarms    ", (f"{len(alarms)}{more}", _BAD)),
        *(f"               {alarm}" for alarm in alarms),
    ]


# -- JSON -------------------------------------------------------------------------------------------------------------


def _facts(found: Status) -> dict[str, Any]:
    return {
        "environment": found.names.environment,
        "account": found.names.account,
        "at": found.now.isoformat(),
        "active_region": serving_region(found),
        "tiers": [_tier_facts(each) for each in tier_statuses(found)],
        "regions": {each.name: _region_facts(each) for each in (found.primary, found.recovery)},
        "last_drill": _record_facts(_last_drill(found)),
        "last_evidence": _record_facts(_last(found)),
        "open_alarms": _alarms(found),
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
