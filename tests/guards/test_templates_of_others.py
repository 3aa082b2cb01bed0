"""The guards over templates that are not ours, in the manner of those that people share."""

from pathlib import Path

from recovery.guards.checking import check
from recovery.guards.reading import read

TEMPLATES = Path(__file__).parent / "templates"


def found_in(name: str) -> set[tuple[str, str]]:
    return {(finding.rule, finding.logical_id) for finding in check(read(TEMPLATES / name)).findings}


def test_a_plan_and_a_database_as_blogs_show_them() -> None:
    assert found_in("classic_backup.yaml") == {
        ("alarm-without-word-on-silence", "Storage"),
        ("backup-in-database-window", "Plan"),
        ("backup-retention-outside-lock", "Plan"),
        ("backup-start-window", "Plan"),
        ("backup-without-copy", "Plan"),
        ("data-deleted-by-replacement", "Database"),
        ("data-deleted-by-replacement", "Vault"),
        ("data-deleted-with-stack", "Database"),
        ("data-deleted-with-stack", "Vault"),
        ("data-without-deletion-protection", "Database"),
        ("database-backup-retention", "Database"),
        ("database-backups-stay-in-region", "Database"),
        ("database-by-password-only", "Database"),
        ("database-engine-retired", "Database"),
        ("database-in-one-zone", "Database"),
        ("database-password-managed", "Database"),
        ("database-takes-backups-along", "Database"),
        ("vault-lets-delete", "Vault"),
        ("vault-never-restored", "Vault"),
        ("vault-without-own-key", "Vault"),
    }


def test_functions_events_and_a_role_for_everybody() -> None:
    assert found_in("serverless_jobs.json") == {
        ("alarm-without-dimension", "Failures"),
        ("event-dropped-on-its-way", "OnRestore"),
        ("function-logs-unowned", "Restored"),
        ("function-loses-events", "Restored"),
        ("function-without-timeout", "Restored"),
        ("may-delete-databases", "Role"),
        ("may-delete-keys", "Role"),
        ("may-delete-recovery-points", "Role"),
        ("may-do-everything", "Role"),
        ("role-for-anybody", "Role"),
        ("step-without-timeout", "Machine"),
        ("topic-under-aws-key", "Topic"),
        ("topic-without-subscriber", "Topic"),
    }


def test_two_regions_told_apart_by_their_folders() -> None:
    assert found_in("two_regions") == {
        ("import-from-another-region", "Reader"),
        ("recovery-needs-primary", "Reader"),
        ("replica-of-nothing", "Replica"),
        ("replication-repeats-deletions", "Data"),
        ("replication-without-versions", "Copy"),
    }
