"""One failover or failback: each of its steps, safe to repeat, as the state machine asks for them.

What a step did is kept in the journal before the step answers, so that a repeat (a retry, a resumed execution, a second
execution of the same operation) answers the same. A step that was killed between doing and keeping is done again, and
every action of a guard can be.
"""

from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from recovery.check_results import CheckResult
from recovery.failover.answers import (
    Adopted,
    Approval,
    CatchUp,
    FenceOutcome,
    Moment,
    Proof,
    ReconciliationOutcome,
)
from recovery.failover.conduct import Conduct
from recovery.failover.epochs import Epoch, claim_epoch
from recovery.failover.errors import BlockedError, NotCaughtUpError, NotYetError, SilentError, UnprovenError
from recovery.failover.journal import as_payload
from recovery.failover.preflight import BACKING_UP, InstanceFacts, Preflight, SiteFacts
from recovery.failover.reconciliation import Changes, Reconciliation, joined
from recovery.failover.replication import retired_name
from recovery.failover.site import FenceReport
from recovery.objectives import FAILOVER_CATCH_UP

NOTHING_LEFT = "the copy had replayed everything that the fenced primary wrote: no row is only there"


@dataclass(frozen=True, kw_only=True)
class Operation(Conduct):
    """One operation in one environment: the steps of the switch. Those on copies are in :mod:`.standbys`."""

    # -- before anything is changed -----------------------------------------------------------------------------------

    def look(self) -> Preflight:
        """The facts now; keeps nothing."""
        # Side by side: a region that is lost takes its time to say nothing.
        with ThreadPoolExecutor(max_workers=2) as both:
            old, new = both.map(self.facts, (self.old_region, self.new_region))
        return Preflight(
            direction=self.request.direction,
            looked_at=self.clock(),
            epoch=self.standing_epoch().number,
            old_region=self.old_region,
            new_region=self.new_region,
            old=old,
            new=new,
            disaster_time=self.request.disaster_time,
        )

    def preflight(self) -> Preflight:
        """The facts that the operation stands on. Raises :class:`BlockedError` when it must not go on."""
        self.journal.once("begun", Moment, lambda: Moment(at=self.clock()))
        kept = self.journal.recall("preflight", Preflight)
        if kept is not None:
            return kept
        found = self.look()
        if found.blocked:
            raise BlockedError("; ".join(finding.sentence for finding in found.findings if finding.blocking))
        return self.journal.once("preflight", Preflight, lambda: found)

    def approve(self, approved_by: str) -> Approval:
        """Keep a person's approval."""
        return self.journal.once(
            "approval", Approval, lambda: Approval(approved_by=approved_by, approved_at=self.clock())
        )

    @property
    def approved(self) -> bool:
        """Whether a person has let this operation go on."""
        return self.journal.recall("approval", Approval) is not None

    # -- the old primary ----------------------------------------------------------------------------------------------

    def fence(self) -> FenceOutcome:
        """Keep the old primary from writing, as far as its region answers."""

        def work() -> FenceOutcome:
            try:
                answer = self.guards.ask(self.old_region, "fence", {})
            except SilentError:
                return FenceOutcome(asked_at=self.clock(), report=None)
            return FenceOutcome(asked_at=self.clock(), report=FenceReport.model_validate(answer))

        return self.journal.once("fence", FenceOutcome, work)

    def catch_up(self) -> CatchUp:
        """Wait until the copy has replayed what the old primary wrote, FAILOVER_CATCH_UP at most.

        A failback whose copy did not get there is decided for good, for its old primary is to take writes again. Raises
        :class:`NotYetError`, and :class:`NotCaughtUpError` for that failback, however often it is asked.
        """
        found = self.journal.once("catch-up", CatchUp, self._catch_up)
        if found.released:
            raise NotCaughtUpError(
                f"expected the copy in {self.new_region} to have everything that {self.old_region} wrote, found it"
                f" behind or the old primary not fenced after {FAILOVER_CATCH_UP}: nothing was switched"
            )
        return found

    def _catch_up(self) -> CatchUp:
        fence = self.known("fence", FenceOutcome)
        if fence.report is not None and fence.report.database is not None:
            position = {"position": fence.report.database.position}
            if self.soon(lambda: self.guards.ask(self.new_region, "replayed", position)["done"]):
                return CatchUp(complete=True, ended_at=self.clock())
            if self.clock() - fence.asked_at < FAILOVER_CATCH_UP:
                raise NotYetError(f"the copy in {self.new_region} has not replayed everything yet")
        return CatchUp(complete=False, released=self.request.direction == "failback", ended_at=self.clock())

    def release(self) -> None:
        """Let the old primary go on: nothing was promoted, and nothing will be by this operation. Safe to repeat.

        Raises RuntimeError for an operation that may still promote, and when another one has begun an epoch since.
        """
        if not self.known("catch-up", CatchUp).released:
            raise RuntimeError("expected a failback that gave up, found one that may promote: resume it")
        standing = self.standing_epoch()
        if standing.region != self.old_region:
            raise RuntimeError(f"expected {self.old_region} to be the primary, found {standing.region} to be it")
        self.guards.ask(self.old_region, "open", {})
        self.guards.ask(self.old_region, "serve", {})

    # -- the new primary ----------------------------------------------------------------------------------------------

    def claim(self) -> Epoch:
        """Begin the next epoch. Raises recovery.failover.epochs.ClaimedError, or as :meth:`catch_up` does."""
        self.catch_up()
        number = self.known("preflight", Preflight).epoch + 1
        wanted = Epoch(number=number, region=self.new_region, since=self.clock(), operation=self.request.operation)
        return self.journal.once("claim", Epoch, lambda: claim_epoch(self.journal.store, self.journal.database, wanted))

    def promote(self) -> InstanceFacts:
        """Ask for the promotion. Raises :class:`NotYetError` while RDS takes a backup: it promotes none meanwhile."""

        def work() -> InstanceFacts:
            facts = InstanceFacts.model_validate(self.guards.ask(self.new_region, "promote", {}))
            if facts.status == BACKING_UP:
                raise NotYetError(f"{facts.identifier} is backing up, and cannot be promoted until that ends")
            return facts

        return self.journal.once("promote", InstanceFacts, work)

    def await_primary(self) -> Moment:
        """Wait for the truth: no replica source, available, and out of recovery. Raises :class:`NotYetError`.

        The guard is asked for the promotion again, which happens once: RDS refuses it of an instance that it is
        changing with the same word as of one that it promotes already.
        """

        def arrived() -> bool:
            facts = SiteFacts.model_validate(self.guards.ask(self.new_region, "look", {}))
            instance, database = facts.instance, facts.database
            promoted = instance is not None and instance.source is None and instance.status == "available"
            return promoted and database is not None and not database.in_recovery

        def work() -> Moment:
            self.guards.ask(self.new_region, "promote", {})
            if not self.soon(arrived):
                raise NotYetError(f"the database in {self.new_region} is still a replica or in recovery")
            return Moment(at=self.clock())

        return self.journal.once("await-primary", Moment, work)

    def adopt(self) -> Adopted:
        """Write the epoch into the promoted database, which stays read-only."""
        payload = {"epoch": as_payload(self.epoch)}
        return self.journal.once(
            "adopt",
            Adopted,
            lambda: Adopted.model_validate(self.guards.ask(self.new_region, "adopt", payload)),
        )

    def counted_to(self) -> datetime:
        """The moment up to which something could be lost: the fence of a copy that caught up, or the disaster."""
        fence = self.known("fence", FenceOutcome)
        if self.known("catch-up", CatchUp).complete and fence.report and fence.report.database:
            return fence.report.database.fenced_at
        return self.request.disaster_time or self.known("preflight", Preflight).looked_at

    def conclude(self, checks: Sequence[CheckResult], *, optional: Collection[str]) -> Proof:
        """Keep what the checks found. Raises :class:`UnprovenError`, unless a person accepts it as it is.

        A check of ``optional`` may be left not proven; one that failed is never excused.
        """
        against = [
            f"{check.name} {check.status}: {check.detail}"
            for check in checks
            if check.status == "failed" or (check.status == "not_proven" and check.name not in optional)
        ]
        proven = bool(checks) and not against
        if not proven and not self.request.accept_unproven:
            raise UnprovenError("; ".join(against) or "no check ran")
        proof = Proof(checks=tuple(checks), proven=proven)
        return self.journal.once("proof", Proof, lambda: proof)

    @property
    def proven(self) -> bool:
        """Whether the promoted database was proven, or accepted, before."""
        return self.journal.recall("proof", Proof) is not None

    def open(self) -> Moment:
        """Let the promoted database take writes."""
        self.known("proof", Proof)
        return self.told("open")

    def serve(self) -> Moment:
        """Scale the service up and wait until it runs. Raises :class:`NotYetError`."""

        def work() -> Moment:
            self.guards.ask(self.new_region, "serve", {})
            if not self.soon(lambda: self.guards.ask(self.new_region, "serving", {})["done"]):
                raise NotYetError(f"the service in {self.new_region} does not run as many tasks as it should yet")
            return Moment(at=self.clock())

        return self.journal.once("serve", Moment, work)

    def move_pulse(self) -> Moment:
        """Let the pulse of the new primary run and the old one's rest."""

        def work() -> Moment:
            self.guards.ask(self.new_region, "pulse", {"on": True})
            with suppress(SilentError):  # its fence refuses its heartbeats, and the next deploy switches it off
                self.guards.ask(self.old_region, "pulse", {"on": False})
            return Moment(at=self.clock())

        return self.journal.once("move-pulse", Moment, work)

    def reconcile(self) -> ReconciliationOutcome:
        """Find the rows that only the old primary has; when it does not answer, a later call does.

        It is fenced first: of one that still takes writes no report is complete. A report is kept once; that there is
        none yet is not.
        """
        kept = self.journal.recall("reconciliation", ReconciliationOutcome)
        if kept is not None:
            return kept
        if self.known("catch-up", CatchUp).complete:
            return ReconciliationOutcome(report=None, reason=NOTHING_LEFT, needed=False)
        beat = self.known("adopt", Adopted).state.heartbeat
        if beat is None:
            return ReconciliationOutcome(report=None, reason="the copy had no heartbeat to count from")
        try:
            self._require_ended()
            report = self._compared(beat.written_at)
        except (SilentError, RuntimeError) as error:
            return ReconciliationOutcome(report=None, reason=str(error))
        return self.journal.once("reconciliation", ReconciliationOutcome, lambda: ReconciliationOutcome(report=report))

    def _require_ended(self) -> None:
        """Fence the old primary, or find it fenced. Raises RuntimeError, and :class:`SilentError`."""
        standing = self.standing_epoch()
        if standing != self.epoch:
            aside = retired_name(self.names.identifier_in(self.old_region), self.epoch.number)
            raise RuntimeError(
                f"expected epoch {self.epoch.number} to stand, found {standing.number} of {standing.operation}: the old"
                f" primary has stepped aside as {aside}"
            )
        report = FenceReport.model_validate(self.guards.ask(self.old_region, "fence", {}))
        if report.database is None:
            raise RuntimeError(f"{self.old_region} is not fenced: {'; '.join(report.problems)}")

    def _compared(self, since: datetime) -> Reconciliation:
        pages: list[Reconciliation] = []
        asked: dict[str, Any] = {"since": since.isoformat()}
        while not pages or asked["after"]:
            changes = Changes.model_validate(self.guards.ask(self.old_region, "changes", asked))
            answer = self.guards.ask(self.new_region, "compare", {"changes": as_payload(changes)})
            pages.append(Reconciliation.model_validate(answer))
            asked["after"] = changes.next_page
        return joined(pages)
