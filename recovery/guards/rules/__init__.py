"""The rules, a module a subject. Importing this package registers them all."""

from recovery.guards.rules import (
    alarms,
    backup_copies,
    backup_plans,
    buckets,
    credentials,
    databases,
    deployments,
    events,
    machines,
    permissions,
    recovery_region,
    replicas,
    restore_tests,
    stateful,
    topics,
    vaults,
)

MODULES = (
    databases,
    credentials,
    replicas,
    backup_plans,
    backup_copies,
    vaults,
    restore_tests,
    stateful,
    buckets,
    deployments,
    recovery_region,
    permissions,
    alarms,
    topics,
    events,
    machines,
)
