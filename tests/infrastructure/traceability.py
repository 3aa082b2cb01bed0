"""Each ticket and row of spec 20 -> resources of the templates, tests, evidence; and the page that shows it.

Tests and documents are named here, resources are looked up by the construct that makes them. What is named and not
there fails tests/infrastructure/test_traceability.py, so a row can become wrong only together with a test.
"""

import ast
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from lab.drills.commands import DRILLS
from tests.infrastructure.assemblies import ROOT, Assembly

# Of the first drill and of what a deployment proves by itself; the others are named by lab.drills.
FIRST_DRILL, VERIFICATION = "the restore drill", "verified restores"
EVIDENCE = {
    FIRST_DRILL: "`make drill`: build/drill/evidence.json",
    VERIFICATION: "`dr evidence list`: one locked record of every restore of a deployment",
    **{kind.name: f"`dr drill {kind.name}`: build/drill/{kind.name}/evidence.json" for kind in DRILLS},
}


@dataclass(frozen=True, kw_only=True)
class Row:
    """One promise of the spec. ``places`` are stacks with the beginning of logical ids; ``tests`` are module::test."""

    promise: str
    places: tuple[str, ...] = ()
    tests: tuple[str, ...]
    evidence: tuple[str, ...] = ()
    pages: tuple[str, ...] = ()


