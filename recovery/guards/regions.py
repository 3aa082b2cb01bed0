"""Which regions hold the copies of which: the templates themselves tell."""

from dataclasses import dataclass
from typing import cast

from recovery.guards.naming import arn_region
from recovery.guards.templates import Assembly, Stack, dig, fact, is_known
from recovery.guards.values import listed


@dataclass(frozen=True)
class Regions:
    """The pairs of regions that templates copy data between: (account, from, to)."""

    pairs: frozenset[tuple[str, str, str]]

    @classmethod
    def of(cls, assembly: Assembly) -> "Regions":
        """Read from the replicated backups, the replicas of databases, and the copies of recovery points."""
        pairs: list[tuple[str, object, object]] = []
        for database in assembly.all("AWS::RDS::DBInstance"):
            account, region = database.stack.account, database.region
            pairs.append((account, region, database.get("AutomaticBackupReplicationRegion")))
            pairs.append((account, arn_region(database.get("SourceDBInstanceIdentifier")), region))
        for plan in assembly.all("AWS::Backup::BackupPlan"):
            for rule in listed(plan.get("BackupPlan.BackupPlanRule")):
                for copy in listed(dig(rule, "CopyActions")):
                    to = arn_region(dig(copy, "DestinationBackupVaultArn"))
                    pairs.append((plan.stack.account, plan.region, to))
        known = {(account, a, b) for account, a, b in pairs if is_known(a) and is_known(b) and a != b}
        return cls(cast(frozenset[tuple[str, str, str]], frozenset(known)))

    def sources_of(self, stack: Stack) -> frozenset[str]:
        """The regions whose loss ``stack`` is there for; none when data is copied both ways."""
        sources = {a for account, a, b in self.pairs if account == stack.account and b == stack.known_region}
        targets = {b for account, a, b in self.pairs if account == stack.account and a == stack.known_region}
        return frozenset(sources - targets)

    def targets_of(self, stack: Stack) -> frozenset[str]:
        """The regions that data of ``stack``'s region is copied to."""
        return frozenset(b for account, a, b in self.pairs if account == stack.account and a == stack.known_region)


@fact
def regions(assembly: Assembly) -> Regions:
    """The pairs of an assembly, found out once."""
    return Regions.of(assembly)
