"""What RDS tells of an instance, as far as it touches an objective (tiers 1 and 3)."""

from recovery.alarms.model import Event
from recovery.objectives import DATABASE, FULL

_STATUS = "dr status --environment {environment}"
_PLAN = "dr failover --environment {environment} --dry-run"


def _rds_event(
    event_id: str,
    subject: str,
    happened: str,
    *,
    cause: str,
    over: bool = False,
    commands: tuple[str, ...] = (_STATUS,),
    proof: str = "`dr status` shows the database's newest heartbeat less than two minutes old",
) -> Event:
    """A message of RDS about an instance, by its id.

    https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_Events.Messages.html
    """
    copy = cause == "copies"
    return Event(
        subject=subject,
        happened=happened,
        tier=FULL if copy else DATABASE,
        severity="page",
        clock="rpo" if copy else "rto",
        cause=cause,
        stands="both",
        source="aws.rds",
        detail_type="RDS DB Instance Event",
        detail={"EventID": (event_id,), "SourceIdentifier": ("{instance}",)},
        facts={"instance": "SourceIdentifier", "RDS says": "Message", "event": "EventID"},
        over=over,
        commands=commands,
        proof=proof,
    )


EVENTS = (
    _rds_event("RDS-EVENT-0013", "rds-failover-began", "RDS fails {instance} over to its standby", cause="failover"),
    _rds_event(
        "RDS-EVENT-0049",
        "rds-failover-complete",
        "The failover of {instance} to its standby is complete",
        cause="failover",
        over=True,
    ),
    _rds_event("RDS-EVENT-0034", "rds-failover-abandoned", "RDS gave a failover of {instance} up", cause="failover"),
    _rds_event(
        "RDS-EVENT-0031",
        "rds-instance-failed",
        "{instance} failed, and AWS advises to restore it to a point in time",
        cause="database",
        commands=("dr restore --environment {environment} --at {before}", _PLAN),
        proof="`dr restore` ends with the restored instance, and its proof says PASS",
    ),
    _rds_event(
        "RDS-EVENT-0089",
        "rds-storage-low",
        "RDS says that the storage of {instance} is almost full",
        cause="storage",
        proof="FreeStorageSpace of {instance} rises",
    ),
    _rds_event(
        "RDS-EVENT-0045",
        "rds-replication-stopped",
        "RDS says that replication to {instance} stopped",
        cause="copies",
        proof="`dr status` shows a lag below a minute",
    ),
    _rds_event(
        "RDS-EVENT-0057",
        "rds-replication-ended",
        "RDS says that replication to {instance} was terminated",
        cause="copies",
        proof="`dr status` shows a lag below a minute",
    ),
)
