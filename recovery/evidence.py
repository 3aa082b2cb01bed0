"""Evidence: the record of one drill or one verified restore, and the only place where a verdict is made."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, computed_field, model_validator

from recovery.checks.outcome import Measurement, Status
from recovery.objectives import Tier
from recovery.verification import CheckResult

Verdict = Literal["PASS", "FAIL"]
CheckStatus = Literal["PASS", "FAIL", "NOT_PROVEN"]

_CHECK_STATUS: dict[Status, CheckStatus] = {"passed": "PASS", "failed": "FAIL", "not_proven": "NOT_PROVEN"}


class ObjectiveResult(BaseModel):
    """One tier's objectives and what was measured, in seconds; None where unmeasured, and where there is no target."""

    model_config = ConfigDict(frozen=True)

    tier: int
    name: str
    rto_target_seconds: float
    rto_measured_seconds: float | None
    rpo_target_seconds: float | None
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


class CheckRecord(BaseModel):
    """One check as evidence shows it."""

    model_config = ConfigDict(frozen=True)

    name: str
    status: CheckStatus
    detail: str
    duration_seconds: float | None
    measurements: dict[str, Measurement] = {}


class Evidence(BaseModel):
    """What happened, what was measured and what it amounts to. Times are UTC, durations seconds."""

    model_config = ConfigDict(frozen=True)

    drill: str
    environment: str
    started_at: datetime
    finished_at: datetime
    objectives: tuple[ObjectiveResult, ...]
    checks: tuple[CheckRecord, ...]
    versions: dict[str, str] = {}
    notes: tuple[str, ...] = ()

    @computed_field
    @property
    def verdict(self) -> Verdict:
        """PASS when there is at least one objective and one check, and every one of them passes."""
        verdicts = [objective.verdict for objective in self.objectives]
        statuses = [check.status for check in self.checks]
        passed = bool(verdicts) and bool(statuses) and set(verdicts) == {"PASS"} and set(statuses) == {"PASS"}
        return "PASS" if passed else "FAIL"

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
        reasons += [f"{check.name} {check.status}: {check.detail}" for check in self.checks if check.status != "PASS"]
        if not self.checks:
            reasons.append("no check ran")
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


def records(checks: Sequence[CheckResult]) -> tuple[CheckRecord, ...]:
    """The checks' answers as evidence shows them."""
    return tuple(
        CheckRecord(
            name=check.name,
            status=_CHECK_STATUS[check.status],
            detail=check.detail,
            duration_seconds=check.duration_seconds,
            measurements=check.measurements,
        )
        for check in checks
    )


def _met(target: float, measured: float | None) -> bool:
    return measured is not None and measured <= target


def _of(measured: float | None, target: float) -> str:
    return f"{'unmeasured' if measured is None else f'{measured:.1f} s'} of {target:.0f} s"
