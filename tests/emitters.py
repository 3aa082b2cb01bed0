"""Which function emits which metrics of ours. The functions' tests run each and hold it to this list."""

EMITTERS: dict[str, frozenset[str]] = {
    package: frozenset(names.split())
    for package, names in {
        "canary": "CanarySung",
        "count_late_devices": "DevicesInTime DevicesInactive DevicesLate DevicesLatePercent",
        "heartbeat": "ConnectionsUsedPercent HeartbeatSequence HeartbeatWritten",
        "judge_restore": "MeasuredRpoSeconds MeasuredRtoSeconds RestoreVerified",
        "measure_region": "KeysEndangered ReplicatedBackupAgeSeconds TasksMissing VaultsUnlocked",
        "measure_replica": "ReplicaHeartbeatAgeSeconds",
        "notify": "CanaryDelivered MessagesDelivered",
        "review_evidence": "EvidenceFaults RegionTestAgeSeconds RestoreProofAgeSeconds",
        "review_recovery_points": "NewestRecoveryPointAgeSeconds RecoveryPointsCosting RecoveryPointsExpired"
        " RecoveryPointsFailed RecoveryPointsIncomplete RecoveryPointsLeftOver RecoveryPointsMissing"
        " RecoveryPointsOverdue RecoveryPointsStopped RecoveryPointsStuck RecoveryPointsWarned",
        "verify_device_backup": "DeviceBackupsRefused DeviceBackupsVerified",
    }.items()
}
