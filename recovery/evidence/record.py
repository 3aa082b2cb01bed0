"""The record of one drill or one verified restore, and the only place where a verdict is made."""

import getpass
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, computed_field, model_validator

from recovery.check_results import CheckResult, Measurement, Status
from recovery.objectives import Tier

Verdict = Literal["PASS", "FAIL"]
CheckStatus = Literal["PASS", "FAIL", "NOT_PROVEN"]

_CHECK_STATUS: dict[Status, CheckStatus] = {"passed": "PASS", "failed": "FAIL", "not_proven": "NOT_PROVEN"}


class _Record(BaseModel):
    model_config = ConfigDict(
        frozen=True, use_attribute_docstrings=True, json_schema_serialization_defaults_required=True
    )


class ObjectiveResult(_Record):
    """One tier's objectives and what was measured, in seconds; null where unmeasured, and where there is no target."""

    tier: int
    name: str
    rto_target_seconds: float
    rto_measured_seconds: float | None
    rpo_target_seconds: float | None
    """Null where the restore cannot show it: a snapshot is as old as its schedule."""
    rpo_measured_seconds: float | None

    @computed_field
    @property
    def verdict(self) -> Verdict:
        """PASS when every target was measured and met. What was not measured is not met."""
        met = [_met(self.rto_target_seconds, self.rto_measured_seconds)]
        if self.rpo_target_seconds is not None:
            met.append(_met(self.rpo_target_seconds, self.rpo_measured_seconds))
        return "PASS" if all(met) else "FAIL"

    @model_validator(mode="after")
    def _durations_are_not_negative(self) -> Self:
        for name in ("rto_measured_seconds", "rpo_measured_seconds"):
            value = getattr(self, name)
            if value is not None and value < 0:
                raise ValueError(f"expected {name} of at least 0, found {value}: compare the clocks that took it")
        return self


class CheckRecord(_Record):
    """One check as evidence shows it."""

    name: str
    status: CheckStatus
    """NOT_PROVEN: the check could not run or could not tell. That fails the verdict unless the check is optional."""
    detail: str
    """The finding, in one line for a person."""
    duration_seconds: float | None
    measurements: dict[str, Measurement] = {}
    optional: bool = False
    """The environment excuses this check when it is not proven. One that failed is never excused."""

    @property
    def excused(self) -> bool:
        """Not proven, and that does not count."""
        return self.optional and self.status == "NOT_PROVEN"


class RanBy(_Record):
    """Who or what made the verdict."""

    execution: str | None = None
    """ARN of the state machine's execution, or its name where no more was known."""
    function: str | None = None
    """ARN of the function that judged, with its version."""
    operator: str | None = None
    """The operating system's user, where a person ran it."""

    def __str__(self) -> str:
        return ", ".join(filter(None, (self.execution, self.function, self.operator))) or "unknown"


class StepRecord(_Record):
    """One step of an operation in several, such as a failover."""

    name: str
    done_at: datetime


class Evidence(_Record):
    """What was restored, what was measured and what it amounts to. Times are UTC, durations seconds."""

    format: Literal[1] = 1
    """Of this schema. A field may be added to it; one that changes its meaning makes another."""
    drill: str
    """restore-test (AWS Backup's), restore, instance, rollback, failover, failback; the lab's region, migrate."""
    environment: str
    region: str | None = None
    """Where the restore was judged, which is where it is."""
    lab: bool = False
    """Measured in the lab, on one machine: no duration in it is one of AWS."""
    started_at: datetime
    """When the restore started; when it was judged, where nobody could say."""
    finished_at: datetime
    restore_job_id: str | None = None
    """AWS Backup's restore job; null for a restore that AWS Backup has no job of."""
    instance: str | None = None
    """Identifier of the restored DB instance; null when the restore made none."""
    ran_by: RanBy = RanBy()
    objectives: tuple[ObjectiveResult, ...]
    checks: tuple[CheckRecord, ...]
    versions: dict[str, str] = {}
    """Of the project, of PostgreSQL, and which manifest and recovery point were held against each other."""
    steps: tuple[StepRecord, ...] = ()
    """Of a failover or failback, in the order they were done; empty for a restore."""
    notes: tuple[str, ...] = ()

    @computed_field
    @property
    def verdict(self) -> Verdict:
        """PASS when every objective passes, and every check that is not excused; of each there must be one."""
        verdicts = {objective.verdict for objective in self.objectives}
        statuses = {check.status for check in self.checks if not check.excused}
        return "PASS" if verdicts == {"PASS"} and statuses == {"PASS"} else "FAIL"

    @property
    def summary(self) -> str:
        """One line for a person: the verdict and every reason against it."""
        reasons = [
            f"tier {each.tier} ({each.name}): RTO {_of(each.rto_measured_seconds, each.rto_target_seconds)}"
            + (
                ""
                if each.rpo_target_seconds is None
                else f", RPO {_of(each.rpo_measured_seconds, each.rpo_target_seconds)}"
            )
            for each in self.objectives
        ]
        reasons += [
            f"{check.name} {check.status}{' (optional, excused)' if check.excused else ''}: {check.detail}"
            for check in self.checks
            if check.status != "PASS"
        ]
        if not self.checks:
            reasons.append("no check ran")
        elif all(check.excused for check in self.checks):
            reasons.append("every check was excused, so nothing is proven")
        return f"{self.verdict} {self.drill}: {'; '.join([*reasons, *self.notes])}"


def judge(tier: Tier, *, rto: timedelta | None, rpo: timedelta | None) -> ObjectiveResult:
    """Hold what was measured against a tier that the drill exercised; None is unmeasured, and fails.

    Raises ValueError for a negative duration.
    """
    return ObjectiveResult(
        tier=tier.number,
        name=tier.name,
        rto_target_seconds=tier.rto.total_seconds(),
        rto_measured_seconds=None if rto is None else rto.total_seconds(),
        rpo_target_seconds=None if tier.rpo is None else tier.rpo.total_seconds(),
        rpo_measured_seconds=None if rpo is None else rpo.total_seconds(),
    )


def records(checks: Sequence[CheckResult], optional_checks: Collection[str] = ()) -> tuple[CheckRecord, ...]:
    """The checks' answers as evidence shows them."""
    return tuple(
        CheckRecord(
            name=check.name,
            status=_CHECK_STATUS[check.status],
            detail=check.detail,
            duration_seconds=check.duration_seconds,
            measurements=check.measurements,
            optional=check.name in optional_checks,
        )
        for check in checks
    )


def this_operator() -> RanBy:
    """The person at this machine. The user's number where the system knows no name for it."""
    try:
        return RanBy(operator=getpass.getuser())
    except (KeyError, OSError):
        return RanBy(operator="a user without a name")


def evidence_schema() -> dict[str, Any]:
    """The published JSON Schema of a stored record: docs/evidence.schema.json."""
    schema = Evidence.model_json_schema(mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema"} | schema


def _met(target: float, measured: float | None) -> bool:
    return measured is not None and measured <= target


def _of(measured: float | None, target: float) -> str:
    return f"{'unmeasured' if measured is None else f'{measured:.1f} s'} of {target:.0f} s"
