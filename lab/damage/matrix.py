"""The damage matrix: every kind of damage, done and verified."""

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import psycopg

from lab.cloud import LabError
from lab.damage.business import BUSINESS
from lab.damage.history import HISTORY
from lab.damage.integrity import INTEGRITY
from lab.damage.kinds import Damage, Patient
from lab.damage.objects import OBJECTS
from lab.damage.rows import ROWS
from lab.damage.service import SERVICE
from lab.damage.stage import Stage
from lab.damage.storage import STORAGE
from lab.server import PostgresError
from recovery.check_results import CheckResult
from recovery.checks import CHECKS
from recovery.verification import Verification

GROUPS = (ROWS, HISTORY, OBJECTS, STORAGE, INTEGRITY, BUSINESS, SERVICE)
DAMAGES: dict[str, Damage] = {damage.name: damage for group in GROUPS for damage in group.damages}


class InflictionError(RuntimeError):
    """A damage could not be done: nothing is known about whether it would be found."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What the checks said about one damage. ``seconds`` are the damage's and the verification's together."""

    damage: Damage
    seconds: float
    checks: tuple[CheckResult, ...]

    @property
    def found(self) -> bool:
        """Whether the check that has to find it did, with the answer it has to give."""
        return any((each.name, each.status) == (self.damage.check, self.damage.status) for each in self.checks)

    @property
    def found_by(self) -> list[str]:
        """Every check that did not pass."""
        return [each.name for each in self.checks if each.status != "passed"]

    @property
    def detail(self) -> str:
        """What the check that has to find it said."""
        said = [each for each in self.checks if each.name == self.damage.check]
        return f"{said[0].status}: {said[0].detail}" if said else "there is no such check"


def run_matrix(stage: Stage, damages: Iterable[Damage]) -> Iterator[Finding]:
    """Do one damage after the other, each to a restored database of its own, and verify each.

    Raises :class:`InflictionError` for one that cannot be done.
    """
    for damage in damages:
        yield find(stage, damage)


def find(stage: Stage, damage: Damage, *, checks: Sequence[str] = tuple(CHECKS)) -> Finding:
    """Do one damage and verify by ``checks``. Raises :class:`InflictionError`."""
    started = time.monotonic()
    verify = _verify_database if damage.on == "database" else _verify_copy
    verification = verify(stage, damage, checks)
    return Finding(damage=damage, seconds=time.monotonic() - started, checks=verification.checks)


def _verify_database(stage: Stage, damage: Damage, checks: Sequence[str]) -> Verification:
    stage.fresh_database()
    patient = Patient(stage, stage.restored)
    _inflict(damage, patient)
    return _verify(patient, checks)


def _verify_copy(stage: Stage, damage: Damage, checks: Sequence[str]) -> Verification:
    with stage.copied_cluster() as copy:
        patient = Patient(stage, copy)
        if damage.on == "server":
            copy.start()
        _inflict(damage, patient)
        if damage.on == "files":
            copy.start()
        try:
            return _verify(patient, checks)
        finally:
            if patient.cluster is not copy:  # the damage is another cluster
                patient.cluster.destroy()


def _inflict(damage: Damage, patient: Patient) -> None:
    try:
        damage.inflict(patient)
    except (LookupError, ValueError, OSError, psycopg.Error, LabError, PostgresError) as error:
        raise InflictionError(f"expected {damage.name} to be done, found {error}") from error


def _verify(patient: Patient, checks: Sequence[str]) -> Verification:
    return patient.stage.verify(
        patient.cluster,
        checks=checks,
        database=patient.database,
        disaster_time=patient.disaster_time,
        statement_timeout_seconds=patient.statement_timeout_seconds,
    )