TICKETS = (
    Row(
        promise="SS-380 Implement local encrypted backup",
        tests=(
            "device/test_creation.py::test_nothing_of_the_database_can_be_read_without_a_key",
            "device/test_creation.py::test_killed_at_any_step_it_leaves_a_whole_backup_or_none",
            "device/test_container.py::test_what_went_in_comes_out",
        ),
        pages=("docs/device-format.md", "docs/benchmarks/device-faults.md"),
    ),
    Row(
        promise="SS-381 Create cloud backup upload",
        places=("DeviceBackups/Writes", "DeviceBackups/Backups", "DeviceBackups/Checks"),
        tests=(
            "infrastructure/test_device_api_stack.py::test_every_backup_that_arrives_is_verified",
            "lab/test_device_api.py::test_link_is_used_once",
        ),
        pages=("docs/device-backups.md",),
    ),
    Row(
        promise="SS-382 Build backup restore functionality",
        places=("DeviceBackups/Reads", "RecoveryFoundation/DeviceReads"),
        tests=(
            "device/test_restoring.py::test_killed_at_any_step_a_restore_leaves_the_old_or_the_new_and_its_undo",
            "lab/test_device_api.py::test_lost_phones_backup_is_restored_on_another_phone",
            "lab/test_device_api.py::test_without_the_primary_region_the_client_reads_the_copies",
        ),
        pages=("docs/device.md",),
    ),
    Row(
        promise="SS-383 Set up RDS automated backups",
        places=("Database/PrimaryInstance", "Backup/Snapshots", "Backup/Vault"),
        tests=(
            "infrastructure/test_database_stack.py::test_automated_backups_are_kept_as_the_spec_says",
            "infrastructure/test_backup_stack.py::test_snapshots_are_taken_and_kept_as_the_spec_says",
        ),
        evidence=("restore", VERIFICATION),
    ),
    Row(
        promise="SS-384 Configure cross-region replication",
        places=("RecoveryFoundation/Vault", "RecoveryFoundation/DatabaseKey", "RecoveryStandby/Replica"),
        tests=(
            "infrastructure/test_database_stack.py"
            "::test_automated_backups_are_replicated_under_a_key_of_the_recovery_region",
            "infrastructure/test_backup_stack.py::test_snapshot_is_copied_to_the_recovery_vault",
            "infrastructure/test_recovery_standby_stack.py::test_replica_follows_the_primary_from_the_other_region",
            "infrastructure/test_device_backups_stack.py::test_new_versions_are_replicated_within_the_controlled_time",
        ),
        evidence=(FIRST_DRILL, "region", "failback"),
    ),
    Row(
        promise="SS-385 Create backup scheduling (daily auto)",
        places=("DeviceBackups/ChecksCount",),
        tests=(
            "device/test_daily.py::test_hourly_starts_of_a_month_make_one_backup_a_day",
            "device/test_schedule.py::test_timer_is_persistent_and_spread",
            "infrastructure/test_device_api_stack.py::test_late_devices_are_counted_four_times_a_day",
        ),
    ),
    Row(
        promise="SS-386 Implement backup verification tests",
        places=("Backup/Proof", "RecoveryStandby/Proof", "Database/Manifest"),
        tests=(
            "infrastructure/test_backup_stack.py::test_newest_snapshot_of_the_vault_is_restored_monthly",
            "infrastructure/test_backup_stack.py::test_recovery_region_tests_the_copied_vault",
            "lab/test_drill.py::test_every_check_passes",
        ),
        evidence=(FIRST_DRILL, VERIFICATION),
        pages=("docs/proof.md", "docs/damage.md"),
    ),
    Row(
        promise="SS-387 Build export to external storage",
        tests=(
            "device/test_export.py::test_csv_has_the_products_header",
            "device/test_export.py::test_json_loads_back_into_the_same_database",
        ),
        pages=("docs/device.md",),
    ),
    Row(
        promise="SS-388 Create DR runbook documentation",
        tests=(
            "documentation/test_runbooks.py::test_every_alarm_and_event_has_a_page_and_every_page_an_alarm_or_event",
            "documentation/test_commands.py::test_every_command_of_every_page_is_one_its_program_takes",
            "documentation/test_runbooks.py::test_every_resource_that_a_page_names_exists_in_a_template",
        ),
        pages=(
            "docs/runbooks/index.md",
            "docs/how-to/index.md",
            "docs/failover.md",
            "docs/restore.md",
            "docs/rollback.md",
        ),
    ),
    Row(
        promise="SS-389 Set up backup monitoring alerts",
        places=("Observability/", "RecoveryStandby/Signals", "RecoveryStandby/Announcements", "RecoveryStandby/Alarms"),
        tests=(
            "infrastructure/test_alarm_metrics.py::test_exactly_the_alarms_of_the_table_stand",
            "infrastructure/test_alarm_graph.py::test_both_regions_have_a_whole_chain_of_their_own",
            "infrastructure/test_observability_stack.py::test_a_pulse_that_stops_is_silent_and_an_alarm",
            "infrastructure/test_observability_stack.py::test_on_call_subscribes_to_messages_in_both_regions",
            "lab/test_alarm_path.py::test_metric_over_its_threshold_arrives_as_the_alarms_message",
        ),
    ),
    Row(
        promise="SS-390 Implement data migration tools",
        tests=(
            "device/test_schema.py::test_migration_keeps_every_transaction_as_the_app_shows_it",
            "lab/test_drill_migrate.py::test_no_acknowledged_commit_is_lost_twice_or_changed_at_either_end",
            "lab/test_drill_migrate.py::test_every_row_was_verified_there_and_back",
        ),
        pages=("docs/migrate.md",),
    ),
)
TIERS = (
    Row(
        promise="Tier 1 (DB): RTO 1 h, RPO 0; Multi-AZ RDS, automatic failover",
        places=("Database/PrimaryInstance",),
        tests=(
            "infrastructure/test_database_stack.py::test_instance_is_multi_az_under_an_explicit_name",
            "lab/test_drill_instance.py::test_loses_no_acknowledged_commit",
        ),
        evidence=("instance",),
    ),
    Row(
        promise="Tier 2 (App): RTO 30 min; ECS auto-recovery, application rollback",
        places=("Application/Api",),
        tests=(
            "infrastructure/test_application_stack.py::test_alarms_roll_a_deployment_back",
            "lab/test_drill_rollback.py::test_slower_of_the_two_is_held_against_tier_2",
        ),
        evidence=("rollback",),
        pages=("docs/rollback.md",),
    ),
    Row(
        promise="Tier 3 (Full): RTO 4 h, RPO 1 h; cross-region restore",
        places=("RecoveryStandby/Failover", "RecoveryStandby/Replica", "RecoveryStandby/Api", "RecoveryFoundation/"),
        tests=(
            "lab/test_drill.py::test_lists_tier_three_alone_and_measures_it",
            "lab/test_drill_region.py::test_loss_is_what_the_newest_heartbeat_says",
        ),
        evidence=(FIRST_DRILL, "region", "restore"),
        pages=("docs/failover.md",),
    ),
)
SCHEDULE = (
    Row(
        promise="Local auto-backup: daily, 7 days, device",
        tests=(
            "device/test_daily.py::test_hourly_starts_of_a_month_make_one_backup_a_day",
            "device/test_pruning.py::test_seven_days_stay_and_older_ones_go",
        ),
    ),
    Row(
        promise="Cloud backup: daily, 30 days, S3",
        places=("DeviceBackups/BackupsBucket", "RecoveryFoundation/DeviceBackupsBucket"),
        tests=(
            "infrastructure/test_device_backups_stack.py"
            "::test_older_versions_are_really_deleted_except_the_one_before_the_newest",
        ),
    ),
    Row(
        promise="RDS snapshot: daily, 7 days, AWS; weekly and monthly, 90 days",
        places=("Database/PrimaryInstance", "Backup/SnapshotsPlan"),
        tests=(
            "infrastructure/test_database_stack.py::test_automated_backups_are_kept_as_the_spec_says",
            "infrastructure/test_backup_stack.py::test_snapshots_are_taken_and_kept_as_the_spec_says",
        ),
        evidence=("restore",),
    ),
    Row(
        promise="Manual export: on demand, the user's choice, external",
        tests=("device/test_export.py::test_sqlite_is_a_sound_database_with_the_same_content",),
    ),
)
VERIFICATIONS = (
    Row(
        promise="Monthly DR drill (restore to staging)",
        places=("Backup/ProofTest", "RecoveryStandby/ProofTest"),
        tests=(
            "infrastructure/test_backup_stack.py::test_newest_snapshot_of_the_vault_is_restored_monthly",
            "infrastructure/test_observability_stack.py::test_missing_restore_tests_are_announced_too",
        ),
        evidence=(VERIFICATION, FIRST_DRILL),
    ),
    Row(
        promise="Backup integrity verification",
        places=("Backup/Audit", "RecoveryStandby/Audit", "Backup/ProofVerification", "DeviceBackups/ChecksVerify"),
        tests=(
            "infrastructure/test_audit.py::test_controls_ask_for_what_the_objectives_promise",
            "lab/test_drill.py::test_content_names_the_table",
        ),
        evidence=(VERIFICATION,),
        pages=("docs/damage.md",),
    ),
    Row(
        promise="Cross-region failover test",
        places=("RecoveryStandby/Failover",),
        tests=(
            "lab/test_drill_region.py::test_region_drill_passes",
            "lab/test_drill_region.py::test_failback_drill_passes_both_ways",
        ),
        evidence=("region", "failback"),
    ),
    Row(
        promise="User restore flow testing",
        tests=("lab/test_device_api.py::test_lost_phone_and_its_kit_are_enough_for_another_phone",),
        pages=("docs/device.md",),
    ),
)
TABLES = {
    "Tickets": TICKETS,
    "Disaster recovery tiers": TIERS,
    "Backup schedule": SCHEDULE,
    "Verification plan": VERIFICATIONS,
}


