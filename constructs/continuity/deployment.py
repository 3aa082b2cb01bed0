"""What every stack of a deployment shares."""

from dataclasses import dataclass
from typing import Literal

from aws_cdk import RemovalPolicy
from aws_cdk import aws_logs as logs

from recovery.names import Names

_RETENTIONS = {
    1: logs.RetentionDays.ONE_DAY,
    7: logs.RetentionDays.ONE_WEEK,
    30: logs.RetentionDays.ONE_MONTH,
    90: logs.RetentionDays.THREE_MONTHS,
    365: logs.RetentionDays.ONE_YEAR,
}


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """Values that hold for all stacks of one environment.

    ``optional_checks`` of a restore may be left not proven; ``explained_faults`` of the evidence page no more.
    ``runbooks_url`` is where a person reads what to do; it has no slash at its end. ``destroyable`` lets a stack's
    deletion take its data along; only a laboratory may say so.
    """

    names: Names
    log_retention_days: Literal[1, 7, 30, 90, 365]
    database_tls: Literal["verify-full", "disable"]
    bundle_lambda_dependencies: bool
    optional_checks: tuple[str, ...]
    explained_faults: tuple[str, ...]
    runbooks_url: str
    destroyable: bool

    @property
    def keep(self) -> RemovalPolicy:
        """What happens to keys, buckets, vaults and logs when their stack is deleted."""
        return RemovalPolicy.DESTROY if self.destroyable else RemovalPolicy.RETAIN

    @property
    def keep_snapshot(self) -> RemovalPolicy:
        """What happens to a database when its stack is deleted."""
        return RemovalPolicy.DESTROY if self.destroyable else RemovalPolicy.SNAPSHOT

    @property
    def log_retention(self) -> logs.RetentionDays:
        """How long logs are kept."""
        return _RETENTIONS[self.log_retention_days]
