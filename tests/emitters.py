"""Which function emits which metrics of ours. The functions' tests run each and hold it to this list."""

import json

from recovery.names import METRIC_NAMESPACE

EMITTERS: dict[str, frozenset[str]] = {
    package: frozenset(names.split())
    for package, names in {
        "canary": "CanarySung",
        "count_late_devices": "DevicesInTime DevicesInactive DevicesLate DevicesLatePercent",
        "guard": "GuardFenced GuardTurns",
        "heartbeat": "ConnectionsUsedPercent HeartbeatSequence HeartbeatWritten",
        "judge_restore": "MeasuredRpoSeconds MeasuredRtoSeconds RestoreVerified",
        "measure_region": "KeysEndangered RegionMeasured ReplicatedBackupAgeSeconds TasksMissing VaultsUnlocked",
        "measure_replica": "ReplicaHeartbeatAgeSeconds",
        "notify": "CanaryDelivered MessagesDelivered",
        "review_evidence": "EvidenceFaults RegionTestAgeSeconds RestoreProofAgeSeconds",
        "review_recovery_points": "CopyJobsFailed NewestRecoveryPointAgeSeconds RecoveryPointsCosting"
        " RecoveryPointsExpired RecoveryPointsFailed RecoveryPointsIncomplete RecoveryPointsLeftOver"
        " RecoveryPointsMissing RecoveryPointsOverdue RecoveryPointsStopped RecoveryPointsStuck RecoveryPointsWarned",
        "verify_device_backup": "DeviceBackupsRefused DeviceBackupsVerified",
    }.items()
}
# What a function sends to the other region, where its alarm stands.
SENT_ACROSS: dict[str, frozenset[str]] = {"notify": frozenset({"OtherRegionHeard"})}


def emitted_by(package: str, printed: str) -> dict[str, float]:
    """The metrics among what a function printed, which has to be on its list and have exactly our dimension."""
    lines = [json.loads(line) for line in printed.splitlines() if '"_aws"' in line]
    found: dict[str, float] = {}
    for line in lines:
        [directive] = line["_aws"]["CloudWatchMetrics"]
        assert (directive["Namespace"], directive["Dimensions"]) == (METRIC_NAMESPACE, [["Environment"]])
        found |= {metric["Name"]: line[metric["Name"]][0] for metric in directive["Metrics"]}
    assert set(found) <= EMITTERS[package], package
    return found