def rows() -> Iterator[Row]:
    """Every row of every table."""
    for table in TABLES.values():
        yield from table


@cache
def names_of_tests(module: str) -> frozenset[str]:
    """The names of the tests in a module below tests/."""
    tree = ast.parse((ROOT / "tests" / module).read_text())
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


def resources_of(assembly: Assembly, place: str) -> Counter[str]:
    """How many resources of each type a place holds; IAM and what only connects others left out."""
    stack, _, prefix = place.partition("/")
    kinds = (each["Type"] for name, each in assembly.templates[stack]["Resources"].items() if name.startswith(prefix))
    return Counter(kind.removeprefix("AWS::") for kind in kinds if not _connects(kind))


def _connects(kind: str) -> bool:
    left_out = ("AWS::IAM::", "AWS::EC2::", "AWS::Logs::", "AWS::Lambda::Permission", "AWS::Lambda::LayerVersion")
    return kind.startswith(left_out) or kind.endswith("Policy")


def tables(assembly: Assembly) -> str:
    """The page's generated part."""
    lines: list[str] = []
    for title, table in TABLES.items():
        lines += ["", f"## {title}", "", "| spec 20 | resources | tests | evidence, pages |", "|---|---|---|---|"]
        lines += [f"| {row.promise} | {_resources(assembly, row)} | {_tests(row)} | {_proof(row)} |" for row in table]
    return "\n".join([*lines, ""])


def _resources(assembly: Assembly, row: Row) -> str:
    places = (
        f"`{place}`: " + ", ".join(f"{count} {kind}" for kind, count in sorted(resources_of(assembly, place).items()))
        for place in row.places
    )
    return "<br>".join(places) or "none: runs on the device, or is a document"


def _tests(row: Row) -> str:
    return "<br>".join(f"{module.split('/')[-1]}: {name}" for module, _, name in (t.partition("::") for t in row.tests))


def _proof(row: Row) -> str:
    pages = (f"[{page.removeprefix('docs/')}]({page.removeprefix('docs/')})" for page in row.pages)
    return "<br>".join([*(EVIDENCE[kind] for kind in row.evidence), *pages]) or "its tests"
