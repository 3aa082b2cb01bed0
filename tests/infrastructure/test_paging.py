"""Each single fault pages once in a region, if at all, and whoever is woken is told what is behind it."""

from collections.abc import Collection

import pytest

from recovery.alarms import alarm_of, alarms_in
from recovery.alarms.table import Role
from tests.emitters import EMITTERS, SENT_ACROSS
from tests.infrastructure.alarm_graph import Json, Region
from tests.infrastructure.assemblies import Assembly
from tests.infrastructure.paging import Fault, pages_of

PRIMARY: Role = "primary"
RECOVERY: Role = "recovery"
ROLES = (PRIMARY, RECOVERY)
OF_AN_INSTANCE = {"FreeStorageSpace", "MaximumUsedTransactionIDs", "ReplicationSlotDiskUsage"}
OLD_COPIES = ("primary-silent", "replica-late", "replica-lag", "replication-stopped", "replicated-backups-late")
APPLICATION_FAILS = ("api-unhealthy-tasks", "api-server-errors", "api-slow", "tasks-missing")
# Which cause pages in which region when a function of ours stops in one; of all others, nobody is woken.
PAGED_WHEN_STOPPED: dict[tuple[str, Role], dict[Role, str]] = {
    ("canary", PRIMARY): {PRIMARY: "notifier", RECOVERY: "other-region"},
    ("canary", RECOVERY): {PRIMARY: "other-region", RECOVERY: "notifier"},
    ("guard", PRIMARY): {PRIMARY: "guard"},
    ("guard", RECOVERY): {RECOVERY: "guard"},
    ("heartbeat", PRIMARY): {PRIMARY: "database", RECOVERY: "silence"},
    ("measure_region", PRIMARY): {PRIMARY: "measures"},
    ("measure_region", RECOVERY): {RECOVERY: "measures"},
    ("measure_replica", RECOVERY): {RECOVERY: "silence"},
    ("notify", PRIMARY): {PRIMARY: "notifier", RECOVERY: "other-region"},
    ("notify", RECOVERY): {PRIMARY: "other-region", RECOVERY: "notifier"},
    ("review_evidence", RECOVERY): {RECOVERY: "evidence"},
}


def other(role: Role) -> Role:
    return RECOVERY if role == PRIMARY else PRIMARY


def stopped(package: str, role: Role) -> Fault:
    """A function of a region that does not run any more, and what waits for it."""
    here, there = set(EMITTERS[package]), set(SENT_ACROSS.get(package, ()))
    if package == "canary":
        here, there = here | {"CanaryDelivered"}, there | {"OtherRegionHeard"}
    follows = OLD_COPIES[:2] if package == "heartbeat" and role == PRIMARY else ()
    return Fault(
        name=f"{package} stopped in {role}",
        silent={role: here, other(role): there},
        beyond={other(role): follows},
        deaf=[role] if package == "notify" else [],
        pages=PAGED_WHEN_STOPPED.get((package, role), {}),
    )


def over_its_limit(subject: str, role: Role) -> Fault:
    """What one alarm looks at goes wrong, and nothing else."""
    alarm = alarm_of(subject)
    assert alarm is not None
    pages: dict[Role, str] = {role: alarm.cause} if alarm.severity == "page" else {}
    return Fault(name=f"{subject} in {role}", beyond={role: [subject]}, pages=pages)


FAULTS = [
    *(stopped(package, role) for package in EMITTERS for role in ROLES),
    *(over_its_limit(alarm.subject, role) for role in ROLES for alarm in alarms_in(role, serving=role == PRIMARY)),
    Fault(
        name="the instance of the primary is gone",
        silent={PRIMARY: {"HeartbeatWritten", "ConnectionsUsedPercent", *OF_AN_INSTANCE}},
        beyond={PRIMARY: APPLICATION_FAILS, RECOVERY: OLD_COPIES},
        pages={PRIMARY: "database", RECOVERY: "silence"},
    ),
    Fault(
        name="the replica is gone",
        silent={RECOVERY: {"ReplicaHeartbeatAgeSeconds", "ReplicaLag", *OF_AN_INSTANCE}},
        pages={RECOVERY: "silence"},
    ),
    Fault(name="replication stops", beyond={RECOVERY: OLD_COPIES[:4]}, pages={RECOVERY: "silence"}),
    Fault(
        name="the primary region is lost",
        silent={RECOVERY: {"OtherRegionHeard"}},
        beyond={RECOVERY: OLD_COPIES},
        gone=[PRIMARY],
        pages={RECOVERY: "silence"},
    ),
    Fault(
        name="the recovery region is lost",
        # The epochs that the guard reads lie there, and the evidence.
        silent={PRIMARY: {"OtherRegionHeard", *EMITTERS["guard"], *EMITTERS["review_evidence"]}},
        beyond={PRIMARY: ["device-replication-failed", "device-replication-late", "copy-job-failed"]},
        gone=[RECOVERY],
        pages={PRIMARY: "guard"},
    ),
    Fault(
        name="the evidence cannot be read",
        silent=dict.fromkeys(ROLES, EMITTERS["guard"] | EMITTERS["review_evidence"]),
        pages={PRIMARY: "guard", RECOVERY: "guard"},
    ),
    Fault(
        name="PagerDuty takes nothing",
        silent={role: {"CanaryDelivered", "OtherRegionHeard"} for role in ROLES},
        beyond={role: ["notifier-failing"] for role in ROLES},
        deaf=ROLES,
        pages={PRIMARY: "notifier", RECOVERY: "notifier"},
    ),
    Fault(
        name="the recovery region has no routing key",
        silent={PRIMARY: {"OtherRegionHeard"}, RECOVERY: {"CanaryDelivered"}},
        pages={PRIMARY: "other-region", RECOVERY: "notifier"},
    ),
    Fault(
        name="no function runs in the primary region",
        silent={
            PRIMARY: {"OtherRegionHeard", *(name for names in EMITTERS.values() for name in names)},
            RECOVERY: {"OtherRegionHeard"},
        },
        beyond={RECOVERY: OLD_COPIES[:2]},
        deaf=[PRIMARY],
        pages={PRIMARY: "notifier", RECOVERY: "silence"},
    ),
]


def paged(fault: Fault, prod: Assembly) -> dict[Role, set[str]]:
    found: dict[Role, set[str]] = {role: pages_of(fault, Region(prod, role)) for role in ROLES}
    return {role: causes for role, causes in found.items() if causes}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_fault_pages_once_where_it_should_and_nowhere_else(fault: Fault, prod: Assembly) -> None:
    assert paged(fault, prod) == {role: {cause} for role, cause in fault.pages.items()}


def test_what_takes_the_protection_away_is_not_kept_quiet_by_its_consequences(prod: Assembly) -> None:
    """The exception: a key that is disabled stops the guard, and is told of besides."""
    silent: dict[Role, Collection[str]] = {RECOVERY: EMITTERS["guard"] | EMITTERS["review_evidence"]}
    fault = Fault(name="the key of the evidence is disabled", silent=silent, beyond={RECOVERY: ["key-endangered"]})
    assert paged(fault, prod) == {RECOVERY: {"guard", "protection"}}


def test_without_the_composites_a_lost_instance_would_page_more_than_once(
    prod: Assembly, monkeypatch: pytest.MonkeyPatch
) -> None:
    fault = next(each for each in FAULTS if each.name == "the instance of the primary is gone")

    def none(region: Region, composite: Json) -> None:
        del region, composite

    monkeypatch.setattr(Region, "suppressor", none)
    assert all(len(causes) > 1 for causes in paged(fault, prod).values())
