"""What AWS documents for what the lab can only play: shown beside the lab's figures, never mixed with them."""

from dataclasses import dataclass


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
