"""The evidence of one failover or failback: what it measured, what was proven, which steps it took."""

from datetime import datetime, timedelta

from recovery.evidence.judgement import Circumstances
from recovery.evidence.record import Evidence, StepRecord, judge, records
from recovery.failover.answers import Adopted, CatchUp, FenceOutcome, Moment, Proof, ReconciliationOutcome
from recovery.failover.operation import Operation
from recovery.failover.preflight import Preflight
from recovery.objectives import FULL
from recovery.version import VERSION


def evidence_of_operation(
    operation: Operation, reconciliation: ReconciliationOutcome, circumstances: Circumstances
) -> Evidence:
    """The record. Raises RuntimeError when a step that it tells of was not done."""
    proof = operation.known("proof", Proof)
    preflight = operation.known("preflight", Preflight)
    state = operation.known("adopt", Adopted).state
    return Evidence(
        drill=operation.request.direction,
        environment=circumstances.environment,
        region=operation.new_region,
        lab=circumstances.lab,
        started_at=_clock_starts(operation),
        finished_at=circumstances.finished_at,
        instance=operation.names.identifier_in(operation.new_region),
        ran_by=circumstances.ran_by,
        objectives=(judge(FULL, rto=_served_at(operation) - _clock_starts(operation), rpo=_lost(operation)),),
        checks=records(proof.checks, circumstances.optional_checks),
        versions={"project": VERSION, "postgresql": state.version},
        steps=tuple(StepRecord(name=name, done_at=at) for name, at in operation.journal.done().items()),
        notes=_notes(operation, preflight, reconciliation),
    )


def _clock_starts(operation: Operation) -> datetime:
    """A failover counts from the disaster, a failback from the moment nobody could write any more."""
    if operation.request.direction == "failback":
        return operation.known("fence", FenceOutcome).asked_at
    return operation.request.disaster_time or operation.known("begun", Moment).at


def _served_at(operation: Operation) -> datetime:
    return operation.known("move-name", Moment).at


def _lost(operation: Operation) -> timedelta | None:
    """Nothing, when the copy replayed all that the fenced primary wrote; else up to its newest heartbeat."""
    if operation.known("catch-up", CatchUp).complete:
        return timedelta()
    beat = operation.known("adopt", Adopted).state.heartbeat
    return None if beat is None else max(operation.counted_to() - beat.written_at, timedelta())


def _notes(operation: Operation, preflight: Preflight, reconciliation: ReconciliationOutcome) -> tuple[str, ...]:
    epoch, fence = operation.epoch, operation.known("fence", FenceOutcome)
    notes = [f"epoch {epoch.number}: {epoch.region} is primary"]
    if not fence.holds:
        silent = "did not answer" if fence.report is None else "; ".join(fence.report.problems)
        notes.append(f"{preflight.old_region} was not fenced ({silent}): its guard fences it when it returns")
    if operation.request.direction == "failover" and operation.request.disaster_time is None:
        notes.append("no disaster time was given: RTO and RPO are counted from the start of the operation")
    if not operation.known("proof", Proof).proven:
        notes.append("a person accepted the database although it is not proven")
    if not reconciliation.needed:
        notes.append(f"reconciliation: {reconciliation.reason}")
    elif reconciliation.report is not None:
        notes.append(f"reconciliation: {reconciliation.report.summary}")
    else:
        notes.append(f"not reconciled yet ({reconciliation.reason}): dr failover reconcile, when the region is back")
    return tuple(notes)
