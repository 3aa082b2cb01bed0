"""What AWS documents for what the lab can only play: shown beside the lab's figures, never mixed with them."""

from collections.abc import Sequence
from dataclasses import dataclass

from recovery.evidence import Evidence


@dataclass(frozen=True)
class Documented:
    """One statement of AWS's, and the page it stands on."""

    what: str
    says: str
    source: str

    @property
    def sentence(self) -> str:
        """The statement in one line."""
        return f"AWS documents for {self.what}: {self.says} ({self.source})"


def beside(evidence: Evidence, documented: Sequence[Documented]) -> Evidence:
    """The record with what AWS documents among its notes, each once."""
    notes = dict.fromkeys((*evidence.notes, *(each.sentence for each in documented)))
    return evidence.model_copy(update={"notes": tuple(notes)})


MULTI_AZ_FAILOVER = Documented(
    "the failover of a Multi-AZ DB instance",
    "typically 60-120 s; large transactions or a lengthy recovery can increase it",
    "https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Concepts.MultiAZ.Failover.html",
)
REPLICATED_BACKUPS = Documented(
    "point-in-time recovery across regions",
    "RPO 5-30 min, RTO up to a few hours",
    "https://docs.aws.amazon.com/prescriptive-guidance/latest/dr-standard-edition-amazon-rds/rds-pitr-snapshot.html",
)
ROLLING_DEPLOYMENT = Documented(
    "a rolling deployment behind a load balancer, which a rollback is",
    "no duration; an old task waits for its connections at most the deregistration delay, 300 s unless set otherwise",
    "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/load-balancer-connection-draining.html",
)
PROMOTION = Documented(
    "the promotion of a read replica",
    "several minutes or longer, depending on its size; it is rebooted",
    "https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_ReadRepl.Promote.html",
)
BLUE_GREEN_SWITCHOVER = Documented(
    "the switchover of a blue/green deployment, RDS's own way to another major version",
    "typically under a minute; a time-out between 30 and 3600 s, after which nothing has changed",
    "https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/blue-green-deployments-switching.html",
)
