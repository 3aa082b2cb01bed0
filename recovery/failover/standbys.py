"""The copies around a failback: the replica that it promotes, and the standby and the backups that it leaves."""

from recovery.failover.answers import Moment
from recovery.failover.conduct import Conduct
from recovery.failover.errors import BlockedError, NotYetError
from recovery.failover.preflight import InstanceFacts, SiteFacts
from recovery.failover.replication import ReplicatedBackups


def prepare(operation: Conduct) -> Moment:
    """Make the instance that a failback promotes: a replica in the old region, caught up. Changes nothing served.

    Raises :class:`NotYetError` until it is there.
    """
    return operation.journal.once("prepare", Moment, lambda: _replicate(operation, into=operation.new_region))


def renew_standby(operation: Conduct) -> Moment:
    """After a failback, make the region that was left a standby again. Raises :class:`NotYetError`."""
    return operation.journal.once("renew-standby", Moment, lambda: _replicate(operation, into=operation.old_region))


def replicate_backups(operation: Conduct) -> Moment:
    """After a failback, let the region that was left keep the new primary's automated backups.

    RDS keeps those of an instance, and the new primary is another one than its name had before. Raises
    :class:`NotYetError` until RDS lists them.
    """

    def work() -> Moment:
        if not operation.soon(lambda: _kept_backups(operation).status != "started"):
            raise NotYetError(f"the backups of {operation.new_region} are not listed in {operation.old_region} yet")
        return Moment(at=operation.clock())

    return operation.journal.once("replicate-backups", Moment, work)


def await_backups(operation: Conduct) -> Moment:
    """Wait until the new primary can be restored from what the other region keeps. Raises :class:`NotYetError`."""

    def work() -> Moment:
        if not operation.soon(lambda: _kept_backups(operation).restorable_until is not None):
            raise NotYetError(f"nothing can be restored in {operation.old_region} yet: its first backup is on its way")
        return Moment(at=operation.clock())

    return operation.journal.once("await-backups", Moment, work)


def _kept_backups(operation: Conduct) -> ReplicatedBackups:
    facts = SiteFacts.model_validate(operation.guards.ask(operation.new_region, "look", {}))
    if facts.instance is None:
        raise NotYetError(f"the primary in {operation.new_region} does not answer: {'; '.join(facts.problems)}")
    asked = {"resource_id": facts.instance.resource_id}
    return ReplicatedBackups.model_validate(operation.guards.ask(operation.old_region, "replicate_backups", asked))


def _replicate(operation: Conduct, *, into: str) -> Moment:
    source = operation.names.other_region(into)
    epoch = operation.standing_epoch()
    if epoch.region != source:
        raise BlockedError(
            f"expected {source} to be the primary, found {epoch.region} to be it since epoch {epoch.number}: only a"
            " region that was left can be made a replica"
        )

    def ready() -> bool:
        facts = InstanceFacts.model_validate(operation.guards.ask(into, "replicate", {"epoch": epoch.number}))
        return facts.status == "available" and facts.source is not None

    if not operation.soon(ready):
        raise NotYetError(f"the replica in {into} is not available yet")
    facts = SiteFacts.model_validate(operation.guards.ask(source, "look", {}))
    if facts.database is None:
        raise NotYetError(f"the primary in {source} does not answer: {'; '.join(facts.problems)}")
    position = {"position": facts.database.position}
    if not operation.soon(lambda: operation.guards.ask(into, "replayed", position)["done"]):
        raise NotYetError(f"the replica in {into} has not caught up yet")
    return Moment(at=operation.clock())
