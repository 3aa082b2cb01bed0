"""Which protection a resource belongs to, so that each can be priced by itself."""

SERVICE = "the service itself"
STANDBY = "tier 1: standby in another zone"
TASKS = "tier 2: tasks of the application beyond one"
REPLICA = "tier 3: replica in the recovery region"
REPLICATED_BACKUPS = "tier 3: replicated automated backups"
VAULTS = "snapshots and their copies in vaults"
PILOT_LIGHT = "tier 3: pilot light of the application"
FAILOVER = "failover machine and guards"
DEVICES = "device backups, in the primary region"
DEVICE_COPIES = "device backups, copied and readable in the recovery region"
PROOF = "proof: pulse, manifests, restore tests, evidence"
ALARMS = "alarms and dashboard"

# In the order in which a page shows them.
PROTECTIONS = (
    SERVICE,
    STANDBY,
    TASKS,
    REPLICA,
    REPLICATED_BACKUPS,
    VAULTS,
    PILOT_LIGHT,
    FAILOVER,
    DEVICES,
    DEVICE_COPIES,
    PROOF,
    ALARMS,
)
WHAT_EACH_BUYS = {
    SERVICE: "network, one database instance with its daily backups, the application; nothing of it can be left out",
    STANDBY: "RPO 0 and RTO 1 h when an instance or a zone is lost",
    TASKS: "no outage while ECS replaces a task that died, or a zone is lost; with one alone its start is the outage",
    REPLICA: "the region's RTO, without waiting for a restore, and its RPO of 1 h",
    REPLICATED_BACKUPS: "a restore to any moment of the last days in the recovery region, after a bad write too",
    VAULTS: "90 days of weekly and monthly snapshots that nobody can delete, in both regions",
    PILOT_LIGHT: "network, load balancer and one task that take over; without it the RTO includes building them",
    FAILOVER: "one approved command instead of a runbook, and no two primaries",
    DEVICES: "what a lost phone is restored from",
    DEVICE_COPIES: "phones restore while the primary region does not answer",
    PROOF: "knowing that all this restores, to the row",
    ALARMS: "being told before it is needed",
}

_ALARM_TYPES = ("AWS::CloudWatch::Alarm", "AWS::CloudWatch::Dashboard")
# By stack and the beginning of the logical id, which is the path of constructs; the first that fits.
_PLACES = (
    ("RecoveryFoundation", "DatabaseKey", REPLICATED_BACKUPS),
    ("RecoveryFoundation", "Device", DEVICE_COPIES),
    ("RecoveryFoundation", "Vault", VAULTS),
    ("RecoveryFoundation", "Evidence", PROOF),
    ("RecoveryFoundation", "AccessLogs", PROOF),
    ("RecoveryFoundation", "", PILOT_LIGHT),
    ("RecoveryStandby", "Replica", REPLICA),
    ("RecoveryStandby", "Api", PILOT_LIGHT),
    ("RecoveryStandby", "Failover", FAILOVER),
    ("RecoveryStandby", "Guard", FAILOVER),
    ("RecoveryStandby", "Proof", PROOF),
    ("RecoveryStandby", "Audit", PROOF),
    ("RecoveryStandby", "Heartbeat", PROOF),
    ("RecoveryStandby", "Manifest", PROOF),
    ("RecoveryStandby", "", ALARMS),
    ("Database", "Guard", FAILOVER),
    ("Database", "Heartbeat", PROOF),
    ("Database", "Manifest", PROOF),
    ("Database", "Bootstrap", PROOF),
    ("Backup", "Vault", VAULTS),
    ("Backup", "Snapshots", VAULTS),
    ("Backup", "", PROOF),
    ("DeviceBackups", "", DEVICES),
    ("Observability", "", ALARMS),
)


def protection_of(stack: str, logical_id: str, type_: str) -> str:
    """One of :data:`PROTECTIONS`."""
    if type_ in _ALARM_TYPES:
        return ALARMS
    return next(
        (name for of, prefix, name in _PLACES if stack == of and logical_id.startswith(prefix)),
        SERVICE,
    )
